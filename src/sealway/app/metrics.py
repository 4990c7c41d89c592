"""What is counted, for collectors of metrics: each of CloudWatch's AWS/NetworkELB that can be known here.

Names are the collectors' kind, the help text says CloudWatch's. Totals begin with the listener, or with the
data plane where it was loaded later. Source: "CloudWatch metrics for your Network Load Balancer".
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..drivers.contracts.dataplane import DataPlane, FrontendCounters
from ..drivers.contracts.host_network import HostNetwork
from ..node.snapshot import Snapshot
from ..store import Reader
from . import traffic

Counted = Mapping[tuple[str, int, str], FrontendCounters]
"""By address, port and protocol."""


class Known(NamedTuple):
    """A total that ``FrontendCounters`` has: as whose metric, and CloudWatch's name for it."""

    field: str
    name: str
    cloudwatch: str


TOTALS = (
    Known("new_flows", "new_flows", "NewFlowCount"),
    Known("packets", "processed_packets", "ProcessedPackets"),
    Known("bytes", "processed_bytes", "ProcessedBytes"),
    Known(
        "rejected",
        "rejected_flows",
        "RejectedFlowCount: no room in the flow table, or beyond the handshakes' limit",
    ),
    Known("ports_exhausted", "port_allocation_errors", "PortAllocationErrorCount"),
    Known(
        "blocked",
        "security_group_blocked_flows",
        "SecurityGroupBlockedFlowCount_Inbound, and targets' groups",
    ),
    Known("client_resets", "client_resets", "TCP_Client_Reset_Count"),
    Known("target_resets", "target_resets", "TCP_Target_Reset_Count"),
    Known("resets", "elb_resets", "TCP_ELB_Reset_Count: those to targets"),
    Known(
        "over_limit",
        "syns_over_limit",
        "not in CloudWatch: SYNs over the listener's limit of uncompleted handshakes",
    ),
    Known("established", "established_flows", "not in CloudWatch: new flows whose handshake was completed"),
)
_LISTENER = ("load_balancer", "availability_zone", "address", "port", "protocol")
_TARGETS = ("load_balancer", "target_group", "availability_zone")


async def metrics(reader: Reader, dataplane: DataPlane, network: HostNetwork) -> str:
    """The exposition, as text."""
    families = [
        *_of_listeners(Snapshot(reader), await dataplane.counters()),
        *_of_targets(Snapshot(reader)),
        _of_drops(await traffic.drops(dataplane, network)),
    ]
    registry = CollectorRegistry()
    registry.register(_Ready(families))
    return generate_latest(registry).decode()


class _Ready(Collector):
    """Families that are made already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _of_listeners(view: Snapshot, counted: Counted) -> Iterator[Metric]:
    nodes = {
        address: (balancer.name, zone.availability_zone)
        for balancer in view.balancers
        for zone in balancer.zones
        for address in zone.addresses
    }
    labels = {key: [*nodes.get(key[0], ("", "")), key[0], str(key[1]), key[2]] for key in sorted(counted)}
    active = GaugeMetricFamily("sealway_nlb_active_flows", "ActiveFlowCount", labels=_LISTENER)
    for key, values in labels.items():
        active.add_metric(values, counted[key].active_flows)
    yield active
    for known in TOTALS:
        family = CounterMetricFamily(f"sealway_nlb_{known.name}", known.cloudwatch, labels=_LISTENER)
        for key, values in labels.items():
            family.add_metric(values, getattr(counted[key], known.field))
        yield family


def _of_targets(view: Snapshot) -> Iterator[Metric]:
    healthy: Counter[tuple[str, str, str]] = Counter()
    unhealthy: Counter[tuple[str, str, str]] = Counter()
    for balancer in view.balancers:
        for group in view.groups_of(balancer):
            for target in view.registered(balancer, group):
                key = (balancer.name, group.name, target.availability_zone)
                well = view.is_healthy(target)
                healthy[key] += well
                unhealthy[key] += not well
    for name, cloudwatch, counts in (
        ("healthy_hosts", "HealthyHostCount", healthy),
        ("unhealthy_hosts", "UnHealthyHostCount", unhealthy),
    ):
        family = GaugeMetricFamily(f"sealway_nlb_{name}", cloudwatch, labels=_TARGETS)
        for key, count in sorted(counts.items()):
            family.add_metric(key, count)
        yield family


def _of_drops(rows: Iterable[Mapping[str, object]]) -> Metric:
    family = CounterMetricFamily(
        "sealway_dropped_packets", "Packets that were dropped; see sealway drops", labels=("reason",)
    )
    for row in rows:
        family.add_metric([str(row["name"])], float(str(row["packets"])))
    return family
