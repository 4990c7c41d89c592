"""Authorize, revoke and describe the rules of security groups.

One code path for both directions: ``direction`` is the group's field, ``ingress`` or ``egress``.
"""

from collections.abc import Iterable

from ...model.errors import AwsError
from ...model.network import SecurityGroup
from ...model.request import Params
from ...model.resource import Resource
from ...store import Reader
from ..context import Context, Operation
from .filters import Getter, select
from .lookup import by_id, owned
from .request import operation, paged
from .security_group import by_name, named
from .security_group_rules import Rule, describe, flatten, identity, rule_id, wording

MAX_RULES = 60
"""Rules a group and direction. Source: Amazon VPC quotas, "Inbound or outbound rules per security group"."""
_FLAT = (
    "IpProtocol",
    "FromPort",
    "ToPort",
    "CidrIp",
    "SourceSecurityGroupName",
    "SourceSecurityGroupOwnerId",
)


def _permissions(request: Params) -> list[Params]:
    """The rules of a request, from either of its two writings."""
    flat = {name: request[name] for name in _FLAT if request.get(name) is not None}
    listed: list[Params] = request.get("IpPermissions") or []
    if flat and listed:
        raise AwsError(
            "InvalidParameterCombination", "Specify either IpPermissions or the single rule's parameters."
        )
    if not flat:
        return listed
    permission: Params = {name: flat[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in flat}
    if "CidrIp" in flat:
        permission["IpRanges"] = [{"CidrIp": flat["CidrIp"]}]
    if "SourceSecurityGroupName" in flat:
        permission.setdefault("IpProtocol", "-1")
        permission["UserIdGroupPairs"] = [{"GroupName": flat["SourceSecurityGroupName"]}]
    return [permission]


def _resolved(ctx: Context, reader: Reader, permission: Params) -> Params:
    pairs = []
    for pair in permission.get("UserIdGroupPairs") or ():
        if pair.get("GroupId"):
            other = by_id(ctx, reader, SecurityGroup, pair["GroupId"])
        else:
            other = by_name(ctx, reader, pair.get("GroupName") or "")
        kept = {"GroupId": other.id, "UserId": other.account_id}
        pairs.append(kept | ({"Description": pair["Description"]} if pair.get("Description") else {}))
    return {**permission, "UserIdGroupPairs": pairs}


def _wanted(ctx: Context, reader: Reader, request: Params) -> list[Rule]:
    permissions = _permissions(request)
    if not permissions:
        raise AwsError("MissingParameter", "The request must contain the parameter ipPermissions")
    return flatten(_resolved(ctx, reader, permission) for permission in permissions)


def _rules(group: SecurityGroup, direction: str) -> tuple[Rule, ...]:
    rules: tuple[Rule, ...] = getattr(group, direction)
    return rules


def _added(present: tuple[Rule, ...], wanted: list[Rule]) -> tuple[Rule, ...]:
    known = {identity(rule) for rule in present}
    for rule in wanted:
        if identity(rule) in known:
            raise AwsError(
                "InvalidPermission.Duplicate", f"the specified rule {wording(rule)} already exists"
            )
        known.add(identity(rule))
    if len(known) > MAX_RULES:
        raise AwsError(
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.",
        )
    return (*present, *wanted)


def _authorize(ctx: Context, request: Params, direction: str) -> Params:
    with ctx.store.transaction() as tx:
        group = named(ctx, tx, request)
        wanted = _wanted(ctx, tx, request)
        tx.put(group.replace(**{direction: _added(_rules(group, direction), wanted)}))
    egress = direction == "egress"
    return {"Return": True, "SecurityGroupRules": [describe(group, egress, rule) for rule in wanted]}


def _doomed_by_id(group: SecurityGroup, direction: str, ids: Iterable[str]) -> list[Rule]:
    known = {rule_id(group, direction == "egress", rule): rule for rule in _rules(group, direction)}
    for wanted in ids:
        if wanted not in known:
            raise AwsError(
                "InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{wanted}' does not exist"
            )
    return [known[wanted] for wanted in ids]


def _revoke(ctx: Context, request: Params, direction: str) -> Params:
    with ctx.store.transaction() as tx:
        group = named(ctx, tx, request)
        present = {identity(rule): rule for rule in _rules(group, direction)}
        ids = request.get("SecurityGroupRuleIds")
        if ids and _permissions(request):
            raise AwsError(
                "InvalidParameterCombination", "Specify either SecurityGroupRuleIds or what the rules say."
            )
        doomed = _doomed_by_id(group, direction, ids) if ids else _wanted(ctx, tx, request)
        gone = {identity(rule) for rule in doomed}
        if not gone <= present.keys():
            raise AwsError(
                "InvalidPermission.NotFound", "The specified rule does not exist in this security group."
            )
        kept = tuple(rule for key, rule in present.items() if key not in gone)
        tx.put(group.replace(**{direction: kept}))
    revoked = [_revoked(describe(group, direction == "egress", present[key])) for key in gone]
    return {"Return": True, "RevokedSecurityGroupRules": revoked, "UnknownIpPermissions": []}


def _revoked(rule: Params) -> Params:
    shape = {k: v for k, v in rule.items() if k not in {"Tags", "GroupOwnerId", "SecurityGroupRuleArn"}}
    if reference := shape.pop("ReferencedGroupInfo", None):
        shape["ReferencedGroupId"] = reference["GroupId"]
    return shape


def authorize_ingress(ctx: Context, request: Params) -> Params:
    """AuthorizeSecurityGroupIngress."""
    return _authorize(ctx, request, "ingress")


def authorize_egress(ctx: Context, request: Params) -> Params:
    """AuthorizeSecurityGroupEgress."""
    return _authorize(ctx, request, "egress")


def revoke_ingress(ctx: Context, request: Params) -> Params:
    """RevokeSecurityGroupIngress."""
    return _revoke(ctx, request, "ingress")


def revoke_egress(ctx: Context, request: Params) -> Params:
    """RevokeSecurityGroupEgress."""
    return _revoke(ctx, request, "egress")


class RuleEntry(Resource, frozen=True, kw_only=True):
    """A rule of a group; computed, never stored."""

    id: str
    group_id: str
    shape: Params
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id


_FILTERS: dict[str, Getter[RuleEntry]] = {
    "group-id": lambda r: r.group_id,
    "security-group-rule-id": lambda r: r.id,
}


def describe_rules(ctx: Context, request: Params) -> Params:
    """DescribeSecurityGroupRules."""
    entries = [
        RuleEntry(id=rule_id(group, egress, rule), group_id=group.id, shape=describe(group, egress, rule))
        for group in owned(ctx, ctx.store, SecurityGroup)
        for egress, rules in ((False, group.ingress), (True, group.egress))
        for rule in rules
    ]
    if ids := request.get("SecurityGroupRuleIds"):
        known = {entry.id: entry for entry in entries}
        for wanted in ids:
            if wanted not in known:
                raise AwsError(
                    "InvalidSecurityGroupRuleId.NotFound",
                    f"The security group rule ID '{wanted}' does not exist",
                )
        entries = [known[wanted] for wanted in ids]
    chosen = select(entries, request.get("Filters"), _FILTERS)
    return paged(request, chosen, lambda entry: entry.shape, "SecurityGroupRules")


_GROUP_AND_RULES = ("GroupId", "IpPermissions", *_FLAT)

OPERATIONS: dict[str, Operation] = {
    "AuthorizeSecurityGroupIngress": operation(authorize_ingress, "GroupName", *_GROUP_AND_RULES),
    "AuthorizeSecurityGroupEgress": operation(authorize_egress, *_GROUP_AND_RULES),
    "RevokeSecurityGroupIngress": operation(
        revoke_ingress, "GroupName", "SecurityGroupRuleIds", *_GROUP_AND_RULES
    ),
    "RevokeSecurityGroupEgress": operation(revoke_egress, "SecurityGroupRuleIds", *_GROUP_AND_RULES),
    "DescribeSecurityGroupRules": operation(
        describe_rules, "SecurityGroupRuleIds", "Filters", "MaxResults", "NextToken"
    ),
}
