"""A target's health as a client sees it: what is registered, what was observed, and what is in use.

Pure. The order of the questions decides: who is not registered has no health; who is in no load balancer's
way is unused whatever a probe said; who drains, drains. Source: TargetHealth in the API reference.
"""

from collections.abc import Iterable, Mapping

import msgspec

from ...model.load_balancer import LoadBalancer
from ...model.target_group import Target, TargetHealth
from .target_descriptions import EVERY_ZONE

_ENDED = {"shutting-down": "terminated", "stopping": "stopped"}


class HealthView(msgspec.Struct, frozen=True):
    """State, reason code and description, as AWS words them. Healthy: no reason."""

    state: str
    reason: str | None = None
    description: str | None = None


NOT_REGISTERED = HealthView("unused", "Target.NotRegistered", "Target is not registered to the target group")
NOT_IN_USE = HealthView(
    "unused",
    "Target.NotInUse",
    "Target group is not configured to receive traffic from the load balancer",
)
ZONE_NOT_ENABLED = HealthView(
    "unused",
    "Target.NotInUse",
    "Target is in an Availability Zone that is not enabled for the load balancer",
)
DRAINING = HealthView("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
UNUSABLE = HealthView(
    "unused", "Target.IpUnusable", "Target IP address is reserved for use by a load balancer"
)
REGISTERING = HealthView("initial", "Elb.RegistrationInProgress", "Target registration is in progress")


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the health of a group's targets depends on beside themselves.

    ``load_balancers``: those with a listener that forwards to the group. ``instance_states``: of the targets,
    by instance id (one that is gone is not there); None for targets of type ip. ``reserved``: addresses of
    load balancer nodes.
    """

    load_balancers: tuple[LoadBalancer, ...] = ()
    instance_states: Mapping[str, str] | None = None
    reserved: frozenset[str] = frozenset()


def view(target: Target | None, health: TargetHealth | None, around: Surroundings) -> HealthView:
    """The health to show."""
    if target is None:
        return NOT_REGISTERED
    if target.draining_since is not None and around.load_balancers:
        return DRAINING
    unused = _unused(target, around)
    if unused is not None:
        return unused
    if health is None or health.changed_at < target.registered_at:
        return REGISTERING  # what was concluded before was about an earlier registration
    if health.state == "healthy":
        return HealthView("healthy")
    return HealthView(health.state, health.reason, health.description)


def _unused(target: Target, around: Surroundings) -> HealthView | None:
    """Why the target gets no traffic whatever a probe says, or None."""
    if not around.load_balancers:
        return NOT_IN_USE
    if around.instance_states is not None:
        state = around.instance_states.get(target.id, "terminated")
        if state not in {"pending", "running"}:
            return HealthView(
                "unused", "Target.InvalidState", f"Target is in the {_ENDED.get(state, state)} state"
            )
    if target.id in around.reserved:
        return UNUSABLE
    return None if _zone_enabled(target, around.load_balancers) else ZONE_NOT_ENABLED


def _zone_enabled(target: Target, load_balancers: Iterable[LoadBalancer]) -> bool:
    if target.availability_zone == EVERY_ZONE:
        return True
    enabled = {zone.availability_zone for one in load_balancers for zone in one.zones}
    return target.availability_zone in enabled
