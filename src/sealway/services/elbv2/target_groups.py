"""CreateTargetGroup, DescribeTargetGroups, ModifyTargetGroup, DeleteTargetGroup.

Only what the data plane carries can be made: TCP, UDP or both, targets of type instance or ip. Those of IPv6
are of type ip.
"""

from collections import defaultdict

from ...model import arn as arns
from ...model.errors import AwsError
from ...model.lb_protocol import TRANSPORTS
from ...model.load_balancer import Listener
from ...model.network import Vpc
from ...model.request import Params
from ...model.target_group import Target, TargetGroup, TargetHealth
from ...store import Reader
from ..context import Context
from . import attribute_specs, errors, health_checks, limits, lookup, names, tags, views

PROTOCOLS = tuple(TRANSPORTS)
TARGET_TYPES = ("instance", "ip")


def create_target_group(ctx: Context, request: Params) -> Params:
    """CreateTargetGroup. Again with the same settings: answers the one there is."""
    names.check_target_group_name(request["Name"])
    _check_supported(request)
    new = _new(ctx, request)
    with ctx.store.transaction() as tx:
        if lookup.find(ctx, tx, Vpc, new.vpc_id) is None:
            raise errors.validation(f"The VPC ID '{new.vpc_id}' is not found")
        existing = lookup.owned(ctx, tx, TargetGroup, name=new.name)
        if existing:
            return _same_or_duplicate(tx, existing[0], new)
        if len(lookup.owned(ctx, tx, TargetGroup)) >= limits.TARGET_GROUPS:
            raise AwsError("TooManyTargetGroups", "The maximum number of target groups has been reached")
        created = tx.put(new)
    return {"TargetGroups": [views.target_group(created, [])]}


def describe_target_groups(ctx: Context, request: Params) -> Params:
    """DescribeTargetGroups: of a load balancer, by ARN, by name, or all."""
    asked = [name for name in ("LoadBalancerArn", "TargetGroupArns", "Names") if request.get(name)]
    if len(asked) > 1:
        raise errors.validation(
            "Target group names, target group ARNs and a load balancer ARN"
            " cannot be specified at the same time"
        )
    in_use = _load_balancers_by_group(ctx)
    found = lookup.owned(ctx, ctx.store, TargetGroup)
    if request.get("LoadBalancerArn"):
        wanted = lookup.load_balancer(ctx, ctx.store, request["LoadBalancerArn"]).arn
        found = [group for group in found if wanted in in_use[group.arn]]
    elif request.get("TargetGroupArns"):
        found = lookup.by_arns(
            TargetGroup, found, request["TargetGroupArns"], errors.target_group_not_found()
        )
    elif request.get("Names"):
        found = _by_names(found, request["Names"])
    chosen, following = lookup.page(found, request)
    shown = [views.target_group(group, sorted(in_use[group.arn])) for group in chosen]
    return {"TargetGroups": shown, **following}


def modify_target_group(ctx: Context, request: Params) -> Params:
    """ModifyTargetGroup: its health check."""
    with ctx.store.transaction() as tx:
        found = lookup.target_group(ctx, tx, request["TargetGroupArn"])
        changed = tx.put(found.replace(health_check=health_checks.modify(request, found.health_check)))
        view = views.target_group(changed, lookup.load_balancer_arns_of(tx, changed.arn))
    return {"TargetGroups": [view]}


def delete_target_group(ctx: Context, request: Params) -> Params:
    """DeleteTargetGroup, with its registrations. One that does not exist is no error, as on AWS."""
    arn = request["TargetGroupArn"]
    lookup.check_arn(TargetGroup, arn)
    with ctx.store.transaction() as tx:
        found = lookup.find(ctx, tx, TargetGroup, arn)
        if found is None:
            return {}
        if lookup.listeners_of(tx, arn):
            raise AwsError(
                "ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule"
            )
        for target in tx.list(Target, target_group_arn=arn):
            tx.delete(target)
        for health in tx.list(TargetHealth, target_group_arn=arn):
            tx.delete(health)
        tx.delete(found)
    return {}


def _check_supported(request: Params) -> None:
    target_type = request.get("TargetType") or "instance"
    if target_type not in TARGET_TYPES:
        raise errors.not_supported(f"Target type '{target_type}'", "use 'instance' or 'ip'")
    if not request.get("Protocol"):
        raise errors.validation("A protocol must be specified")
    if request["Protocol"] not in PROTOCOLS:
        raise errors.not_supported(
            f"Protocol '{request['Protocol']}' for target groups", f"use one of '{', '.join(PROTOCOLS)}'"
        )
    if not request.get("Port"):
        raise errors.validation("A port must be specified")
    if not request.get("VpcId"):
        raise errors.validation("A VPC ID must be specified")
    if request.get("ProtocolVersion"):
        raise errors.validation("ProtocolVersion can only be specified for protocols HTTP and HTTPS")
    if request.get("IpAddressType") == "ipv6" and target_type != "ip":
        raise errors.not_supported(f"IpAddressType 'ipv6' for target type '{target_type}'", "use 'ip'")
    if request.get("TargetControlPort"):
        raise errors.not_supported("TargetControlPort")


def _new(ctx: Context, request: Params) -> TargetGroup:
    name, target_type = request["Name"], request.get("TargetType") or "instance"
    specs = attribute_specs.target_group(target_type, request["Protocol"])
    return TargetGroup(
        arn=arns.elb(ctx.region, ctx.account_id, f"targetgroup/{name}/{ctx.ids.hex(16)}"),
        account_id=ctx.account_id,
        region=ctx.region,
        name=name,
        protocol=request["Protocol"],
        port=request["Port"],
        vpc_id=request["VpcId"],
        target_type=target_type,
        ip_address_type=request.get("IpAddressType") or "ipv4",
        health_check=health_checks.create(request),
        attributes=attribute_specs.defaults(specs),
        created_at=ctx.now,
        tags=tags.parse(request.get("Tags")),
    )


def _same_or_duplicate(reader: Reader, existing: TargetGroup, new: TargetGroup) -> Params:
    def settings(group: TargetGroup) -> tuple[object, ...]:
        kind = (group.target_type, group.ip_address_type)
        return (group.protocol, group.port, group.vpc_id, *kind, group.health_check, group.tags)

    if settings(existing) != settings(new):
        raise AwsError(
            "DuplicateTargetGroupName",
            f"A target group with the same name '{existing.name}' exists, but with different settings",
        )
    in_use = lookup.load_balancer_arns_of(reader, existing.arn)
    return {"TargetGroups": [views.target_group(existing, in_use)]}


def _load_balancers_by_group(ctx: Context) -> defaultdict[str, set[str]]:
    in_use: defaultdict[str, set[str]] = defaultdict(set)
    for listener in lookup.owned(ctx, ctx.store, Listener):
        for group in listener.target_group_weights:
            in_use[group].add(listener.load_balancer_arn)
    return in_use


def _by_names(found: list[TargetGroup], asked: list[str]) -> list[TargetGroup]:
    known = {group.name: group for group in found}
    if any(name not in known for name in asked):
        raise errors.target_group_not_found()
    return [known[name] for name in lookup.unique(asked)]
