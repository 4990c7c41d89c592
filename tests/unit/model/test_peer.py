"""Whose an address is."""

from sealway.model.peer import host_of, overlap


def test_the_smallest_network_says_whose_an_address_is() -> None:
    peers = {"10.0.0.0/8": "192.0.2.8", "10.2.0.0/16": "192.0.2.2"}
    assert [host_of(peers, each) for each in ("10.2.0.1", "10.3.0.1", "11.0.0.1", "fd00::1")] == [
        "192.0.2.2", "192.0.2.8", "", "",
    ]  # fmt: skip


def test_networks_that_two_hosts_would_have() -> None:
    assert overlap(["10.1.0.0/16", "10.2.0.0/16"], ["fd00::/56", "172.31.0.0/16", "10.2.3.0/24"]) == (
        "10.2.0.0/16",
        "10.2.3.0/24",
    )
    assert overlap(["10.1.0.0/16"], ["10.2.0.0/16"]) is None
