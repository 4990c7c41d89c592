"""The kernel's tables: reads them back, and carries out a plan in its order. Knows no state or driver."""

from collections.abc import Iterable, Mapping

from . import abi, guard_maps, libbpf, maglev_maps, tunnel_plan
from .layouts import layout_of
from .slots_plan import SLOT_MASK
from .tables_plan import Plan, Tables


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def read(maps: Mapping[str, libbpf.Map]) -> Tables:
    """What the maps hold."""
    layout = layout_of(maps["flows"])
    slots = enumerate(layout.backend.unpack(value) for _, value in maps["backends"].items())
    backends = {slot: entry for slot, entry in slots if entry.id}
    frontends = {
        layout.frontend_key.unpack(key): layout.frontend.unpack(value)
        for key, value in maps["frontends"].items()
    }
    interfaces = {
        int.from_bytes(key, "little"): layout.interface.unpack(value)
        for key, value in maps["interfaces"].items()
    }
    return Tables(
        vips=frozenset(key for key, _ in maps["vips"].items()),
        frontends=frontends,
        backends=backends,
        maglev=maglev_maps.read(maps),
        interfaces=interfaces,
        guards=guard_maps.read(
            maps,
            {
                *(table for entry in frontends.values() for table in (entry.ingress, entry.egress)),
                *(entry.ingress for entry in backends.values()),
                *(entry.egress for entry in interfaces.values()),
            },
        ),
        tunnels={name: dict(maps[name].one_by_one()) if name in maps else {} for name in tunnel_plan.MAPS},
    )


def write(maps: Mapping[str, libbpf.Map], plan: Plan) -> None:
    """Carries the plan out, in the order of its fields."""
    guard_maps.add(maps, plan.guards)
    for ifindex, interface in plan.interfaces.items():
        maps["interfaces"].put(_u32(ifindex), interface.pack())
    for entry in plan.backends:
        maps["backends"].put(_u32(entry.id & SLOT_MASK), entry.pack())
    for name, where, what in plan.tunnels.put:
        maps[name].put(where, what)
    maglev_maps.replace(maps, plan.tables)
    for frontend in plan.new_counters:
        maps["counters"].zero_per_cpu(_u32(frontend))
        maps["handshakes"].zero_per_cpu(_u32(frontend))
        maps["half_open"].put(_u32(frontend), bytes(maps["half_open"].value_size))
    for key, value in plan.frontends.items():
        maps["frontends"].put(key.pack(), value.pack())
    if plan.frontends:
        publish_frontends(maps)
    for vip in plan.vips:
        maps["vips"].put(vip, _u32(1))
    maps["vips"].delete_many(plan.gone_vips)
    if plan.looked_at is not None:
        maps["vip_filter"].put(_u32(0), vip_filter(plan.looked_at))
    maps["frontends"].delete_many([key.pack() for key in plan.gone_frontends])
    if plan.gone_frontends:
        publish_frontends(maps)
    maglev_maps.delete(maps, plan.gone_tables)
    maps["interfaces"].delete_many([_u32(ifindex) for ifindex in plan.gone_interfaces])
    for entry in plan.freed:
        maps["backends"].put(_u32(entry.id & SLOT_MASK), entry.pack())
    for name, where in plan.tunnels.gone:
        maps[name].delete_many([where])
    guard_maps.remove(maps, plan.guards)


def publish_frontends(maps: Mapping[str, libbpf.Map]) -> None:
    """From now on no program goes by what it remembers of them (``bpf/lib/frontend.h``)."""
    edition = int.from_bytes(maps["frontends_edition"].get(_u32(0)) or b"", "little")
    maps["frontends_edition"].put(_u32(0), _u32((edition + 1) & 0xFFFFFFFF))


def vip_filter(vips: Iterable[bytes]) -> bytes:
    """A bit for each address (``may_be_vip`` in nlb.bpf.c and nlb6.bpf.c): whose is not set is no VIP."""
    bits = 0
    for vip in vips:
        folded = 0
        for at in range(0, len(vip), 4):
            folded ^= int.from_bytes(vip[at : at + 4], "little")
        bits |= 1 << ((folded * 0x9E3779B1 & 0xFFFFFFFF) >> 20)
    return bits.to_bytes(abi.Limit.VIP_FILTER_BITS // 8, "little")
