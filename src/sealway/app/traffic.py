"""What the data plane and the packet filter count, together, as the command line shows it."""

from typing import Any

import msgspec

from ..drivers.contracts.dataplane import DataPlane, FlowEvent
from ..drivers.contracts.host_network import HostNetwork
from ..drivers.contracts.refusal import Refusal
from ..drivers.dataplane.drop_reasons import DROP_REASONS, EXPLANATIONS
from ..model.network import SecurityGroup
from ..store import Reader


async def drops(dataplane: DataPlane, network: HostNetwork) -> list[dict[str, Any]]:
    """Every reason, the ones that never came too."""
    carried, filtered = await dataplane.drops(), await network.drops()
    return [
        {
            "number": int(reason),
            "name": name,
            "packets": carried.get(name, 0) + filtered.get(name, 0),
            "meaning": EXPLANATIONS[reason],
        }
        for name, reason in DROP_REASONS.items()
    ]


async def refusals(reader: Reader, dataplane: DataPlane, network: HostNetwork) -> list[dict[str, Any]]:
    """What security groups refused lately, the latest first, with the groups' names."""
    found = [*await dataplane.refusals(), *await network.refusals()]
    return [_refusal(reader, one) for one in sorted(found, key=lambda one: one.ago)]


def _refusal(reader: Reader, one: Refusal) -> dict[str, Any]:
    groups = [(group_id, reader.get(SecurityGroup, group_id)) for group_id in one.guard.split(",")]
    named = [{"id": group_id, "name": group.name if group else ""} for group_id, group in groups]
    return {**msgspec.to_builtins(one), "groups": named}


async def flow_events(dataplane: DataPlane) -> list[FlowEvent]:
    """What flows did since somebody last asked."""
    return list(await dataplane.flow_events())


async def flows(dataplane: DataPlane) -> list[dict[str, Any]]:
    """Every listener's counters."""
    counted = await dataplane.counters()
    return [
        {"address": vip, "port": port, "protocol": protocol, **msgspec.to_builtins(counters)}
        for (vip, port, protocol), counters in sorted(counted.items())
    ]
