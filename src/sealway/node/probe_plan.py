"""Which targets are probed, how, and from where. Pure.

Probed is every registered target, not draining ones, of a target group that a listener of an active
load balancer forwards to: from the VIP of the target's zone, or the first, so that the target sees the
load balancer as the source. Targets of IPv6 are probed in that version.
"""

from datetime import datetime

import msgspec

from ..drivers.contracts.prober import Probe
from ..model.load_balancer import LoadBalancer
from ..model.target_group import HealthCheck, Target, TargetGroup
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


def probe_plan(view: Snapshot) -> dict[str, ProbeJob]:
    """Target key -> its job, of all."""
    arns = {group.arn for balancer in view.balancers for group in view.groups_of(balancer)}
    return {key: job for arn in sorted(arns) for key, job in jobs_of(view, arn).items()}


def jobs_of(view: Snapshot, group_arn: str) -> dict[str, ProbeJob]:
    """Target key -> its job, of one target group. Of several load balancers the first one probes it."""
    group = view.group(group_arn)
    if group is None:
        return {}
    jobs: dict[str, ProbeJob] = {}
    for balancer in view.balancers_of(group_arn):
        if balancer.state == "active":
            for target in view.registered(balancer, group):
                if target.key not in jobs:
                    jobs[target.key] = _job(view, balancer, group, target)
    return jobs


def _job(view: Snapshot, balancer: LoadBalancer, group: TargetGroup, target: Target) -> ProbeJob:
    check = group.health_check
    return ProbeJob(
        target_group_arn=group.arn,
        id=target.id,
        port=target.port,
        registered_at=target.registered_at,
        check=check,
        draining=group.unhealthy_draining,
        probe=Probe(
            source=_source(balancer, group, target),
            address=view.address_of(target),
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
