"""``networkConfiguration``: subnets and security groups that are there, and of one VPC.

EC2's own errors are quoted as ECS quotes them.
"""

from typing import Any

from ...model.network import SecurityGroup, Subnet
from ...model.request import Params
from ...model.task_definition import TaskDefinition
from ...store import Reader
from ..context import Context
from .errors import invalid

_MOST_SUBNETS = 16
_MOST_SECURITY_GROUPS = 5


def checked_network(
    ctx: Context, reader: Reader, definition: TaskDefinition, given: Params | None, launch_type: str
) -> Params | None:
    """The configuration to keep, None for none. Raises InvalidParameterException."""
    vpc: dict[str, Any] = (given or {}).get("awsvpcConfiguration") or {}
    if definition.network_mode != "awsvpc":
        if vpc:
            raise invalid(
                "Network Configuration is not valid for the given networkMode of this task definition."
            )
        return None
    if not vpc:
        raise invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    if launch_type == "EC2" and vpc.get("assignPublicIp") == "ENABLED":
        raise invalid("Assign public IP is not supported for this launch type.")
    subnets, groups = vpc.get("subnets") or [], vpc.get("securityGroups") or []
    _check_counts(subnets, groups)
    vpcs = {_subnet(ctx, reader, subnet).vpc_id for subnet in subnets}
    if len(vpcs) > 1:
        raise invalid("All specified subnets must be from the same VPC.")
    for group in groups:
        if _security_group(ctx, reader, group).vpc_id not in vpcs:
            raise invalid("All specified security groups must be from the VPC of the subnets.")
    return {"awsvpcConfiguration": {"securityGroups": [], "assignPublicIp": "DISABLED", **vpc}}


def _check_counts(subnets: list[str], groups: list[str]) -> None:
    if not subnets:
        raise invalid("subnets can not be empty.")
    if len(subnets) > _MOST_SUBNETS:
        raise invalid(f"There is a limit of {_MOST_SUBNETS} subnets that can be specified.")
    if len(groups) > _MOST_SECURITY_GROUPS:
        raise invalid(f"There is a limit of {_MOST_SECURITY_GROUPS} security groups that can be specified.")


def _subnet(ctx: Context, reader: Reader, subnet_id: str) -> Subnet:
    subnet = reader.get(Subnet, subnet_id)
    if subnet is None or (subnet.account_id, subnet.region) != (ctx.account_id, ctx.region):
        raise invalid(
            f"Error retrieving subnet information for [{subnet_id}]: The subnet ID '{subnet_id}' does not"
            " exist (ErrorCode: InvalidSubnetID.NotFound)"
        )
    return subnet


def _security_group(ctx: Context, reader: Reader, group_id: str) -> SecurityGroup:
    group = reader.get(SecurityGroup, group_id)
    if group is None or (group.account_id, group.region) != (ctx.account_id, ctx.region):
        raise invalid(
            f"Error retrieving security group information for [{group_id}]: The security group"
            f" '{group_id}' does not exist (ErrorCode: InvalidGroup.NotFound)"
        )
    return group
