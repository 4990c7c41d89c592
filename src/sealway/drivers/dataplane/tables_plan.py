"""From the state wanted and the tables as they are to the writes that make them match. Pure.

The order of the writes keeps every moment right: a backend exists before a table names it, a table before
its frontend, and each goes in the opposite order. A frontend's backends change in one write, ``tables``.
Which slots the backends have is ``slots_plan``'s part.
"""

import socket
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec

from ...model.address_pool import is_ipv6
from ...model.guard import Direction, Guards
from ..contracts.dataplane import Backend, DataPlaneState, Frontend
from . import abi, abi6
from .guard_plan import GuardPlan, GuardTables, TableFull, guard_plan, judged_otherwise
from .layouts import NARROW, NO_ADDRESS, Layout
from .maglev import Share, build
from .slots_plan import (
    SLOT_MASK,
    AnyBackend,
    Entries,
    Listed,
    Made,
    Place,
    Slots,
    flags_of,
    make,
    name_of,
    taker,
)
from .tunnel_plan import NO_TUNNELS, TunnelPlan, Tunnels, tunnel_plan

PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}
UDP_TIMEOUT = 120
"""Seconds; source: Network Load Balancers, "Connection idle timeout"."""
AnyFrontend = abi.Frontend | abi6.Frontend
AnyInterface = abi.Interface | abi6.Interface
AnyKey = abi.FrontendKey | abi6.FrontendKey
"""Of either width."""


class Tables(NamedTuple):
    """What the kernel's maps hold. ``backends`` by slot, also free ones that had a tenant. ``maglev``: by
    frontend id the backend ids, or the packed table where it was read back."""

    vips: frozenset[bytes]
    frontends: Mapping[AnyKey, AnyFrontend]
    backends: Mapping[int, AnyBackend]
    maglev: Mapping[int, bytes]
    interfaces: Mapping[int, AnyInterface] = {}
    guards: GuardTables = GuardTables()
    tunnels: Tunnels = NO_TUNNELS
    recipes: Mapping[int, "Recipe"] = {}
    """What the tables were made of, by frontend id; unknown of what was read back, as is ``made``."""
    made: Made | None = None


Recipe = Sequence[tuple[Share, int]]
"""Of a Maglev table: the shares, each with its backend's id."""
EMPTY = Tables(frozenset(), {}, {}, {})


class Plan(NamedTuple):
    """Writes, in the order of the fields; what a guard or a tunnel no longer holds goes last, and before that
    a backend that becomes free."""

    guards: GuardPlan = GuardPlan()
    interfaces: Mapping[int, AnyInterface] = {}
    backends: Sequence[AnyBackend] = ()
    tunnels: TunnelPlan = TunnelPlan()
    tables: Mapping[int, bytes] = {}
    new_counters: Sequence[int] = ()
    frontends: Mapping[AnyKey, AnyFrontend] = {}
    vips: Sequence[bytes] = ()
    gone_vips: Sequence[bytes] = ()
    looked_at: Sequence[bytes] | None = None
    """Every address that is a VIP, has a frontend or is a frontend's other one; None: the same as before."""
    gone_frontends: Sequence[AnyKey] = ()
    gone_tables: Sequence[int] = ()
    gone_interfaces: Sequence[int] = ()
    freed: Sequence[AnyBackend] = ()
    recipes: Mapping[int, Recipe] = {}
    """Of all tables, those left alone too."""
    made: Made | None = None

    @property
    def writes(self) -> int:
        """How many updates it takes, ``looked_at`` apart, which only saves others a search."""
        return sum(
            len(part) for part in self._replace(looked_at=(), recipes={}, made=None) if part is not None
        )


def plan(state: DataPlaneState, places: Mapping[str, Place], now: Tables, layout: Layout = NARROW) -> Plan:
    """The writes that take ``now`` to ``state``. A backend whose interface is not in ``places`` is left out.
    ``state`` holds what fits the layout (``narrow_part``, ``wide_part``).

    Raises ``TableFull``.
    """
    guards = guard_plan(state.guards, now.guards)
    interfaces = _interfaces(state, places, guards, layout)
    judged = judged_otherwise(now.guards, guards.then)
    known = now.made if now.made and judged is not None and now.made.places == places else None
    known = known if known and known.peers == state.peers else None
    made = make(Entries(state, places, guards, layout), now.backends, known, judged or frozenset())
    frontends = _frontends(state, now.frontends, guards, layout)
    recipes = {
        number: recipe
        for each in made.listed.values()
        if (recipe := _recipe(each, number := frontends[_key(each.frontend, layout)].id, made.slots, now))
    }
    tables = {frontend: _table(frontend, recipe, now) for frontend, recipe in recipes.items()}
    answered = {layout.address(vip) for vip in state.vips} | {key.vip for key in frontends}
    vips = answered - {layout.address(address) for address in state.shared}
    if len(vips) > abi.Limit.MAX_VIPS:
        raise TableFull(f"more than {int(abi.Limit.MAX_VIPS)} load balancer addresses")
    looked_at = _looked_at(answered, frontends)
    wanted = {entry.id & SLOT_MASK: entry for entry in made.slots.values()}
    known_ids = {frontend.id for frontend in now.frontends.values()}
    return Plan(
        guards=guards,
        interfaces={i: entry for i, entry in interfaces.items() if now.interfaces.get(i) != entry},
        backends=[entry for slot, entry in wanted.items() if now.backends.get(slot) != entry],
        tunnels=tunnel_plan(state, places, made, now.tunnels) if layout is NARROW else TunnelPlan(),
        tables={f: table for f, table in tables.items() if now.maglev.get(f) != table},
        new_counters=[f.id for f in frontends.values() if f.id not in known_ids],
        frontends={key: value for key, value in frontends.items() if now.frontends.get(key) != value},
        vips=sorted(vips - now.vips),
        gone_vips=sorted(now.vips - vips),
        looked_at=sorted(looked_at) if looked_at != _looked_at(now.vips, now.frontends) else None,
        gone_frontends=sorted(now.frontends.keys() - frontends.keys()),
        gone_tables=sorted(now.maglev.keys() - tables.keys()),
        gone_interfaces=sorted(now.interfaces.keys() - interfaces.keys()),
        freed=[
            entry._replace(state=abi.BackendState.FREE)
            for slot, entry in now.backends.items()
            if slot not in wanted and entry.state != abi.BackendState.FREE
        ],
        recipes=recipes,
        made=made,
    )


def after(now: Tables, done: Plan) -> Tables:
    """The tables once the plan's writes are made."""
    backends = dict(now.backends)
    for entry in [*done.backends, *done.freed]:
        backends[entry.id & SLOT_MASK] = entry
    frontends = {**now.frontends, **done.frontends}
    maglev = {**now.maglev, **done.tables}
    return Tables(
        (now.vips | set(done.vips)) - set(done.gone_vips),
        {key: value for key, value in frontends.items() if key not in set(done.gone_frontends)},
        backends,
        {frontend: table for frontend, table in maglev.items() if frontend not in set(done.gone_tables)},
        {
            i: e
            for i, e in {**now.interfaces, **done.interfaces}.items()
            if i not in set(done.gone_interfaces)
        },
        done.guards.then,
        done.tunnels.then,
        done.recipes,
        done.made,
    )


def _looked_at(vips: Collection[bytes], frontends: Mapping[AnyKey, AnyFrontend]) -> frozenset[bytes]:
    """Also where targets on other hosts answer to, who know the load balancer by its address of the other
    IP version."""
    others = {each.counterpart for each in frontends.values() if isinstance(each, abi6.Frontend)}
    return frozenset(vips) | {key.vip for key in frontends} | (others - {NO_ADDRESS})


def narrow_part(state: DataPlaneState) -> DataPlaneState:
    """What is IPv4 at both ends. An address with a frontend of the wide part is looked at by both programs;
    what neither knows, a fragment or nonsense, is for the wide ones to drop, which come last."""
    across = frozenset(f.vip for f in state.frontends if _is_wide(f) and not is_ipv6(f.vip))
    return msgspec.structs.replace(
        state,
        vips=frozenset(vip for vip in state.vips if not is_ipv6(vip)),
        frontends=tuple(frontend for frontend in state.frontends if not _is_wide(frontend)),
        draining=frozenset(backend for backend in state.draining if not is_ipv6(backend.address)),
        shared=frozenset(address for address in state.shared if not is_ipv6(address)) | across,
    )


def wide_part(state: DataPlaneState) -> DataPlaneState:
    """What has IPv6 at one end at least. An IPv4 target may be of both parts, each with its own flows."""
    frontends = tuple(frontend for frontend in state.frontends if _is_wide(frontend))
    vips = frozenset(vip for vip in state.vips if is_ipv6(vip))
    wide = bool(vips or frontends)
    return msgspec.structs.replace(
        state,
        vips=vips,
        frontends=frontends,
        draining=frozenset(each for each in state.draining if wide or is_ipv6(each.address)),
        guards=state.guards if wide else Guards(),
        interfaces=state.interfaces if wide else frozenset(),
    )


def _is_wide(frontend: Frontend) -> bool:
    return is_ipv6(frontend.vip) or any(is_ipv6(w.backend.address) for w in frontend.backends)


def reachable(frontend: Frontend, backend: Backend) -> bool:
    """Whether there is an address of the target's IP version for the load balancer to ask from."""
    return is_ipv6(frontend.vip) == is_ipv6(backend.address) or bool(frontend.counterpart)


def _key(frontend: Frontend, layout: Layout) -> AnyKey:
    protocol = PROTOCOLS[frontend.protocol]
    return layout.frontend_key(layout.address(frontend.vip), frontend.port.to_bytes(2, "big"), protocol)


def _frontends(
    state: DataPlaneState, now: Mapping[AnyKey, AnyFrontend], guards: GuardPlan, layout: Layout
) -> dict[AnyKey, AnyFrontend]:
    """Known frontends keep their ids; a new one takes an id unused for as long as possible."""
    taken = {frontend.id for frontend in now.values()}
    take = taker(taken, abi.Limit.MAX_FRONTENDS, "frontends")
    wanted: dict[AnyKey, AnyFrontend] = {}
    for frontend in state.frontends:
        key = _key(frontend, layout)
        flags = abi.FrontendFlag.STICKY if frontend.sticky else 0
        number = now[key].id if key in now else take()
        idle = frontend.idle_timeout if frontend.protocol == "tcp" else UDP_TIMEOUT
        node = _node(frontend)
        guard = state.guards.of.get(node)
        ingress, egress = (guards.table(guard, way) for way in (Direction.INGRESS, Direction.EGRESS))
        made = abi.Frontend(number, flags, idle, ingress, egress, layout.address(node))
        wanted[key] = made if layout is NARROW else _widened(made, frontend, layout)
    return wanted


def _node(frontend: Frontend) -> str:
    """The load balancer's address that security groups know it by: the IPv4 one, where it has both."""
    across = is_ipv6(frontend.vip) and frontend.counterpart
    return frontend.node or (frontend.counterpart if across else frontend.vip)


def _widened(made: abi.Frontend, frontend: Frontend, layout: Layout) -> abi6.Frontend:
    counterpart = layout.address(frontend.counterpart) if frontend.counterpart else NO_ADDRESS
    return abi6.Frontend(**made._asdict(), counterpart=counterpart)


def _interfaces(
    state: DataPlaneState, places: Mapping[str, Place], guards: GuardPlan, layout: Layout
) -> dict[int, AnyInterface]:
    """The tasks' own, by index."""
    found: dict[int, AnyInterface] = {}
    for each in state.interfaces:
        if each.role == "task" and each.name in places:
            egress = guards.table(state.guards.of.get(each.address), Direction.EGRESS)
            own = layout.address(each.address) if each.address else bytes(layout.bits // 8)
            other = layout.address(each.address6) if each.address6 and layout is not NARROW else NO_ADDRESS
            made = abi.Interface(own, egress)
            found[places[each.name].ifindex] = (
                made if layout is NARROW else abi6.Interface(*made, address6=other)
            )
    return found


def _recipe(listed: Listed, number: int, slots: Slots, now: Tables) -> Recipe:
    """Empty when nobody can take a flow."""
    frontend = listed.frontend
    if now.made and now.made.listed.get(id(frontend)) is listed:  # whoever is listed keeps the entry
        return now.recipes.get(number, ())
    return [
        (Share(name_of(w.backend), w.weight), slots[w.backend, flags_of(w)].id)
        for w in frontend.backends
        if w.weight > 0 and (w.backend, flags_of(w)) in slots and reachable(frontend, w.backend)
    ]


def _table(frontend: int, recipe: Recipe, now: Tables) -> bytes:
    """The packed Maglev table, its size first."""
    if now.recipes.get(frontend) == recipe:
        return now.maglev[frontend]
    ids = [identity.to_bytes(4, "little") for _, identity in recipe]
    table = build([share for share, _ in recipe])
    return len(table).to_bytes(4, "little") + b"".join([ids[index] for index in table])
