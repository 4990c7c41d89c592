"""Which targets are probed, how, and from where. Pure.

Probed is every registered target, not draining ones, of a target group that a listener of an active
load balancer forwards to: from the VIP of the target's zone, or the first, so that the target sees the
load balancer as the source. Targets of IPv6 are probed in that version.
"""

from datetime import datetime
from functools import partial

import msgspec

from ..drivers.contracts.prober import Probe
from ..model.load_balancer import LoadBalancer
from ..model.target_group import HealthCheck, Target, TargetGroup
from .kept import Kept
from .snapshot import Snapshot

DEFAULT_PATH = "/"
DEFAULT_MATCHER = "200-399"


class ProbeJob(msgspec.Struct, frozen=True, kw_only=True):
    """A target to probe, and how its results count. Another registration is another job."""

    target_group_arn: str
    id: str
    port: int
    registered_at: datetime
    probe: Probe
    check: HealthCheck
    draining: int = 0
    """The target group's unhealthy draining interval, in seconds."""


def probe_plan(view: Snapshot, kept: Kept | None = None) -> dict[str, ProbeJob]:
    """Target key -> its job. ``kept``: what the last pass made."""
    kept = kept or Kept()
    jobs: dict[str, ProbeJob] = {}
    for balancer in view.balancers:
        if balancer.state != "active":
            continue
        for group in view.groups_of(balancer):
            make = partial(_jobs, view, balancer, group)
            inputs = (balancer, view.stamp(group.arn))
            for key, job in kept.take(("probes", balancer.arn, group.arn), inputs, make).items():
                jobs.setdefault(key, job)
    return jobs


def _jobs(view: Snapshot, balancer: LoadBalancer, group: TargetGroup) -> dict[str, ProbeJob]:
    return {target.key: _job(view, balancer, group, target) for target in view.registered(balancer, group)}


def _job(view: Snapshot, balancer: LoadBalancer, group: TargetGroup, target: Target) -> ProbeJob:
    check = group.health_check
    instance = view.instances.get(target.id)
    return ProbeJob(
        target_group_arn=group.arn,
        id=target.id,
        port=target.port,
        registered_at=target.registered_at,
        check=check,
        draining=group.unhealthy_draining,
        probe=Probe(
            source=_source(balancer, group, target),
            address=instance.private_ip if instance else target.id,
            port=target.port if check.port == "traffic-port" else int(check.port),
            protocol=check.protocol,  # type: ignore[arg-type]
            path=check.path or DEFAULT_PATH,
            matcher=check.matcher or DEFAULT_MATCHER,
            timeout=check.timeout,
            proxy_protocol=group.attributes.get("proxy_protocol_v2.enabled") == "true",
        ),
    )


def _source(balancer: LoadBalancer, group: TargetGroup, target: Target) -> str:
    zone = next(
        (zone for zone in balancer.zones if zone.availability_zone == target.availability_zone),
        balancer.zones[0],
    )
    return zone.vip6 if group.ip_address_type == "ipv6" else zone.vip
