"""Takes over what the maps of an older layout hold, while its programs go on carrying every packet.

Flows, and what they name by number (backends, frontends), are copied by the names of their members
(``carry_plan``), and put into our table by our own program (``bpf/lib/adopt.h``), as only that knows where
they belong. Everything else is made anew of the state, before the new programs stand at any interface. What
the older programs changed meanwhile is copied right before those take over, and once more afterwards.

A process that dies in the midst leaves both layouts behind; the next one begins again, and leaves alone what
programs of ours have begun to write.
"""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import structlog

from ...model.errors import DriverError
from . import abi, libbpf, loader, tables
from .btf import Field, Types
from .carry_plan import (
    FLAGS,
    NEEDED_BACKEND,
    NEEDED_FLOW,
    NEEDED_FRONTEND,
    NEEDED_KEY,
    REBUILT,
    FlowCells,
    Side,
    Translation,
    cells_of,
    flag_bits,
    is_for_both,
    missing,
    side_of,
)

log = structlog.get_logger(__name__)
Maps = Mapping[str, libbpf.Map]


class _Pair(NamedTuple):
    """What two maps of one name hold."""

    old: Side
    new: Side


class CarryOver:
    """Of one width of addresses. ``lacking``: what makes it impossible. ``flags``: the older layout's
    enumeration of a flow's, which the object for IPv4 alone describes."""

    def __init__(self, old: Maps, loaded: loader.Loaded, flags: Mapping[str, int]) -> None:
        self._old, self._new, self._program = old, loaded.maps, loaded.programs["sealway_adopt"]
        self._types: dict[int, Types] = {}
        self._seen: list[bytes] = []
        self.lacking: list[str] = []
        self.without_room = 0
        self._cells = self._flow_cells(flags)
        self._keys = self._pair("frontends", NEEDED_KEY, keys=True)
        self._frontends = self._pair("frontends", NEEDED_FRONTEND)
        self._backends = self._pair("backends", NEEDED_BACKEND)

    def established(self) -> int | None:
        """How many connections the older table carries; None: nobody can tell."""
        flags = abi.FlowFlag.ESTABLISHED | abi.FlowFlag.ANSWER | abi.FlowFlag.CUT
        cells, found = self._cells, 0
        if cells is None:
            return None
        size = self._old["flows"].value_size
        for _, buckets in self._old["flows"].chunks():
            for at in range(0, len(buckets), size):
                flows = cells.of(buckets[at : at + size], _now())
                found += sum(cells.flags(flow) & flags == abi.FlowFlag.ESTABLISHED for flow in flows)
        return found

    def tables(self) -> None:
        """What flows name by number, the counters of frontends, and the secret of the flow table's hash: with
        the same one, what found a place in the older table finds one in ours."""
        self._seed()
        key, frontend = Translation(*self._keys), Translation(*self._frontends, REBUILT)
        vip, number = self._keys.new.fields["vip"], self._frontends.new.fields["id"]
        vips, count = [], Translation(*self._pair("counters", ()))
        for name, value in self._old["frontends"].items():
            ours, made = key(name), frontend(value)
            vips.append(_of(vip, ours))
            self._new["frontends"].put(ours, made)
            parts = self._old["counters"].get_per_cpu(_of(number, made))
            self._new["counters"].put_per_cpu(_of(number, made), [count(part) for part in parts])
        # Who plans by the frontends that are there takes them for looked at.
        self._new["vip_filter"].put(bytes(4), tables.vip_filter(vips))
        backend = Translation(*self._backends, REBUILT)
        for slot, value in self._old["backends"].items():
            if any(value) and int.from_bytes(slot, "little") < self._new["backends"].max_entries:
                self._new["backends"].put(slot, backend(value))

    def flows(self, what: abi.Adopt) -> int:
        """Those that are another since the last time; how many were copied."""
        assert self._cells is not None
        changed: list[bytes] = []
        gone: list[bytes] = []
        size, now = self._old["flows"].value_size, _now()
        for number, (_, buckets) in enumerate(self._old["flows"].chunks()):
            before = self._seen[number] if number < len(self._seen) else bytes(len(buckets))
            self._seen[number : number + 1] = [buckets]
            if before == buckets:
                continue
            for at in range(0, len(buckets), size):
                was, bucket = before[at : at + size], buckets[at : at + size]
                if was != bucket:
                    here = list(self._cells.of(bucket, now))
                    keys = {self._cells.key(flow) for flow in here}
                    changed += here
                    gone += [f for f in self._cells.of(was, 0) if self._cells.key(f) not in keys]
        self._adopt(abi.Adopt.REMOVE, gone)
        self.without_room += len(changed) - self._adopt(what, changed)
        return len(changed)

    def close(self) -> None:
        """Lets go of the older maps."""
        for each in self._old.values():
            each.close()

    def _seed(self) -> None:
        types, config = self._described(self._old["config"]), self._new["config"]
        field = types.fields(self._old["config"].value_type).get("seed") if types else None
        value = self._old["config"].get(bytes(4))
        if field is not None and value is not None:
            seed = int.from_bytes(_of(field, value), "little")
            config.put(bytes(4), abi.Config.unpack(config.get(bytes(4)) or b"")._replace(seed=seed).pack())

    def _adopt(self, what: abi.Adopt, flows: Sequence[bytes]) -> int:
        header = bytes([what]).ljust(abi.Adopt.HEADER, b"\0")
        return sum(
            libbpf.run_program(self._program, header + b"".join(flows[at : at + abi.Adopt.MOST]))
            for at in range(0, len(flows), abi.Adopt.MOST)
        )

    def _described(self, of: libbpf.Map) -> Types | None:
        if of.btf_id not in self._types:
            raw = libbpf.types_of(of)
            if raw is None:
                return None
            self._types[of.btf_id] = Types(raw)
        return self._types[of.btf_id]

    def _flow_cells(self, flags: Mapping[str, int]) -> FlowCells | None:
        old, new = self._described(self._old["flows"]), self._described(self._new["flows"])
        ours, key = (new.find(f"sealway_{name}") if new else None for name in ("flow", "tuple"))
        cells = cells_of(old, self._old["flows"].value_type) if old else None
        if old is None or new is None or ours is None or key is None or cells is None:
            self.lacking.append("flows")
            return None
        side = side_of(new, ours)
        lacking = missing(cells.places[0].fields, side.fields, NEEDED_FLOW)
        self.lacking += [f"flows.{name}" for name in lacking]
        if {"protocol", "expires", "flags"} & set(lacking):
            return None
        return FlowCells(cells, side, flag_bits(flags), new.size(key), for_both=is_for_both(flags))

    def _pair(self, name: str, needed: Sequence[str], *, keys: bool = False) -> _Pair:
        sides = []
        for each in (self._old[name], self._new[name]):
            types = self._described(each)
            type_id = each.key_type if keys else each.value_type
            sides.append(side_of(types, type_id) if types else Side({}, 0))
        pair = _Pair(*sides)
        self.lacking += [f"{name}.{one}" for one in missing(pair.old.fields, pair.new.fields, needed)]
        if not pair.new.fields:
            self.lacking.append(name)
        return pair


def _of(field: Field, value: bytes) -> bytes:
    return value[field.offset : field.offset + field.size]


def flags_of(flows: libbpf.Map) -> Mapping[str, int]:
    """The enumeration of a flow's flags that came with a table; nothing if none did."""
    raw = libbpf.types_of(flows)
    return Types(raw).numbers(FLAGS) if raw else {}


class Takeover:
    """Of both widths. ``live``: programs of ours already write to our tables."""

    def __init__(self, layout: int, parts: Sequence[CarryOver], *, live: bool) -> None:
        self._layout, self._parts, self._live = layout, parts, live
        self._copied = 0

    def check(self) -> None:
        """Raises ``DriverError`` where connections would be lost."""
        lacking = [name for part in self._parts for name in part.lacking]
        counted = [part.established() for part in self._parts] if lacking else []
        if not lacking or (None not in counted and not sum(filter(None, counted))):
            return
        lost = "connections" if None in counted else f"{sum(filter(None, counted))} established connections"
        raise DriverError(
            f"the data plane in the kernel has an older layout (v{self._layout}, ours is v{loader.LAYOUT})."
            f" Nothing can be taken over from it, as it lacks {', '.join(dict.fromkeys(lacking))}, so {lost}"
            " would be lost: accept that with `sealway up --replace-dataplane`, or go on with the version"
            " that began them; `sealway down` removes everything",
            retryable=False,
        )

    def begin(self) -> None:
        """Before anybody reads our tables. Where nothing can be taken over, there is nothing to lose."""
        for part in self._parts:
            if part.lacking:
                part.close()
        self._parts = [part for part in self._parts if not part.lacking]
        for part in self._parts:
            if not self._live:
                part.tables()
            self._copied += part.flows(self._what)

    def catch_up(self) -> None:
        """Right before our programs take over."""
        for part in self._parts:
            self._copied += part.flows(self._what)

    def finish(self) -> None:
        """Right after."""
        for part in self._parts:
            self._copied += part.flows(abi.Adopt.ADD)
        lost = sum(part.without_room for part in self._parts)
        log.info("took the flows of an older layout over", layout=self._layout, entries=self._copied)
        if lost:
            log.warning("flows of an older layout found no room in the table", entries=lost)
        self.close()

    def close(self) -> None:
        """Lets go of the older maps."""
        for part in self._parts:
            part.close()

    @property
    def _what(self) -> abi.Adopt:
        return abi.Adopt.ADD if self._live else abi.Adopt.PUT


def _now() -> int:
    return int(time.clock_gettime(time.CLOCK_MONOTONIC))
