"""What AWS says security groups mean, in as few words as Python has; and guards drawn at random.

Nothing here looks up, merges or compiles: every rule is asked in turn.
"""

import ipaddress

from hypothesis import strategies as st

from sealway.model.guard import ICMP, TCP, UDP, Guard, GuardRule, Guards

ADDRESSES = [f"10.0.{third}.{last}" for third in (0, 1) for last in (4, 5, 6, 130)] + ["203.0.113.9"]
NETWORKS = [
    "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.1.0/24", "10.0.0.128/25", "10.0.0.5/32", "10.0.0.4/30",
    "::/0",
]  # fmt: skip
GROUPS = ["sg-a", "sg-b", "sg-c"]
PROTOCOLS = [ICMP, TCP, UDP, 50]
PORTS = [0, 1, 22, 79, 80, 81, 442, 443, 1024, 32768, 65535]


def allowed(guards: Guards, own: str, direction: str, peer: str, protocol: int, port: int) -> bool:
    """Whether a packet between ``own`` and ``peer`` may begin a flow, as ``own``'s groups see it."""
    guard = guards.of.get(own)
    if guard is None:
        return True
    rules: tuple[GuardRule, ...] = getattr(guards.rules[guard], direction)
    return any(_matches(guards, rule, peer, protocol, port) for rule in rules)


def allowed_through(guards: Guards, own: str, node: str, protocol: int, port: int) -> bool:
    """Whether a rule lets in what comes by the load balancer's ``node``, whoever its client is."""
    guard = guards.of.get(own)
    return guard is not None and any(
        rule.group and node in guards.balancers and _matches(guards, rule, node, protocol, port)
        for rule in guards.rules[guard].ingress
    )


def _matches(guards: Guards, rule: GuardRule, peer: str, protocol: int, port: int) -> bool:
    if rule.protocol is not None and (protocol != rule.protocol or not rule.first <= port <= rule.last):
        return False
    if rule.group:
        return peer in guards.members.get(rule.group, ())
    network = ipaddress.ip_network(rule.network)
    return network.version == 4 and ipaddress.ip_address(peer) in network


@st.composite
def rules(draw: st.DrawFn) -> GuardRule:
    """Any rule."""
    first, last = sorted((draw(st.sampled_from(PORTS)), draw(st.sampled_from(PORTS))))
    protocol = draw(st.sampled_from([None, *PROTOCOLS]))
    if protocol not in (ICMP, TCP, UDP):
        first, last = 0, 65535
    by_group = draw(st.booleans())
    return GuardRule(
        group=draw(st.sampled_from(GROUPS)) if by_group else "",
        network="" if by_group else draw(st.sampled_from(NETWORKS)),
        protocol=protocol,
        first=first,
        last=last,
    )


@st.composite
def some_guards(draw: st.DrawFn) -> Guards:
    """Addresses with groups, some a load balancer's; some addresses with none."""
    groups_of = draw(
        st.dictionaries(st.sampled_from(ADDRESSES), st.sets(st.sampled_from(GROUPS), min_size=1), max_size=6)
    )
    of = {address: ",".join(sorted(groups)) for address, groups in groups_of.items()}
    any_rules = st.lists(rules(), max_size=6).map(tuple)
    return Guards(
        rules={
            name: Guard(ingress=draw(any_rules), egress=draw(any_rules)) for name in sorted(set(of.values()))
        },
        of=of,
        members={
            group: frozenset(address for address, held in groups_of.items() if group in held)
            for group in GROUPS
        },
        balancers=frozenset(draw(st.sets(st.sampled_from(sorted(of))))) if of else frozenset(),
    )


PACKETS = st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(PROTOCOLS), st.sampled_from(PORTS))
"""A peer, a protocol, a port."""
