"""Which entry of the kernel's table each backend has, and in which slot. Pure.

A backend's slot gets a new generation with each tenant, which cuts the flows of the one before at once.

Of ten thousand backends one change touches a few: what the last plan made is taken over (``Made``) but for
the backends of the frontends that are other objects than then, of those that drain now or did, and of those
that security groups judge otherwise. A frontend
that nothing has happened to is the same object: see ``node/state_maker.py``.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from typing import NamedTuple

from ...model.address_pool import is_ipv6
from ...model.guard import Direction
from ..contracts.dataplane import Backend, DataPlaneState, Frontend, WeightedBackend
from . import abi, abi6
from .guard_plan import GuardPlan, TableFull
from .layouts import NARROW, Layout
from .tunnel_plan import arrivals, where

_SLOT_BITS = 16
SLOT_MASK = (1 << _SLOT_BITS) - 1
"""The part of a backend's id that is its slot; the rest counts the slot's tenants."""
_GENERATIONS = (1 << 16) - 1
AnyBackend = abi.Backend | abi6.Backend


class Place(NamedTuple):
    """Where an interface's name leads: its index, and whether a task's namespace is behind it. Of another
    host's address: the interface on its way, and the ``source`` that this host has there."""

    ifindex: int
    is_task: bool = False
    source: str = ""


class Entries(NamedTuple):
    """What a backend's entry is made of."""

    state: DataPlaneState
    places: Mapping[str, Place]
    guards: GuardPlan
    layout: Layout

    def entry(self, backend: Backend, state: abi.BackendState, flags: int) -> AnyBackend:
        """Without its id."""
        place, of = self.places[where(backend, self.state.peers)], self.state.guards
        own = (backend.address, backend.port)
        address, port = of.published.get(own, own)
        guard = of.of.get(address)
        return self.layout.backend(
            address=self.layout.address(backend.address),
            port=backend.port.to_bytes(2, "big"),
            state=state,
            via=_via(backend, place),
            id=0,
            ifindex=place.ifindex,
            ingress=self.guards.table(guard, Direction.INGRESS),
            through=self.guards.table(guard, Direction.THROUGH) if guard else abi.Table.NOTHING,
            guarded_address=self.layout.address(address),
            guarded_port=port.to_bytes(2, "big"),
            flags=flags,
        )

    def has(self, backend: Backend) -> bool:
        """Whether anything leads there."""
        return where(backend, self.state.peers) in self.places


def _via(backend: Backend, place: Place) -> abi.Via:
    if not backend.interface:
        return abi.Via.HOST
    return abi.Via.PEER if place.is_task else abi.Via.NEIGHBOUR


Pair = tuple[Backend, int]
"""A backend and its flags. One has several entries where target groups differ in what they ask for it."""
Slots = Mapping[Pair, AnyBackend]


class Listed(NamedTuple):
    """A frontend with those of its backends to which anything leads."""

    frontend: Frontend
    pairs: frozenset[Pair]


class Made(NamedTuple):
    """What a plan came to, for the next one. ``listed``: by the frontends' ``id``, which they keep alive."""

    places: Mapping[str, Place]
    listed: Mapping[int, Listed]
    draining: frozenset[Backend]
    peers: Mapping[str, str]
    arrivals: frozenset[Pair]
    """Whom other hosts send to."""
    slots: Slots


def make(
    of: Entries, now: Mapping[int, AnyBackend], before: Made | None, judged: Set[str] = frozenset()
) -> Made:
    """The slots. ``before``: what made ``now``, if places and peers are the same, and guards but for those of
    the addresses ``judged``; else None."""
    listed = {id(frontend): _listed(of, frontend, before) for frontend in of.state.frontends}
    draining, peers, arriving = of.state.draining, of.state.peers, _arrivals(of)
    if before is None:
        pairs = arriving.union(*(each.pairs for each in listed.values()))
        living = [entry for entry in now.values() if entry.state != abi.BackendState.FREE]
        slots = _slots(of, pairs, draining, living, now)
        return Made(of.places, listed, draining, peers, arriving, slots)
    touched = _touched(listed, draining, before) | {backend for backend, _ in arriving ^ before.arrivals}
    if judged:
        touched |= {backend for backend, _ in before.slots if backend.address in judged}
    changed = frozenset((backend, flags) for backend in touched for flags in _ALL_FLAGS)
    pairs = (arriving & changed).union(*(each.pairs & changed for each in listed.values()))
    living = [before.slots[pair] for pair in changed if pair in before.slots]
    slots = dict(before.slots)
    for pair in changed:
        slots.pop(pair, None)
    slots |= _slots(of, pairs, draining & touched, living, now)
    return Made(of.places, listed, draining, peers, arriving, slots)


def _arrivals(of: Entries) -> frozenset[Pair]:
    if of.layout is not NARROW:
        return frozenset()
    return frozenset((backend, 0) for backend in arrivals(of.state) if of.has(backend))


def _listed(of: Entries, frontend: Frontend, before: Made | None) -> Listed:
    known = before.listed.get(id(frontend)) if before else None
    if known is not None and known.frontend is frontend:
        return known
    there = (w for w in frontend.backends if of.has(w.backend))
    return Listed(frontend, frozenset((w.backend, flags_of(w)) for w in there))


def _touched(listed: Mapping[int, Listed], draining: frozenset[Backend], before: Made) -> frozenset[Backend]:
    came = [each for key, each in listed.items() if before.listed.get(key) is not each]
    gone = [each for key, each in before.listed.items() if listed.get(key) is not each]
    return frozenset(backend for each in (*came, *gone) for backend, _ in each.pairs) | (
        draining ^ before.draining
    )


def _slots(
    of: Entries,
    pairs: Iterable[Pair],
    draining: frozenset[Backend],
    living: list[AnyBackend],
    now: Mapping[int, AnyBackend],
) -> dict[Pair, AnyBackend]:
    """Each entry where it is already, or in a free slot with the next generation. ``living``: those that
    these backends have in ``now``.

    Flags count for new flows only, so entries stay as long as their backend does, whatever its flags are now.
    """
    missing = {
        (backend, flags): of.entry(backend, abi.BackendState.ACTIVE, flags) for backend, flags in pairs
    }
    active = {backend for backend, _ in missing}
    entries: dict[Pair, AnyBackend] = {}
    for identity in (_identity, _whereabouts):
        if not (living and missing):
            break
        known = {identity(entry): entry.id for entry in sorted(living, key=_slot)}
        for pair in sorted(missing, key=_order) if identity is _whereabouts else tuple(missing):
            if (old := known.pop(identity(missing[pair]), None)) is not None:
                entries[pair] = missing.pop(pair)._replace(id=old)
        claimed = {entry.id for entry in entries.values()}
        living = [entry for entry in living if entry.id not in claimed]
    left: dict[tuple[bytes, bytes, int], list[AnyBackend]] = {}
    for entry in living:
        left.setdefault(_whereabouts(entry), []).append(entry)
    for backend in (active if living else set()) | draining:
        if of.has(backend):
            idle = of.entry(backend, abi.BackendState.DRAINING, 0)
            kept = left.get(_whereabouts(idle), ())
            entries |= {(backend, old.flags): idle._replace(id=old.id, flags=old.flags) for old in kept}
            if not kept and backend not in active:
                missing[backend, 0] = idle
    return entries | _in_free_slots(missing, entries, now)


def _in_free_slots(missing: Slots, entries: Slots, now: Mapping[int, AnyBackend]) -> dict[Pair, AnyBackend]:
    if not missing:
        return {}
    # A slot that its tenant leaves now stays empty for this once: its end is the plan's last write.
    taken = {entry.id & SLOT_MASK for entry in entries.values()}
    taken |= {slot for slot, entry in now.items() if entry.state != abi.BackendState.FREE}
    take = taker(taken, abi.Limit.MAX_BACKENDS, "backends")
    placed = {}
    for pair in sorted(missing, key=_order):
        slot = take()
        generation = (now[slot].id >> _SLOT_BITS) % _GENERATIONS + 1 if slot in now else 1
        placed[pair] = missing[pair]._replace(id=slot | generation << _SLOT_BITS)
    return placed


def _identity(entry: AnyBackend) -> tuple[bytes, bytes, int, int]:
    return *_whereabouts(entry), entry.flags


def _whereabouts(entry: AnyBackend) -> tuple[bytes, bytes, int]:
    return entry.address, entry.port, entry.ifindex


def flags_of(share: WeightedBackend) -> int:
    """How the backend gets these flows. A header that tells the client goes to another host with a hidden
    one: its acknowledgement must be seen here."""
    told = share.proxy_protocol and not share.backend.interface
    hide = 0 if share.preserve_client_ip and not told else abi.BackendFlag.HIDE_CLIENT
    return hide | (abi.BackendFlag.PROXY if share.proxy_protocol else 0)


def name_of(backend: Backend) -> str:
    """``address:port``: what choosing a target knows it by."""
    address = f"[{backend.address}]" if is_ipv6(backend.address) else backend.address
    return f"{address}:{backend.port}"


def _order(pair: Pair) -> tuple[str, str, int]:
    backend, flags = pair
    return name_of(backend), backend.interface, flags


def _slot(entry: AnyBackend) -> int:
    return entry.id & SLOT_MASK


_ALL_FLAGS = (
    0,
    abi.BackendFlag.HIDE_CLIENT,
    abi.BackendFlag.PROXY,
    abi.BackendFlag.HIDE_CLIENT | abi.BackendFlag.PROXY,
)


def taker(taken: set[int], limit: int, what: str) -> Callable[[], int]:
    """The next free number, each time it is called; one that was taken last is used again last."""
    at = max(taken, default=-1)

    def take() -> int:
        nonlocal at
        for step in range(1, limit + 1):
            if (at + step) % limit not in taken:
                at = (at + step) % limit
                taken.add(at)
                return at
        raise TableFull(f"more than {limit} {what}")

    return take
