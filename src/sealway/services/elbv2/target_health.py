"""DescribeTargetHealth: of all targets of a group, or of those asked for.

One that is asked for and not registered is ``unused`` / Target.NotRegistered. Anomaly detection, which
``Include`` may ask for, is an Application Load Balancer's; there is nothing to add for a TCP group.
"""

from collections.abc import Sequence

from ...model.instance import Instance
from ...model.load_balancer import LoadBalancer
from ...model.network import NetworkInterface
from ...model.request import Params
from ...model.target_group import Target, TargetGroup, TargetHealth, target_key
from ...store import Reader
from ..context import Context
from . import health_checks, health_view, lookup, zones
from .target_descriptions import id_of, port_of


def describe_target_health(ctx: Context, request: Params) -> Params:
    """DescribeTargetHealth."""
    group = lookup.target_group(ctx, ctx.store, request["TargetGroupArn"])
    registered = registered_in(ctx.store, group)
    around = surroundings(ctx.store, group, registered)
    shown: dict[str, Params] = {}
    for target in registered:
        if _is_asked(group, target, request.get("Targets")):
            shown[target.key] = _describe(ctx.store, group, target, around)
    for description in request.get("Targets") or ():
        if not any(_is_asked(group, target, [description]) for target in registered):
            key = target_key(group.arn, id_of(group, description), port_of(group, description))
            shown[key] = _not_registered(group, description)
    return {"TargetHealthDescriptions": list(shown.values())}


def registered_in(reader: Reader, group: TargetGroup) -> list[Target]:
    """The group's targets, without those that only carry their last flows."""
    return reader.list(Target, target_group_arn=group.arn, unused_since=None)


def _is_asked(group: TargetGroup, target: Target, asked: Sequence[Params] | None) -> bool:
    """A description without a port asks for every registration of that id."""
    if not asked:
        return True
    return any(id_of(group, one) == target.id and one.get("Port") in {None, target.port} for one in asked)


def _describe(reader: Reader, group: TargetGroup, target: Target, around: health_view.Surroundings) -> Params:
    seen = health_view.view(target, reader.get(TargetHealth, target.key), around)
    port = group.health_check.port
    described: Params = {"Id": target.id, "Port": target.port}
    if group.target_type == "ip":
        described["AvailabilityZone"] = target.availability_zone
    return {
        "Target": described,
        "HealthCheckPort": str(target.port) if port == health_checks.TRAFFIC_PORT else port,
        "TargetHealth": _render(seen),
    }


def _not_registered(group: TargetGroup, description: Params) -> Params:
    return {
        "Target": {"Id": description["Id"], "Port": port_of(group, description)},
        "TargetHealth": _render(health_view.NOT_REGISTERED),
    }


def surroundings(
    reader: Reader, group: TargetGroup, registered: Sequence[Target]
) -> health_view.Surroundings:
    """What the health of the group's registered targets depends on beside themselves."""
    found = (reader.get(LoadBalancer, arn) for arn in lookup.load_balancer_arns_of(reader, group.arn))
    in_front = tuple(one for one in found if one is not None)
    if group.target_type == "instance":
        instances = (reader.get(Instance, target.id) for target in registered)
        states = {one.id: one.state for one in instances if one is not None}
        return health_view.Surroundings(load_balancers=in_front, instance_states=states)
    nodes = reader.list(NetworkInterface, vpc_id=group.vpc_id, interface_type=zones.INTERFACE_TYPE)
    return health_view.Surroundings(
        load_balancers=in_front, reserved=frozenset(a for node in nodes for a in node.addresses)
    )


def _render(seen: health_view.HealthView) -> Params:
    answer: Params = {"State": seen.state}
    if seen.reason:
        answer["Reason"] = seen.reason
    if seen.description:
        answer["Description"] = seen.description
    return answer
