"""The programs and maps of one width of addresses, and what their tables hold; see ``layouts``."""

from collections import Counter
from collections.abc import Collection, Mapping

from ...model.errors import DriverError
from ...model.guard import Direction
from ..contracts.dataplane import Backend, DataPlaneState, FrontendCounters
from ..contracts.refusal import Refusal
from . import abi, census, guard_maps, loader, tables
from .events import Events
from .filters import Edition
from .guard_plan import TableFull
from .knock import knock
from .layouts import Layout
from .slots_plan import Place
from .tables_plan import after, plan

_FIRST = bytes(4)


class Plane:
    """Loaded and read back. Used by one thread at a time."""

    def __init__(self, loaded: loader.Loaded, layout: Layout) -> None:
        self.loaded = loaded
        self._layout = layout
        self._tables = tables.read(loaded.maps)
        self.events = Events(loaded.maps["events"], loaded.maps["config"], layout)

    def close(self) -> None:
        """Lets go of what is loaded, which runs on."""
        self.events.close()
        self.loaded.close()

    @property
    def edition(self) -> Edition:
        """What its filters are called by."""
        return Edition(self.loaded.programs, self.loaded.digest, self.loaded.maps["config"].id)

    def apply(self, state: DataPlaneState, places: Mapping[str, Place]) -> int:
        """Makes the tables match the part of the state that fits; how many writes that took."""
        try:
            todo = plan(state, places, self._tables, self._layout)
        except TableFull as error:
            raise DriverError(f"the data plane's tables are full: {error}", retryable=False) from error
        try:
            tables.write(self.loaded.maps, todo)
        except DriverError:
            self._tables = tables.read(self.loaded.maps)
            raise
        self._tables = after(self._tables, todo)
        if todo.freed:
            knock(self.loaded.maps["flows"], {entry.id for entry in todo.freed})
        return todo.writes

    def set_host_interface(self, ifindex: int, mac: bytes) -> int:
        """Where answers to this host's own processes enter. The number of writes it took."""
        config = self.loaded.maps["config"]
        old = abi.Config.unpack(config.get(_FIRST) or b"")
        new = old._replace(host_ifindex=ifindex, host_mac=mac)
        if new == old:
            return 0
        config.put(_FIRST, new.pack())
        return 1

    def flows(self, backends: Collection[Backend]) -> dict[Backend, int]:
        """How many each carries here."""
        places = {each: self._whereabouts(each) for each in backends}
        asked = set(places.values())
        known = [one for one in self._tables.backends.values() if (one.address, one.port) in asked]
        counted = census.count_of(self.loaded.maps["flows"], {one.id for one in known if one.state})
        carried: Counter[tuple[bytes, bytes]] = Counter()
        for one in known:
            carried[one.address, one.port] += counted[one.id]
        return {backend: carried[place] for backend, place in places.items()}

    def _whereabouts(self, backend: Backend) -> tuple[bytes, bytes]:
        return self._layout.address(backend.address), backend.port.to_bytes(2, "big")

    def refusals(self) -> list[Refusal]:
        """Which flows guards refused lately."""
        known = {number: name for name, number in self._tables.guards.names.items()}
        return [
            Refusal(
                guard=known[one.table][0],
                direction="egress" if known[one.table][1] is Direction.EGRESS else "ingress",
                source=one.source,
                destination=one.destination,
                protocol=one.protocol,
                port=one.port,
                packets=one.packets,
                ago=one.ago,
            )
            for one in guard_maps.refused(self.loaded.maps["refusals"], self._layout)
            if one.table in known
        ]

    def counters(self) -> dict[tuple[str, int, str], FrontendCounters]:
        """By (vip, port, protocol)."""
        maps = self.loaded.maps
        return census.frontend_counters(maps, self._tables, census.count_flows(maps["flows"]))
