"""The whole state of the data plane, kept up from pass to pass: only parts that are touched are made anew.

A part that comes out equal stays the object that it was, and so does the state: whoever is given it sees by
that what has not changed (``drivers.dataplane.slots_plan``).
"""

from collections.abc import Hashable, Iterable, Mapping
from itertools import chain
from typing import Generic, TypeVar

import msgspec

from ..drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, Interface
from ..drivers.contracts.names import BRIDGE_INTERFACE, HOST_INTERFACE
from ..model.peer import NO_PEERS, Peers
from ..model.shared import Shared
from .dataplane_state import (
    Carried,
    Places,
    carried,
    endpoints_of,
    keeping_flows,
    places_of,
    task_interfaces,
)
from .guards import GuardMaker
from .snapshot import Snapshot
from .touched import Touched, everything

T = TypeVar("T", bound=Hashable)
_BRIDGE = Interface(name=BRIDGE_INTERFACE, role="bridge")


class StateMaker:
    """One loop's."""

    def __init__(self, uplinks: tuple[str, ...], peers: Peers = NO_PEERS) -> None:
        self._peers = peers
        self._guards = GuardMaker()
        self._endpoints: Shared[str, str] = Shared()
        self._interfaces: _Union[Interface] = _Union()
        self._places: dict[str, Places] = {}
        self._frontends = _Frontends()
        self._keeping: _Union[Backend] = _Union()
        self._active: _Union[Backend] = _Union()
        self._vips: _Union[str] = _Union()
        self._draining: frozenset[Backend] = frozenset()
        standing = (Interface(name=HOST_INTERFACE, role="host"), *map(_uplink, uplinks))
        self._interfaces.give("", frozenset(standing))
        self._state = DataPlaneState(peers=peers, interfaces=frozenset(standing))

    def make(
        self, view: Snapshot, touched: Touched, attached: Mapping[str, str], moved: Iterable[str] = ()
    ) -> DataPlaneState:
        """The state. ``attached``: network interface id -> host-side interface, as the host has them;
        ``moved``: those that are others than at the last call."""
        for arn in touched.balancers:
            balancer = view.balancer(arn)
            zones = balancer.zones if balancer else ()
            self._vips.give(arn, frozenset(address for zone in zones for address in zone.addresses))
        rewired = self._attach(view, touched, attached, moved)
        groups = touched.groups | view.index.groups_at(rewired)
        listeners = touched.listeners.union(*map(view.index.forwarding, groups))
        drains = {backend for arn in groups for backend in self._place(view, arn)}
        drains |= {backend for arn in listeners for backend in self._carry(view, arn)}
        self._drain(drains)
        before = self._state
        self._state = msgspec.structs.replace(
            before,
            vips=self._vips.whole,
            frontends=self._frontends.whole,
            draining=self._draining,
            interfaces=self._interfaces.whole,
            endpoints=dict(self._endpoints.values) if rewired else before.endpoints,
            guards=self._guards.make(view, touched),
        )
        if _same(self._state, before):
            self._state = before
        return self._state

    def _attach(
        self, view: Snapshot, touched: Touched, attached: Mapping[str, str], moved: Iterable[str]
    ) -> set[str]:
        """The addresses whose interface is another one."""
        tasks = touched.tasks | {arn for each in moved for arn in view.index.attached.givers(each)}
        changed: set[str] = set()
        for arn in tasks:
            endpoints = endpoints_of(view, arn, attached)
            if addresses := self._endpoints.give(arn, endpoints):
                self._interfaces.give(arn, task_interfaces(endpoints))
                changed |= addresses
        bridged = frozenset({_BRIDGE}) if view.index.bridged else frozenset[Interface]()
        self._interfaces.give(BRIDGE_INTERFACE, bridged)
        return changed

    def _place(self, view: Snapshot, arn: str) -> frozenset[Backend]:
        """The backends of the target group that keep their flows since, or no longer do."""
        self._places.pop(arn, None)
        places = places_of(view, self._endpoints.values, arn, self._peers)
        if places:
            self._places[arn] = places
        return self._keeping.give(arn, keeping_flows(view, places, arn))

    def _carry(self, view: Snapshot, arn: str) -> frozenset[Backend]:
        """The backends that this listener sends to since, or no longer does."""
        made = carried(view, self._places, arn)
        listener = view.listener(arn)
        self._frontends.give(listener.load_balancer_arn if listener else "", arn, made)
        return self._active.give(arn, made.active)

    def _drain(self, changed: Iterable[Backend]) -> None:
        now = {each for each in changed if each in self._keeping and each not in self._active}
        gone = self._draining.intersection(changed) - now
        if gone or not now <= self._draining:
            self._draining = (self._draining - gone) | now


def dataplane_state(
    view: Snapshot, attached: Mapping[str, str], uplinks: tuple[str, ...], peers: Peers = NO_PEERS
) -> DataPlaneState:
    """The whole state, made in one go."""
    return StateMaker(uplinks, peers).make(view, everything(view.store), attached)


class _Union(Generic[T]):
    """All values that anybody gives: one set of many, of which a few come and go at a time."""

    def __init__(self) -> None:
        self._whole: frozenset[T] = frozenset()
        self._come: set[T] = set()
        self._gone: set[T] = set()
        self._given: dict[str, frozenset[T]] = {}
        self._times: dict[T, int] = {}

    @property
    def whole(self) -> frozenset[T]:
        """The same object as before if nothing has come or gone. Made only if it is asked for: that takes a
        copy of all."""
        if self._come or self._gone:
            self._whole = (self._whole - self._gone) | self._come
            self._come, self._gone = set(), set()
        return self._whole

    def __contains__(self, value: T) -> bool:
        return value in self._times

    def give(self, giver: str, values: frozenset[T]) -> frozenset[T]:
        """What he gives from now on, instead of what he gave; what comes or goes with that."""
        before = self._given.pop(giver, frozenset[T]())
        if values:
            self._given[giver] = values
        if values == before:
            return frozenset()
        come = {value for value in values - before if self._count(value, 1) == 1}
        gone = {value for value in before - values if self._count(value, -1) == 0}
        self._come = (self._come - gone) | come
        self._gone = (self._gone - come) | gone
        return frozenset(come | gone)

    def _count(self, value: T, by: int) -> int:
        times = self._times.pop(value, 0) + by
        if times:
            self._times[value] = times
        return times


class _Frontends:
    """All listeners' frontends, in the order of their load balancers and of themselves."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, tuple[Frontend, ...]]] = {}
        self._balancer_of: dict[str, str] = {}
        self._joined: dict[str, tuple[Frontend, ...]] = {}
        self._whole: tuple[Frontend, ...] | None = ()

    @property
    def whole(self) -> tuple[Frontend, ...]:
        """All of them; the same object as before if none has changed."""
        if self._whole is None:
            self._whole = tuple(chain.from_iterable(self._joined[arn] for arn in sorted(self._joined)))
        return self._whole

    def give(self, balancer: str, listener: str, made: Carried) -> None:
        """The listener's from now on."""
        known = self._balancer_of.pop(listener, balancer)
        before = self._of.get(known, {}).pop(listener, ())
        kept = {_at(each): each for each in before}
        after = tuple(old if (old := kept.get(_at(new))) == new else new for new in made.frontends)
        if after:
            self._of.setdefault(balancer, {})[listener] = after
            self._balancer_of[listener] = balancer
        if after != before or known != balancer:
            for arn in {known, balancer}:
                self._join(arn)
            self._whole = None

    def _join(self, balancer: str) -> None:
        of = self._of.get(balancer)
        if of:
            self._joined[balancer] = tuple(chain.from_iterable(of[arn] for arn in sorted(of)))
        else:
            self._of.pop(balancer, None)
            self._joined.pop(balancer, None)


def _at(frontend: Frontend) -> tuple[str, int, str]:
    return frontend.vip, frontend.port, frontend.protocol


def _uplink(name: str) -> Interface:
    return Interface(name=name, role="uplink")


def _same(state: DataPlaneState, before: DataPlaneState) -> bool:
    """Whether every part is the object that it was."""
    return all(getattr(state, name) is getattr(before, name) for name in state.__struct_fields__)
