"""Which address of a subnet comes next.

AWS reserves five addresses of every subnet: network, router (+1), resolver (+2), future use (+3) and
the last. Source: Amazon VPC User Guide, "Subnet CIDR blocks".
"""

from collections.abc import Collection, Iterable, Iterator, Set
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

RESERVED_AT_START = 4


def is_reserved(cidr: str, address: str) -> bool:
    """Whether AWS keeps this address of the subnet for itself."""
    network, wanted = IPv4Network(cidr), IPv4Address(address)
    return (
        int(wanted) - int(network.network_address) < RESERVED_AT_START or wanted == network.broadcast_address
    )


def capacity(cidr: str) -> int:
    """How many addresses of the subnet can be given out."""
    return IPv4Network(cidr).num_addresses - RESERVED_AT_START - 1


class Addresses(Set[str]):
    """Addresses in use: those that somebody keeps, and some more. What is kept is not copied."""

    def __init__(self, kept: Set[str] = frozenset(), more: frozenset[str] = frozenset()) -> None:
        self._kept, self._more = kept, more

    def __contains__(self, address: object) -> bool:
        return address in self._more or address in self._kept

    def __iter__(self) -> Iterator[str]:
        yield from self._kept
        yield from self._more

    def __len__(self) -> int:
        return len(self._kept) + len(self._more)

    def plus(self, addresses: Iterable[str]) -> "Addresses":
        """With these in use, too."""
        return Addresses(self._kept, self._more.union(each for each in addresses if each not in self))


def first_free(cidr: str, taken: Collection[str], start: int = 0) -> str | None:
    """The first address not in ``taken``, searched from offset ``start`` and around; None when full.

    Starting where the last search ended keeps a freed address out of use for as long as possible,
    so that connections of a stopped task never meet a new one.
    """
    base = int(IPv4Network(cidr).network_address) + RESERVED_AT_START
    room = capacity(cidr)
    busy = taken if isinstance(taken, Set) else frozenset(taken)
    for step in range(room):
        candidate = str(IPv4Address(base + (start + step) % room))
        if candidate not in busy:
            return candidate
    return None


def resolver_address(vpc_cidr: str) -> str:
    """The VPC's resolver: its network's base address plus two."""
    return str(IPv4Network(vpc_cidr).network_address + 2)


def router_address(cidr: str) -> str:
    """The first address of a network: the VPC router's."""
    return str(IPv4Network(cidr).network_address + 1)


def is_ipv6(address_or_cidr: str) -> bool:
    """Which version an address or block is of, by its look."""
    return ":" in address_or_cidr


def wide_address(ipv6_cidr: str, private_ip: str) -> str:
    """An interface's address in an IPv6 block: the IPv4 one at its end, so it needs no bookkeeping."""
    return str(IPv6Address(int(IPv6Network(ipv6_cidr).network_address) + int(IPv4Address(private_ip))))


def wide_router_address(ipv6_cidr: str) -> str:
    """The first address of an IPv6 network: the VPC router's."""
    return str(IPv6Network(ipv6_cidr).network_address + 1)


def mac_for(private_ip: str) -> str:
    """A locally administered unicast MAC, a function of the address, so it needs no bookkeeping."""
    return "0a:58:" + ":".join(f"{byte:02x}" for byte in IPv4Address(private_ip).packed)
