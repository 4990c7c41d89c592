"""Security groups: create, describe, delete.

Source of limits and messages: Amazon VPC User Guide, "Security groups"; EC2 API Reference, error codes.
"""

import re

from ...model.errors import AwsError
from ...model.load_balancer import LoadBalancer
from ...model.network import NetworkInterface, SecurityGroup
from ...model.request import Params
from ...store import Reader, Transaction
from ..context import Context, Operation
from . import tags
from .arns import ec2_arn
from .filters import Getter, select
from .lookup import by_id, default_vpc, described, owned, vpc_or_default
from .request import operation, paged
from .security_group_rules import EVERYWHERE, Rule, merge

_ALLOWED = r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}"


def _check_text(name: str, value: str) -> None:
    if not re.fullmatch(_ALLOWED, value):
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({value}) for parameter {name} is invalid. "
            "Character sets beyond ASCII are not supported.",
        )


def create_security_group(ctx: Context, request: Params) -> Params:
    """CreateSecurityGroup: no ingress, all egress."""
    name, description = request["GroupName"], request["Description"]
    _check_text("GroupName", name)
    _check_text("GroupDescription", description)
    if name.startswith("sg-"):
        raise AwsError("InvalidParameterValue", "Group names may not be in the format sg-*.")
    if name == "default":
        raise AwsError("InvalidParameterValue", "Cannot use reserved security group name: default")
    labels = tags.specified(request, "security-group")["security-group"]
    with ctx.store.transaction() as tx:
        vpc = vpc_or_default(ctx, tx, request.get("VpcId"))
        if tx.list(SecurityGroup, vpc_id=vpc.id, name=name):
            raise AwsError(
                "InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc.id}'"
            )
        group = tx.put(
            SecurityGroup(
                id=f"sg-{ctx.ids.hex(17)}",
                account_id=ctx.account_id,
                region=ctx.region,
                vpc_id=vpc.id,
                name=name,
                description=description,
                egress=(EVERYWHERE,),
                tags=labels,
            )
        )
    return {
        "GroupId": group.id,
        "SecurityGroupArn": ec2_arn(group, f"security-group/{group.id}"),
        "Tags": tags.shape(group.tags),
    }


def _shape(group: SecurityGroup) -> Params:
    return {
        "GroupId": group.id,
        "GroupName": group.name,
        "Description": group.description,
        "SecurityGroupArn": ec2_arn(group, f"security-group/{group.id}"),
        "OwnerId": group.account_id,
        "VpcId": group.vpc_id,
        "IpPermissions": merge(group.ingress),
        "IpPermissionsEgress": merge(group.egress),
        "Tags": tags.shape(group.tags),
    }


def _entries(rules: tuple[Rule, ...], many: str, one: str) -> list[str]:
    return [entry[one] for rule in rules for entry in rule.get(many, ()) if one in entry]


def _rule_filters(prefix: str, direction: str) -> dict[str, Getter[SecurityGroup]]:
    def rules(group: SecurityGroup) -> tuple[Rule, ...]:
        found: tuple[Rule, ...] = getattr(group, direction)
        return found

    return {
        f"{prefix}.cidr": lambda g: _entries(rules(g), "IpRanges", "CidrIp"),
        f"{prefix}.ipv6-cidr": lambda g: _entries(rules(g), "Ipv6Ranges", "CidrIpv6"),
        f"{prefix}.group-id": lambda g: _entries(rules(g), "UserIdGroupPairs", "GroupId"),
        f"{prefix}.protocol": lambda g: [rule["IpProtocol"] for rule in rules(g)],
        f"{prefix}.from-port": lambda g: [rule.get("FromPort") for rule in rules(g)],
        f"{prefix}.to-port": lambda g: [rule.get("ToPort") for rule in rules(g)],
    }


_FILTERS: dict[str, Getter[SecurityGroup]] = {
    "group-id": lambda g: g.id,
    "group-name": lambda g: g.name,
    "description": lambda g: g.description,
    "owner-id": lambda g: g.account_id,
    "vpc-id": lambda g: g.vpc_id,
    **_rule_filters("ip-permission", "ingress"),
    **_rule_filters("egress.ip-permission", "egress"),
}


def by_name(ctx: Context, reader: Reader, name: str) -> SecurityGroup:
    """A group of the default VPC by its name. Raises InvalidGroup.NotFound."""
    vpc = default_vpc(ctx, reader)
    found = owned(ctx, reader, SecurityGroup, vpc_id=vpc.id, name=name) if vpc else []
    if not found:
        where = f" in default VPC '{vpc.id}'" if vpc else ""
        raise AwsError("InvalidGroup.NotFound", f"The security group '{name}' does not exist{where}")
    return found[0]


def describe_security_groups(ctx: Context, request: Params) -> Params:
    """DescribeSecurityGroups; names are looked for in the default VPC, as on AWS."""
    ids = list(request.get("GroupIds") or ())
    ids += [by_name(ctx, ctx.store, name).id for name in request.get("GroupNames") or ()]
    groups = select(described(ctx, SecurityGroup, ids), request.get("Filters"), _FILTERS)
    return paged(request, groups, _shape, "SecurityGroups")


def named(ctx: Context, reader: Reader, request: Params) -> SecurityGroup:
    """The group a request means by GroupId or GroupName."""
    if request.get("GroupId") and request.get("GroupName"):
        raise AwsError(
            "InvalidParameterCombination", "The parameter groupName cannot be used with the parameter groupId"
        )
    if request.get("GroupId"):
        return by_id(ctx, reader, SecurityGroup, request["GroupId"])
    if request.get("GroupName"):
        return by_name(ctx, reader, request["GroupName"])
    raise AwsError("MissingParameter", "The request must contain the parameter groupName or groupId")


def _is_used(tx: Transaction, group: SecurityGroup) -> bool:
    held = any(group.id in eni.security_groups for eni in tx.list(NetworkInterface, vpc_id=group.vpc_id))
    balancer = any(group.id in lb.security_groups for lb in tx.list(LoadBalancer, vpc_id=group.vpc_id))
    return (
        held
        or balancer
        or any(_refers(other, group) for other in tx.list(SecurityGroup, vpc_id=group.vpc_id))
    )


def _refers(other: SecurityGroup, group: SecurityGroup) -> bool:
    rules = other.ingress + other.egress
    return other.id != group.id and group.id in _entries(rules, "UserIdGroupPairs", "GroupId")


def delete_security_group(ctx: Context, request: Params) -> Params:
    """DeleteSecurityGroup."""
    with ctx.store.transaction() as tx:
        group = named(ctx, tx, request)
        if group.name == "default":
            raise AwsError(
                "CannotDelete",
                f'the specified group: "{group.id}" name: "default" cannot be deleted by a user',
            )
        if _is_used(tx, group):
            raise AwsError("DependencyViolation", f"resource {group.id} has a dependent object")
        tx.delete(group)
    return {"Return": True, "GroupId": group.id}


OPERATIONS: dict[str, Operation] = {
    "CreateSecurityGroup": operation(
        create_security_group, "GroupName", "Description", "VpcId", "TagSpecifications"
    ),
    "DescribeSecurityGroups": operation(
        describe_security_groups, "GroupIds", "GroupNames", "Filters", "MaxResults", "NextToken"
    ),
    "DeleteSecurityGroup": operation(delete_security_group, "GroupId", "GroupName"),
}
