"""CreateLoadBalancer, DescribeLoadBalancers, DeleteLoadBalancer.

A load balancer and its nodes' interfaces are written in one transaction. It starts ``provisioning``; the
node says ``active`` once its addresses answer. Deleting one deletes its listeners and interfaces, so that
its target groups are unused from then on.
"""

from ...model import arn as arns
from ...model.errors import AwsError
from ...model.load_balancer import Listener, LoadBalancer
from ...model.network import SecurityGroup
from ...model.request import Params
from ...store import Reader
from ..context import Context
from . import attribute_specs, errors, limits, lookup, names, tags, views, zones

TYPE = "network"

_HOSTED_ZONES = {
    "us-east-1": "Z26RNL4JYFTOTI",
    "us-east-2": "ZLMOA37VPKANP",
    "us-west-1": "Z24FKFUX50B4VW",
    "us-west-2": "Z18D5FSROUN65G",
}
"""Route 53 zones of Network Load Balancers, from "Elastic Load Balancing endpoints and quotas"."""
_OTHER_HOSTED_ZONE = "Z26RNL4JYFTOTI"


def create_load_balancer(ctx: Context, request: Params) -> Params:
    """CreateLoadBalancer. Again with the same settings: answers the one there is."""
    _check_supported(request)
    names.check_load_balancer_name(request["Name"])
    with ctx.store.transaction() as tx:
        scheme = request.get("Scheme") or "internet-facing"
        wanted = zones.requested(ctx, tx, request, scheme=scheme)
        kind = check_ip_address_type(request.get("IpAddressType"))
        zones.check_wide(kind, [zone.subnet for zone in wanted])
        source_nat = check_source_nat(request.get("EnablePrefixForIpv6SourceNat"), kind)
        vpc_id = wanted[0].subnet.vpc_id
        groups = check_security_groups(ctx, tx, request.get("SecurityGroups") or (), vpc_id)
        new = _new(ctx, request["Name"], scheme, vpc_id).replace(
            ip_address_type=kind,
            ipv6_source_nat=source_nat,
            security_groups=groups,
            tags=tags.parse(request.get("Tags")),
        )
        existing = lookup.owned(ctx, tx, LoadBalancer, name=new.name)
        if existing:
            return _same_or_duplicate(existing[0], new, wanted)
        if len(lookup.owned(ctx, tx, LoadBalancer)) >= limits.LOAD_BALANCERS:
            raise AwsError("TooManyLoadBalancers", "The maximum number of load balancers has been reached")
        created = tx.put(new.replace(zones=zones.enable(ctx, tx, new, wanted)))
    return {"LoadBalancers": [views.load_balancer(created)]}


def describe_load_balancers(ctx: Context, request: Params) -> Params:
    """DescribeLoadBalancers: by ARN, by name, or all."""
    asked_arns, asked_names = request.get("LoadBalancerArns"), request.get("Names")
    if asked_arns and asked_names:
        raise errors.validation(
            "Load balancer names and load balancer ARNs cannot be specified at the same time"
        )
    found = lookup.owned(ctx, ctx.store, LoadBalancer)
    if asked_arns:
        found = lookup.by_arns(LoadBalancer, found, asked_arns, errors.load_balancer_not_found())
    elif asked_names:
        found = _by_names(found, asked_names)
    chosen, following = lookup.page(found, request)
    return {"LoadBalancers": [views.load_balancer(item) for item in chosen], **following}


def delete_load_balancer(ctx: Context, request: Params) -> Params:
    """DeleteLoadBalancer. One that does not exist is no error, as on AWS."""
    arn = request["LoadBalancerArn"]
    lookup.check_arn(LoadBalancer, arn)
    with ctx.store.transaction() as tx:
        found = lookup.find(ctx, tx, LoadBalancer, arn)
        if found is None:
            return {}
        if found.attributes.get("deletion_protection.enabled") == "true":
            raise AwsError(
                "OperationNotPermitted",
                f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
            )
        for listener in tx.list(Listener, load_balancer_arn=arn):
            tx.delete(listener)
        zones.disable(tx, found.zones)
        tx.delete(found)
    return {}


def check_security_groups(
    ctx: Context, reader: Reader, ids: list[str] | tuple[str, ...], vpc_id: str
) -> tuple[str, ...]:
    """The groups, once each; all exist in the VPC. Raises ``InvalidSecurityGroup`` and the like."""
    groups = lookup.unique(ids)
    for group_id in groups:
        group = lookup.find(ctx, reader, SecurityGroup, group_id)
        if group is None:
            raise AwsError("InvalidSecurityGroup", f"Security group '{group_id}' is not valid")
        if group.vpc_id != vpc_id:
            raise errors.invalid_configuration(
                f"One or more security groups are not in VPC '{vpc_id}': '{group_id}'"
            )
    return tuple(groups)


def check_ip_address_type(asked: str | None) -> str:
    """The type, ipv4 by default. A Network Load Balancer has no dualstack-without-public-ipv4, as on AWS."""
    if asked not in {None, "ipv4", "dualstack"}:
        raise errors.invalid_configuration(
            f"IpAddressType '{asked}' is not valid for a Network Load Balancer: use 'ipv4' or 'dualstack'"
        )
    return asked or "ipv4"


def check_source_nat(asked: str | None, ip_address_type: str, before: bool = False) -> bool:
    """EnablePrefixForIpv6SourceNat: off by default, and for dualstack alone."""
    wanted = asked == "on" if asked else before
    if wanted and ip_address_type != "dualstack":
        raise errors.invalid_configuration(
            "EnablePrefixForIpv6SourceNat 'on' can only be specified with IpAddressType 'dualstack'"
        )
    return wanted


def _check_supported(request: Params) -> None:
    kind = request.get("Type") or "application"
    if kind != TYPE:
        raise AwsError(
            "OperationNotPermitted",
            f"Load balancers of type '{kind}' are not available here: specify Type '{TYPE}'",
        )
    check_ip_address_type(request.get("IpAddressType"))
    for member in ("CustomerOwnedIpv4Pool", "IpamPools"):
        if request.get(member):
            raise errors.not_supported(member)


def _new(ctx: Context, name: str, scheme: str, vpc_id: str) -> LoadBalancer:
    number = ctx.ids.hex(16)
    return LoadBalancer(
        arn=arns.elb(ctx.region, ctx.account_id, f"loadbalancer/net/{name}/{number}"),
        account_id=ctx.account_id,
        region=ctx.region,
        name=name,
        type=TYPE,
        scheme=scheme,
        vpc_id=vpc_id,
        dns_name=f"{name}-{number}.elb.{ctx.region}.sealway.internal",
        canonical_hosted_zone_id=_HOSTED_ZONES.get(ctx.region, _OTHER_HOSTED_ZONE),
        zones=(),
        attributes=attribute_specs.defaults(attribute_specs.load_balancer(scheme)),
        created_at=ctx.now,
    )


def _same_or_duplicate(existing: LoadBalancer, new: LoadBalancer, wanted: list[zones.ZoneRequest]) -> Params:
    placed = {(zone.subnet_id, zone.vip if zone.address_given else None) for zone in existing.zones}
    same = (
        placed == {(zone.subnet.id, zone.address) for zone in wanted}
        and existing.scheme == new.scheme
        and existing.ip_address_type == new.ip_address_type
        and existing.ipv6_source_nat == new.ipv6_source_nat
        and set(existing.security_groups) == set(new.security_groups)
        and existing.tags == new.tags
    )
    if not same:
        raise AwsError(
            "DuplicateLoadBalancerName",
            f"A load balancer with the same name '{existing.name}' exists, but with different settings",
        )
    return {"LoadBalancers": [views.load_balancer(existing)]}


def _by_names(found: list[LoadBalancer], asked: list[str]) -> list[LoadBalancer]:
    known = {item.name: item for item in found}
    missing = [name for name in asked if name not in known]
    if missing:
        raise errors.load_balancer_not_found(", ".join(missing))
    return [known[name] for name in lookup.unique(asked)]
