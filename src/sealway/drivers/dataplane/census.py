"""What the flow table and the counters say: flows by backend and frontend, totals, drops."""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from ..contracts.dataplane import FrontendCounters
from . import abi, abi6, libbpf
from .drop_reasons import DROP_REASONS
from .flow_table import entries, of_backends
from .layouts import address_text
from .tables_plan import PROTOCOLS, Tables

_NOT_COUNTED = abi.FlowFlag.ANSWER | abi.FlowFlag.CUT
_HALF = abi.FlowFlag.AWAY | abi.FlowFlag.TRANSLATED | abi.FlowFlag.CLIENT_FIN
_HALF_OVER = abi.FlowFlag.AWAY | abi.FlowFlag.CLIENT_FIN
"""Through a tunnel, of which the target's end is not seen: over once the client has finished."""
PROTOCOL_NAMES = {number: name for name, number in PROTOCOLS.items()}


class Census(NamedTuple):
    """Living flows by backend id and by frontend id."""

    by_backend: Mapping[int, int]
    by_frontend: Mapping[int, int]


def count_flows(flows: libbpf.Map) -> Census:
    """Counts each living flow once: its entry from client to target."""
    by_backend: Counter[int] = Counter()
    by_frontend: Counter[int] = Counter()
    for flow in _living(entries(flows)):
        by_backend[flow.backend] += 1
        by_frontend[flow.frontend] += 1
    return Census(by_backend, by_frontend)


def count_of(flows: libbpf.Map, backends: Collection[int]) -> Counter[int]:
    """As ``count_flows`` by backend, of these (ids) alone: others' entries are not even read."""
    return Counter(flow.backend for flow in _living(of_backends(flows, backends)))


def _living(found: Iterable[abi.Flow | abi6.Flow]) -> Iterator[abi.Flow | abi6.Flow]:
    now = int(time.clock_gettime(time.CLOCK_MONOTONIC))
    for flow in found:
        over = flow.flags & _NOT_COUNTED or flow.flags & _HALF == _HALF_OVER
        if not over and now <= flow.expires:
            yield flow


def frontend_counters(
    maps: Mapping[str, libbpf.Map], tables: Tables, census: Census
) -> dict[tuple[str, int, str], FrontendCounters]:
    """By (vip, port, protocol)."""
    found = {}
    for key, frontend in tables.frontends.items():
        cpus = maps["counters"].get_per_cpu(frontend.id.to_bytes(4, "little"))
        parts = [abi.Counters.unpack(value) for value in cpus]
        name = (address_text(key.vip), int.from_bytes(key.port, "big"), PROTOCOL_NAMES[key.protocol])
        found[name] = FrontendCounters(
            new_flows=sum(part.new_flows for part in parts),
            active_flows=census.by_frontend.get(frontend.id, 0),
            packets=sum(part.packets for part in parts),
            bytes=sum(part.octets for part in parts),
            established=sum(part.established for part in parts),
            rejected=sum(part.rejected for part in parts),
            ports_exhausted=sum(part.ports_exhausted for part in parts),
            blocked=sum(part.blocked for part in parts),
            client_resets=sum(part.client_resets for part in parts),
            target_resets=sum(part.target_resets for part in parts),
            resets=sum(part.resets for part in parts),
            over_limit=sum(part.over_limit for part in parts),
        )
    return found


def drops(counters: libbpf.Map) -> dict[str, int]:
    """By the reason's name, zero ones too."""
    return {
        name: sum(
            int.from_bytes(value, "little")
            for value in counters.get_per_cpu(int(reason).to_bytes(4, "little"))
        )
        for name, reason in DROP_REASONS.items()
    }
