"""What flows do, as the programs tell it: ``bpf/lib/event.h``."""

import time

from ..contracts.dataplane import WATCH_SECONDS, FlowEvent
from . import abi, abi6, libbpf
from .census import PROTOCOL_NAMES
from .layouts import Layout, address_text

_WHAT = {
    abi.EventKind.START: "start",
    abi.EventKind.END: "finished",
    abi.EventKind.CLIENT_RESET: "client reset",
    abi.EventKind.TARGET_RESET: "target reset",
    abi.EventKind.CUT: "cut",
}
_FIRST = bytes(4)


class Events:
    """One width's. The programs tell for so long after each call, whatever becomes of this process."""

    def __init__(self, ring: libbpf.Map, config: libbpf.Map, layout: Layout) -> None:
        self._ring = libbpf.RingBuffer(ring)
        self._config = config
        self._layout = layout
        self._watched_until = 0

    def close(self) -> None:
        self._ring.close()

    def read(self) -> list[FlowEvent]:
        """Since the last call; what was told to an earlier watcher is let go."""
        now = int(time.clock_gettime(time.CLOCK_MONOTONIC))
        first = self._watched_until < now
        self._watched_until = now + WATCH_SECONDS
        told = abi.Config.unpack(self._config.get(_FIRST) or b"")
        self._config.put(_FIRST, told._replace(watched_until=self._watched_until).pack())
        records = self._ring.records()
        return [] if first else [_event(self._layout.event.unpack(record)) for record in records]


def _event(told: abi.Event | abi6.Event) -> FlowEvent:
    """From either direction's entry."""
    key_source, key_destination = told.key_source, told.key_destination
    ports = [
        int.from_bytes(port, "big")
        for port in (told.key_source_port, told.key_destination_port, told.source_port, told.destination_port)
    ]
    client, vip, target = (key_source, ports[0]), (key_destination, ports[1]), (told.destination, ports[3])
    if told.flags & abi.FlowFlag.ANSWER:
        client, vip, target = (told.destination, ports[3]), (told.source, ports[2]), (key_source, ports[0])
    return FlowEvent(
        what=_WHAT[abi.EventKind(told.kind)],  # type: ignore[arg-type]
        protocol=PROTOCOL_NAMES[told.protocol],  # type: ignore[arg-type]
        client=address_text(client[0]),
        client_port=client[1],
        vip=address_text(vip[0]),
        port=vip[1],
        target=address_text(target[0]),
        target_port=target[1],
    )
