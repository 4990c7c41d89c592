"""The session-manager-plugin's frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealway.node.agent_message import INPUT, OUTPUT, Malformed, Message, decode, encode

MESSAGES = st.builds(
    Message,
    kind=st.sampled_from([INPUT, OUTPUT, "acknowledge", "channel_closed"]),
    id=st.uuids().map(str),
    created=st.integers(0, 2**64 - 1),
    sequence=st.integers(-(2**63), 2**63 - 1),
    flags=st.integers(0, 2**64 - 1),
    payload_type=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=200),
)


@given(MESSAGES)
def test_what_is_written_is_read(message: Message) -> None:
    assert decode(encode(message)) == message


def test_where_everything_is() -> None:
    """As the plugin's source has it: offsets 0, 4, 36, 40, 48, 56, 64, 80, 112, 116 and 120."""
    identity = "00112233-4455-6677-8899-aabbccddeeff"
    frame = encode(
        Message(kind=OUTPUT, id=identity, created=1, sequence=2, flags=3, payload_type=4, payload=b"hello")
    )
    assert frame[:4] == (116).to_bytes(4, "big")
    assert frame[4:36] == b"output_stream_data".ljust(32)
    assert [int.from_bytes(frame[a:b], "big") for a, b in ((36, 40), (40, 48), (48, 56), (56, 64))] == [
        1,
        1,
        2,
        3,
    ]
    assert frame[64:80].hex() == "8899aabbccddeeff0011223344556677"
    assert frame[112:120] == (4).to_bytes(4, "big") + (5).to_bytes(4, "big")
    assert frame[120:] == b"hello"


@given(MESSAGES, st.data())
def test_a_damaged_frame_is_never_taken_for_another_payload(message: Message, data: st.DataObject) -> None:
    frame = bytearray(encode(message))
    at = data.draw(st.integers(80, len(frame) - 1).filter(lambda i: not 112 <= i < 116))
    frame[at] ^= 1
    with pytest.raises(Malformed):
        decode(bytes(frame))


@given(st.binary(max_size=300))
def test_anything_else_is_malformed(frame: bytes) -> None:
    with pytest.raises(Malformed):
        decode(frame)
