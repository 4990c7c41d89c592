"""What the data plane's planner takes over from its last plan is what it would have planned without it.

Frontends that nothing has happened to are the same objects, as the agent gives them; now and then they are
equal ones, a security group changes, an interface gets another index, or the tables were read back.
"""

from itertools import product
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, WeightedBackend
from sealway.drivers.dataplane.layouts import NARROW, WIDE
from sealway.drivers.dataplane.slots_plan import Place
from sealway.drivers.dataplane.tables_plan import EMPTY, Plan, Tables, after, plan
from sealway.model.guard import Guard, GuardRule, Guards

TARGETS = [
    Backend(address=f"10.1.{n}.1", port=port, interface=f"swt{n}") for n, port in product((1, 2, 3), (80, 81))
]
VIPS = ("10.1.0.100", "10.1.0.101")
OPEN, SHUT = Guard(ingress=(GuardRule(network="0.0.0.0/0"),)), Guard()
BEHIND = {("10.1.1.1", 80): ("10.1.9.9", 8080)}
"""A container's place, behind a port of its instance."""
GUARDS = [
    Guards(),
    Guards(rules={"sg": OPEN}, of={"10.1.1.1": "sg"}),
    Guards(rules={"sg": SHUT}, of={"10.1.1.1": "sg", "10.1.2.1": "sg"}),
    Guards(rules={"a": OPEN, "sg": SHUT}, of={"10.1.1.1": "a", "10.1.9.9": "sg"}, published=BEHIND),
    Guards(rules={"a": OPEN, "sg": SHUT}, of={"10.1.2.1": "sg", "10.1.9.9": "a"}, published=BEHIND),
    Guards(rules={"sg": OPEN}, of={"10.1.0.100": "sg"}, published={}),
]
SHARES = st.lists(
    st.tuples(st.sampled_from(TARGETS), st.booleans(), st.booleans(), st.integers(0, 2)), max_size=5
)
WAYS = ("share", "share", "share", "drain", "drain", "guards", "guards", "place", "copy", "read back")
STEP = st.tuples(st.sampled_from(WAYS), st.sampled_from(VIPS), SHARES, st.sets(st.sampled_from(TARGETS)))


class Wanted(NamedTuple):
    frontends: dict[str, Frontend]
    draining: frozenset[Backend] = frozenset()
    guards: Guards = GUARDS[0]
    places: dict[str, Place] = {f"swt{n}": Place(n, n != 3) for n in (1, 2, 3)}

    @property
    def state(self) -> DataPlaneState:
        frontends = tuple(self.frontends.values())
        active = {w.backend for f in frontends for w in f.backends}
        return DataPlaneState(
            vips=frozenset(VIPS), frontends=frontends, draining=self.draining - active, guards=self.guards
        )


def frontend(vip: str, shares: list[tuple[Backend, bool, bool, int]]) -> Frontend:
    made = {
        target: WeightedBackend(backend=target, preserve_client_ip=keep, proxy_protocol=proxy, weight=weight)
        for target, keep, proxy, weight in shares
    }
    return Frontend(vip=vip, port=443, backends=tuple(made.values()))


def changed(before: Wanted, what: str, vip: str, shares: Any, targets: set[Backend]) -> Wanted:
    if what == "share":
        return before._replace(frontends={**before.frontends, vip: frontend(vip, shares)})
    if what == "drain":
        return before._replace(draining=frozenset(targets))
    if what == "guards":
        return before._replace(guards=GUARDS[len(targets) % len(GUARDS)])
    if what == "place":
        kept = {name: place for name, place in before.places.items() if len(targets) % 2 or name != "swt2"}
        return before._replace(places=kept | {"swt1": Place(1 + 10 * len(targets), True)})
    return before._replace(
        frontends={vip: frontend(vip, [_told(w) for w in f.backends]) for vip, f in before.frontends.items()}
    )


def _told(share: WeightedBackend) -> tuple[Backend, bool, bool, int]:
    return share.backend, share.preserve_client_ip, share.proxy_protocol, share.weight


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([NARROW, WIDE]), st.lists(STEP, min_size=1, max_size=8))
def test_the_plan_is_the_same(layout: Any, steps: list[Any]) -> None:
    wanted, now = Wanted({}), EMPTY
    for what, vip, shares, targets in steps:
        if what == "read back":
            now = forgotten(now)
        else:
            wanted = changed(wanted, what, vip, shares, targets)
        kept = plan(wanted.state, wanted.places, now, layout)
        fresh = plan(wanted.state, wanted.places, now._replace(made=None), layout)
        assert writes(kept) == writes(fresh)
        assert kept.made is not None
        assert fresh.made is not None
        assert kept.made.slots == fresh.made.slots
        now = after(now, kept)
        assert plan(wanted.state, wanted.places, now, layout).writes == 0


def forgotten(now: Tables) -> Tables:
    return now._replace(recipes={}, made=None)


def writes(of: Plan) -> dict[str, Any]:
    """All that is written, in whatever order within a map; the guards are planned apart."""
    told = of._replace(made=None, recipes={}, backends=sorted(of.backends), freed=sorted(of.freed))
    return told._asdict() | {"recipes": {number: list(recipe) for number, recipe in of.recipes.items()}}
