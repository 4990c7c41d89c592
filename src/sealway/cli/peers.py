"""``sealway up --peer ADDRESS=CIDR[,CIDR...]``."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network

from .failure import fail

EXAMPLE = "for example --peer 192.0.2.2=10.2.0.0/16"


def peers_of(options: Sequence[str]) -> dict[str, str]:
    """Network -> host. Ends the program where that is not what was told."""
    peers: dict[str, str] = {}
    for option in options:
        address, _, networks = option.partition("=")
        try:
            host = str(IPv4Address(address))
            told = [str(IPv4Network(network)) for network in networks.split(",")]
        except ValueError as error:
            fail(f"--peer takes ADDRESS=CIDR[,CIDR...], not {option!r}: {error}", EXAMPLE, 2)
        for network in told:
            if peers.setdefault(network, host) != host:
                fail(f"--peer gives {network} to {peers[network]} and to {host}", EXAMPLE, 2)
    return peers
