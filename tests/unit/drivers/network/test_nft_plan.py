"""What the packet filter's table is told; tests/contract/test_guards.py sends packets through it."""

import hashlib

from sealway.drivers.contracts.refusal import Refusal
from sealway.drivers.network.nft_plan import (
    IPV4,
    IPV6,
    Present,
    chain,
    change,
    counted,
    present,
    refusals,
)
from sealway.model.guard import Guard, GuardRule, Guards

WEB, DB, BOX, INSTANCE = "10.0.0.5", "10.0.0.6", "172.30.0.5", "10.0.1.9"
GUARDS = Guards(
    rules={
        "sg-a,sg-b": Guard(
            ingress=(
                GuardRule(network="10.0.1.0/24", protocol=6, first=80, last=90),
                GuardRule(network="::/0"),
                GuardRule(group="sg-h", protocol=17),
            ),
            egress=(GuardRule(network="0.0.0.0/0"),),
        ),
        "sg-h": Guard(egress=(GuardRule(group="sg-a", protocol=50),)),
    },
    of={WEB: "sg-a,sg-b", INSTANCE: "sg-h"},
    members={"sg-a": frozenset({WEB}), "sg-b": frozenset({WEB}), "sg-h": frozenset({INSTANCE})},
    published={(BOX, 80): (INSTANCE, 32768)},
    containers={BOX: INSTANCE},
)

NOTHING = Present()


def told(now: Present = NOTHING, guards: Guards = GUARDS, *, host_passes: bool = False) -> list[str]:
    return (change(now, guards, ["10.0.0.2"], host_passes) or "").splitlines()


def rules(lines: list[str], of: str) -> list[str]:
    start = f"add rule ip sealway {of} "
    return [line.removeprefix(start) for line in lines if line.startswith(start)]


def test_each_rule_becomes_one() -> None:
    lines = told()
    *own, remembered, refused = rules(lines, "in.sg-a.sg-b")
    assert own == [
        "ip saddr { 10.0.1.0/24, 172.30.0.5 } meta l4proto 6 ct original proto-dst 80-90 accept",
        "ip saddr @from.sg-h meta l4proto 17 accept",
    ]
    assert remembered.startswith("meta l4proto { tcp, udp } update @refused.in.sg-a.sg-b ")
    assert refused == "counter name refused drop"
    assert rules(lines, "out.sg-a.sg-b")[0] == "return"
    assert rules(lines, "out.sg-h")[0] == "ct original ip daddr @to.sg-a meta l4proto 50 return"
    assert rules(lines, "in.sg-h")[-1] == "counter name refused drop"
    assert len(rules(lines, "in.sg-h")) == 2


def test_a_container_stands_for_its_instance() -> None:
    lines = told()
    assert "add element ip sealway from.sg-h { 10.0.1.9, 172.30.0.5 }" in lines
    assert "add element ip sealway to.sg-a { 10.0.0.5 }" in lines
    (egress,) = (line for line in lines if line.startswith("add element ip sealway egress_of"))
    (ingress,) = (line for line in lines if line.startswith("add element ip sealway ingress_of"))
    assert f"{BOX} : jump out.sg-h" in egress
    assert BOX not in ingress


def test_what_is_as_wanted_is_left_alone() -> None:
    lines = told()
    names = [line.split()[4] for line in lines if line.startswith("add set ip sealway ")]
    now = Present(frozenset({"forward", "in.sg-a.sg-b"}), frozenset(names))
    assert told(now) == []
    assert told(now, host_passes=True) != []


def test_what_is_no_longer_wanted_goes_once_nothing_leads_there() -> None:
    now = Present(frozenset({"forward", "in.sg-z", "out.sg-z"}), frozenset({"from.sg-z", "digest.0"}))
    lines = told(now)
    gone = lines.index("delete chain ip sealway in.sg-z")
    for before in ("flush chain ip sealway in.sg-z", "flush map ip sealway ingress_of"):
        assert lines.index(before) < gone
    assert {"delete set ip sealway from.sg-z", "delete set ip sealway digest.0"} <= set(lines)


def test_this_hosts_own_connections_are_judged_unless_it_stands_for_others() -> None:
    assert rules(told(), "output")
    assert rules(told(host_passes=True), "output") == []


def test_a_name_is_never_too_long() -> None:
    many = ",".join(f"sg-{n:017x}" for n in range(16))
    assert chain(many, "in") == "in." + hashlib.sha256(many.encode()).hexdigest()
    assert chain("sg-a,sg-b", "out") == "out.sg-a.sg-b"


def test_reading_back() -> None:
    listed = {
        "nftables": [
            {"metainfo": {}},
            {"chain": {"name": "forward"}},
            {"counter": {"name": "refused", "packets": 7}},
            {"map": {"name": "ingress_of"}},
            {
                "set": {
                    "name": "refused.in.sg-h",
                    "elem": [
                        {
                            "elem": {
                                "val": {"concat": [WEB, BOX, "tcp", 80]},
                                "expires": 3590,
                                "counter": {"packets": 3, "bytes": 180},
                            }
                        }
                    ],
                }
            },
            {"set": {"name": "refused.in.sg-gone", "elem": []}},
        ]
    }
    assert present(listed) == Present(
        frozenset({"forward"}), frozenset({"refused.in.sg-h", "refused.in.sg-gone"})
    )
    assert counted(listed) == {"security_group": 7}
    assert refusals(listed, GUARDS) == [
        Refusal(
            guard="sg-h",
            direction="ingress",
            source=WEB,
            destination=INSTANCE,
            protocol=6,
            port=32768,
            packets=3,
            ago=10,
        )
    ]


def test_a_table_of_each_ip_version_holds_its_addresses() -> None:
    both = Guards(
        rules={"sg-a": Guard(ingress=(GuardRule(network="fd01::/16"), GuardRule(network="10.1.0.0/16")))},
        of={"10.0.0.5": "sg-a", "fd00::5": "sg-a"},
        members={"sg-a": frozenset({"10.0.0.5", "fd00::5"})},
    )
    four, six = (change(NOTHING, both, ["10.0.0.2"], True, family) or "" for family in (IPV4, IPV6))
    assert "add element ip sealway ingress_of { 10.0.0.5 : jump in.sg-a }" in four
    assert "add rule ip sealway in.sg-a ip saddr { 10.1.0.0/16 } accept" in four
    assert "fd0" not in four
    assert "add element ip6 sealway ingress_of { fd00::5 : jump in.sg-a }" in six
    assert "add rule ip6 sealway in.sg-a ip6 saddr { fd01::/16 } accept" in six
    assert "10." not in six
    assert "nd-neighbor-solicit" in six
    assert "fib saddr . iif oif missing" in six
