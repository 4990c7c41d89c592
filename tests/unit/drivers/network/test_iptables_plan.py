"""From what iptables-save tells to the change that is due."""

import pytest

from sealway.drivers.network.iptables_plan import (
    FORWARD,
    NAT,
    bridge_sources,
    filter_change,
    nat_change,
    nat_rules,
    parse,
    removal,
)

VPC = "10.0.0.0/16"
FILTER = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
COMMIT
"""
WITH_DOCKER = FILTER.replace(
    "COMMIT", ":DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\nCOMMIT"
)
NAT_TABLE = """\
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [5:300]
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
COMMIT
"""


def performed(saved, change):
    """The table after ``iptables-restore --noflush``, for the few commands that we use."""
    chains = {chain: list(rules) for chain, rules in parse(saved).chains.items()}
    for line in change.splitlines():
        words = line.split(" ", 3)
        match words[0][:1], words:
            case ":", _:
                chains[words[0][1:]] = []
            case _, ["-A", chain, *_]:
                chains[chain].append(line.split(" ", 2)[2])
            case _, ["-I", chain, "1", rule]:
                chains[chain].insert(0, rule)
            case _, ["-D", chain, *_]:
                chains[chain].remove(line.split(" ", 2)[2])
            case _, ["-F", chain]:
                chains[chain] = []
            case _, ["-X", chain]:
                assert chains.pop(chain) == []
    lines = [f":{chain} - [0:0]" for chain in chains]
    lines += [f"-A {chain} {rule}" for chain, rules in chains.items() for rule in rules]
    return "\n".join(lines)


@pytest.mark.parametrize(("saved", "caller"), [(FILTER, "FORWARD"), (WITH_DOCKER, "DOCKER-USER")])
def test_forwarding_is_called_first_by_docker_or_the_kernel(saved, caller):
    after = parse(performed(saved, filter_change(parse(saved))))
    assert after.rules(caller)[0] == f"-j {FORWARD}"
    assert after.rules(FORWARD) == (
        "-i sealway0 -j ACCEPT",
        "-o sealway0 -j ACCEPT",
        "-i swt+ -j ACCEPT",
        "-o swt+ -j ACCEPT",
    )
    assert filter_change(after) is None


def test_the_jump_moves_when_docker_comes_later():
    before = performed(FILTER, filter_change(parse(FILTER)))
    saved = before + "\n:DOCKER-USER - [0:0]\n-A DOCKER-USER -j RETURN\n-A FORWARD -j DOCKER-USER"
    after = parse(performed(saved, filter_change(parse(saved))))
    assert after.rules("FORWARD") == ("-j DOCKER-USER",)
    assert after.rules("DOCKER-USER") == (f"-j {FORWARD}", "-j RETURN")


def test_a_rule_on_top_of_ours_is_overtaken():
    saved = performed(NAT_TABLE, nat_change(parse(NAT_TABLE), nat_rules([VPC], (), {})))
    pushed = saved.replace(
        f"-A POSTROUTING -j {NAT}", f"-A POSTROUTING -s 172.18.0.0/16 -j MASQUERADE\n-A POSTROUTING -j {NAT}"
    )
    after = parse(performed(pushed, nat_change(parse(pushed), nat_rules([VPC], (), {}))))
    assert after.rules("POSTROUTING")[0] == f"-j {NAT}"
    assert after.rules("POSTROUTING").count(f"-j {NAT}") == 1


def test_sources_come_before_what_stays_and_what_leaves():
    assert nat_rules(["10.1.0.0/16", VPC], (), {"172.18.0.2": "10.0.0.5"}) == (
        "-s 172.18.0.2/32 -d 10.0.0.0/16 -j SNAT --to-source 10.0.0.5",
        "-s 172.18.0.2/32 -d 10.1.0.0/16 -j SNAT --to-source 10.0.0.5",
        "-o sealway-br0 -j RETURN",
        "-d 10.0.0.0/16 -j RETURN",
        "-d 10.1.0.0/16 -j RETURN",
        "-s 10.0.0.0/16 -j MASQUERADE",
        "-s 10.1.0.0/16 -j MASQUERADE",
    )


def test_the_sources_of_a_former_process_are_read_back():
    sources = {"172.18.0.2": "10.0.0.5", "172.18.0.3": "10.0.0.6"}
    saved = parse(
        performed(NAT_TABLE, nat_change(parse(NAT_TABLE), nat_rules([VPC, "10.1.0.0/16"], (), sources)))
    )
    assert bridge_sources(saved) == sources
    assert nat_change(saved, nat_rules(["10.1.0.0/16", VPC], (), sources)) is None


def test_removal_takes_the_chain_and_every_jump():
    saved = performed(WITH_DOCKER, filter_change(parse(WITH_DOCKER)))
    after = parse(performed(saved, removal("filter", parse(saved), FORWARD)))
    assert after == parse(WITH_DOCKER)
    assert removal("filter", after, FORWARD) is None


def test_what_goes_to_another_hosts_network_keeps_its_source():
    rules = nat_rules((VPC,), ("10.2.0.0/16",), {"172.18.0.2": "10.0.1.20"})
    assert rules.index("-d 10.2.0.0/16 -j RETURN") < rules.index(f"-s {VPC} -j MASQUERADE")
    assert "-s 172.18.0.2/32 -d 10.2.0.0/16 -j SNAT --to-source 10.0.1.20" in rules
    assert "-s 10.2.0.0/16 -j MASQUERADE" not in rules
