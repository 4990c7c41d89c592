"""EC2's rules as those that enforce them read them."""

from typing import Any

import pytest

from sealway.model.guard import GuardRule, guard_name, guard_rule

ANY = [{"CidrIp": "0.0.0.0/0"}]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"IpProtocol": "-1"}, GuardRule(network="0.0.0.0/0")),
        (
            {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 90},
            GuardRule(network="0.0.0.0/0", protocol=6, first=80, last=90),
        ),
        (
            {"IpProtocol": "udp", "FromPort": 0, "ToPort": 65535},
            GuardRule(network="0.0.0.0/0", protocol=17),
        ),
        ({"IpProtocol": "50"}, GuardRule(network="0.0.0.0/0", protocol=50)),
        (
            {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1},
            GuardRule(network="0.0.0.0/0", protocol=1),
        ),
        (
            {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1},
            GuardRule(network="0.0.0.0/0", protocol=1, first=8 << 8, last=(8 << 8) + 255),
        ),
        (
            {"IpProtocol": "icmp", "FromPort": 3, "ToPort": 4},
            GuardRule(network="0.0.0.0/0", protocol=1, first=(3 << 8) + 4, last=(3 << 8) + 4),
        ),
    ],
)
def test_protocols_and_ports(rule: dict[str, Any], expected: GuardRule) -> None:
    assert guard_rule({**rule, "IpRanges": ANY}) == expected


def test_peers() -> None:
    assert guard_rule({"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}) == GuardRule(network="::/0")
    pair = {"GroupId": "sg-1", "UserId": "000000000000"}
    assert guard_rule({"IpProtocol": "-1", "UserIdGroupPairs": [pair]}) == GuardRule(group="sg-1")


def test_a_guards_name_does_not_depend_on_the_groups_order() -> None:
    assert guard_name(("sg-b", "sg-a")) == guard_name(("sg-a", "sg-b", "sg-a")) == "sg-a,sg-b"
    assert guard_name(()) == ""
