"""Who may reach whom: security groups as those that enforce them need them. Pure values.

A *guard* is the groups of one network interface taken together: whatever one of them allows is allowed,
all else is refused. Interfaces with the same groups share a guard. Source: Amazon VPC User Guide,
"Security group rules".
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import msgspec

LAST_PORT = 65535
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
_NUMBERS = {"icmp": ICMP, "tcp": TCP, "udp": UDP, "icmpv6": ICMPV6}
_ANY_CODE = 255


class GuardRule(msgspec.Struct, frozen=True, kw_only=True):
    """Traffic with one peer that is let through: a network (CIDR), or the members of a group.

    ``protocol`` None: all. ``first`` to ``last`` are destination ports; of ICMP, type * 256 + code.
    """

    network: str = ""
    group: str = ""
    protocol: int | None = None
    first: int = 0
    last: int = LAST_PORT


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """What an interface lets in and out."""

    ingress: tuple[GuardRule, ...] = ()
    egress: tuple[GuardRule, ...] = ()


class Guards(msgspec.Struct, frozen=True, kw_only=True):
    """Every guard of this host, and who stands behind which. An address without one is not guarded."""

    rules: Mapping[str, Guard] = {}
    """By the guard's name: its groups' ids, joined by commas."""
    of: Mapping[str, str] = {}
    """Address of a network interface -> its guard's name."""
    members: Mapping[str, frozenset[str]] = {}
    """Group id -> the addresses of the interfaces that have it."""
    balancers: frozenset[str] = frozenset()
    """Which of the guarded addresses are load balancers'."""
    published: Mapping[tuple[str, int], tuple[str, int]] = {}
    """A bridge container's own address and port -> its instance's, where the rules look."""
    containers: Mapping[str, str] = {}
    """A bridge container's own address -> its instance's."""


class Direction(IntEnum):
    """``THROUGH``: what comes from a load balancer's members in the name of its client. A rule that names a
    load balancer's group lets its clients in, whatever address they keep. Source: Network Load Balancers,
    "Security groups for your Network Load Balancer"."""

    INGRESS = 0
    EGRESS = 1
    THROUGH = 2


def guard_name(groups: tuple[str, ...]) -> str:
    """The name of the guard that these groups make; empty for none."""
    return ",".join(sorted(set(groups)))


def guard_rule(rule: Mapping[str, Any]) -> GuardRule:
    """From an EC2 ``IpPermission`` with one peer."""
    first, last = _range(rule)
    return GuardRule(
        network=next(
            (
                entry[one]
                for many, one in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"))
                for entry in rule.get(many, ())
            ),
            "",
        ),
        group=next((pair["GroupId"] for pair in rule.get("UserIdGroupPairs", ())), ""),
        protocol=_protocol(rule["IpProtocol"]),
        first=first,
        last=last,
    )


def _protocol(text: str) -> int | None:
    return None if text == "-1" else _NUMBERS[text] if text in _NUMBERS else int(text)


def _range(rule: Mapping[str, Any]) -> tuple[int, int]:
    if "FromPort" not in rule:
        return 0, LAST_PORT
    low, high = rule["FromPort"], rule["ToPort"]
    if _protocol(rule["IpProtocol"]) not in (ICMP, ICMPV6):
        return low, high
    if low == -1:
        return 0, LAST_PORT
    return low << 8 | max(high, 0), low << 8 | (_ANY_CODE if high == -1 else high)
