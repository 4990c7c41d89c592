"""``availabilityZoneRebalancing``: for services that are spread over Availability Zones in the first place.

On create it is ENABLED when not given, if the service is such a one; from then on it stays as it is, unless
the service changes to one that cannot have it.
Source: ECS Developer Guide, "Balancing an Amazon ECS service across Availability Zones".
"""

from ...model.placement import ZONE_ATTRIBUTE
from ...model.service import Service
from .errors import invalid

_MEMBER = "availabilityZoneRebalancing"


def obstacle(service: Service) -> str | None:
    """Why the service's tasks cannot be moved between zones; None: they can."""
    attribute = f"attribute:{ZONE_ATTRIBUTE}"
    first = next(iter(service.placement_strategy), {"type": "spread", "field": attribute})
    if service.made_of_task_sets:
        return f"the {service.deployment_controller} deployment controller"
    if service.scheduling_strategy == "DAEMON":
        return "the DAEMON scheduling strategy"
    if service.maximum_percent <= 100:
        return "a maximumPercent of 100"
    if (first.get("type"), first.get("field")) != ("spread", attribute):
        return f"a first placement strategy other than spread on {attribute}"
    if any(attribute in (c.get("expression") or "") for c in service.placement_constraints):
        return f"a placement constraint on {attribute}"
    return None


def with_rebalancing(service: Service, given: str | None, *, created: bool = False) -> Service:
    """The service with the value that holds. InvalidParameterException if it asks for what cannot be."""
    why = obstacle(service)
    value = given or service.extra.get(_MEMBER) or ("ENABLED" if created else "DISABLED")
    if given == "ENABLED" and why:
        raise invalid(f"Availability Zone rebalancing does not support {why}.")
    return service.replace(extra={**service.extra, _MEMBER: "DISABLED" if why else value})
