"""``loadBalancers`` of a service: target groups that exist, serve a listener, and suit the network mode."""

from collections.abc import Sequence

from ...model.lb_protocol import TRANSPORTS
from ...model.load_balancer import Listener
from ...model.request import Params
from ...model.target_group import TargetGroup
from ...model.task_definition import TaskDefinition
from ...store import Reader
from ..context import Context
from .errors import invalid, unsupported
from .honoured import refuse_others

MOST_TARGET_GROUPS = 5
_TARGET_TYPE = {"awsvpc": "ip", "bridge": "instance"}
_HONOURED = ("targetGroupArn", "containerName", "containerPort", "advancedConfiguration")


def check_load_balancers(
    ctx: Context, reader: Reader, definition: TaskDefinition, given: Sequence[Params]
) -> None:
    """Raises InvalidParameterException for the first that could not carry traffic."""
    if len(given) > MOST_TARGET_GROUPS:
        raise invalid(f"The number of load balancers cannot exceed {MOST_TARGET_GROUPS}.")
    for item in given:
        _check_members(item)
        group = _target_group(ctx, reader, definition, item["targetGroupArn"])
        _check_container(definition, item, TRANSPORTS[group.protocol])


def _check_members(item: Params) -> None:
    if item.get("loadBalancerName") and item.get("targetGroupArn"):
        raise invalid(
            "loadBalancerName and targetGroupArn cannot both be specified. You must specify either a"
            " loadBalancerName or a targetGroupArn."
        )
    if item.get("loadBalancerName"):
        raise unsupported("A Classic Load Balancer (loadBalancerName; use targetGroupArn)")
    refuse_others(item, _HONOURED, "loadBalancers")
    if not item.get("targetGroupArn"):
        raise invalid("You must specify a targetGroupArn for each of the loadBalancers.")
    if not item.get("containerName") or item.get("containerPort") is None:
        raise invalid("You must specify containerName and containerPort for each of the loadBalancers.")


def _target_group(ctx: Context, reader: Reader, definition: TaskDefinition, group_arn: str) -> TargetGroup:
    group = reader.get(TargetGroup, group_arn)
    if group is None or (group.account_id, group.region) != (ctx.account_id, ctx.region):
        raise invalid(
            "Unable to assume role and validate the specified targetGroupArn. Please verify that the ECS"
            f" service role being passed has the proper permissions. (There is no target group {group_arn}.)"
        )
    if group.target_type != _TARGET_TYPE.get(definition.network_mode):
        raise invalid(
            f"The provided target group {group_arn} has target type {group.target_type}, which is"
            f" incompatible with the {definition.network_mode} network mode specified in the task definition."
        )
    listeners = reader.list(Listener, account_id=ctx.account_id, region=ctx.region)
    if not any(group_arn in listener.target_group_weights for listener in listeners):
        raise invalid(
            f"The target group with targetGroupArn {group_arn} does not have an associated load balancer."
        )
    return group


def _check_container(definition: TaskDefinition, item: Params, transports: Sequence[str]) -> None:
    name, port = item["containerName"], item["containerPort"]
    container = next((c for c in definition.containers if c["name"] == name), None)
    if container is None:
        raise invalid(f"The container {name} does not exist in the task definition.")
    mapped = {
        m.get("protocol") or "tcp"
        for m in container.get("portMappings") or ()
        if m.get("containerPort") == port
    }
    if not mapped:
        raise invalid(f"The container {name} did not have a container port {port} defined.")
    if missing := [transport for transport in transports if transport not in mapped]:
        raise invalid(
            f"The container {name} did not have a container port {port} with protocol {missing[0]} defined,"
            f" which target group {item['targetGroupArn']} needs."
        )
