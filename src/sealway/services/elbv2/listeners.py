"""CreateListener, DescribeListeners, ModifyListener, DeleteListener."""

from collections.abc import Iterable

from ...model import arn as arns
from ...model.errors import AwsError
from ...model.lb_protocol import TRANSPORTS
from ...model.load_balancer import Listener, LoadBalancer
from ...model.request import Params
from ...store import Transaction
from ..context import Context
from . import actions, attribute_specs, errors, limits, lookup, tags, views

PROTOCOLS = tuple(TRANSPORTS)
_NLB_PROTOCOLS = ("TLS", "TCP", "TCP_UDP", "UDP", "QUIC", "TCP_QUIC")


def create_listener(ctx: Context, request: Params) -> Params:
    """CreateListener. Again with the same settings: answers the one there is."""
    protocol, port = _protocol(request.get("Protocol")), request.get("Port")
    if not port:
        raise errors.validation("A port must be specified")
    _refuse_tls_settings(request, protocol)
    given_tags = tags.parse(request.get("Tags"))
    with ctx.store.transaction() as tx:
        load_balancer = lookup.load_balancer(ctx, tx, request["LoadBalancerArn"])
        check_versions(load_balancer, [protocol])
        default = actions.check(ctx, tx, load_balancer, protocol, request["DefaultActions"])
        new = _new(ctx, load_balancer, port, protocol).replace(default_actions=default, tags=given_tags)
        others = tx.list(Listener, load_balancer_arn=load_balancer.arn)
        same = next((one for one in others if _settings(one) == _settings(new)), None)
        if same is not None:
            return {"Listeners": [views.listener(same)]}
        _check_port_free(others, port)
        if len(others) >= limits.LISTENERS_PER_LOAD_BALANCER:
            raise AwsError(
                "TooManyListeners",
                f"The maximum number of listeners has been reached on load balancer '{load_balancer.arn}'",
            )
        created = _put(tx, new)
    return {"Listeners": [views.listener(created)]}


def describe_listeners(ctx: Context, request: Params) -> Params:
    """DescribeListeners: of a load balancer, or by ARN."""
    of, asked = request.get("LoadBalancerArn"), request.get("ListenerArns")
    if of and asked:
        raise errors.validation("Listener ARNs and a load balancer ARN cannot be specified at the same time")
    if of:
        load_balancer = lookup.load_balancer(ctx, ctx.store, of)
        found = ctx.store.list(Listener, load_balancer_arn=load_balancer.arn)
    elif asked:
        found = [lookup.listener(ctx, ctx.store, arn) for arn in lookup.unique(asked)]
    else:
        raise errors.validation("You must specify either listener ARNs or a load balancer ARN")
    chosen, following = lookup.page(found, request)
    return {"Listeners": [views.listener(item) for item in chosen], **following}


def modify_listener(ctx: Context, request: Params) -> Params:
    """ModifyListener: what is not named stays."""
    with ctx.store.transaction() as tx:
        found = lookup.listener(ctx, tx, request["ListenerArn"])
        load_balancer = lookup.load_balancer(ctx, tx, found.load_balancer_arn)
        protocol = _protocol(request.get("Protocol") or found.protocol)
        _refuse_tls_settings(request, protocol)
        port = request.get("Port") or found.port
        others = tx.list(Listener, load_balancer_arn=load_balancer.arn)
        _check_port_free([one for one in others if one.arn != found.arn], port)
        asked = request.get("DefaultActions") or found.default_actions
        check_versions(load_balancer, [protocol])
        default = actions.check(ctx, tx, load_balancer, protocol, asked)
        kept = attribute_specs.kept(attribute_specs.listener(protocol), found.attributes)
        new = found.replace(port=port, protocol=protocol, default_actions=default, attributes=kept)
        changed = _put(tx, new)
    return {"Listeners": [views.listener(changed)]}


def delete_listener(ctx: Context, request: Params) -> Params:
    """DeleteListener: its target groups may be unused from then on."""
    with ctx.store.transaction() as tx:
        tx.delete(lookup.listener(ctx, tx, request["ListenerArn"]))
    return {}


def check_versions(load_balancer: LoadBalancer, protocols: Iterable[str]) -> None:
    """UDP is not for a load balancer with both versions, without EnablePrefixForIpv6SourceNat, as on AWS."""
    if load_balancer.ip_address_type != "dualstack" or load_balancer.ipv6_source_nat:
        return
    for protocol in protocols:
        if "udp" in TRANSPORTS[protocol]:
            raise errors.invalid_configuration(
                f"The protocol '{protocol}' cannot be specified with IpAddressType 'dualstack',"
                " unless EnablePrefixForIpv6SourceNat is 'on'"
            )


def _protocol(asked: str | None) -> str:
    if not asked:
        raise errors.validation("A protocol must be specified")
    if asked not in _NLB_PROTOCOLS:
        raise errors.validation(f"Listener protocol '{asked}' must be one of '{', '.join(_NLB_PROTOCOLS)}'")
    if asked not in PROTOCOLS:
        raise AwsError(
            "UnsupportedProtocol",
            f"The protocol '{asked}' is not supported for listeners: use one of '{', '.join(PROTOCOLS)}'",
        )
    return asked


def _refuse_tls_settings(request: Params, protocol: str) -> None:
    for member, noun in (
        ("Certificates", "Certificates"),
        ("SslPolicy", "An SSL policy"),
        ("AlpnPolicy", "An ALPN policy"),
    ):
        if request.get(member):
            raise errors.validation(f"{noun} cannot be specified for {protocol} listeners")
    mutual = {**(request.get("MutualAuthentication") or {})}
    if mutual.pop("Mode", "off") != "off" or any(mutual.values()):
        raise errors.validation(f"Mutual authentication cannot be specified for {protocol} listeners")


def _new(ctx: Context, load_balancer: LoadBalancer, port: int, protocol: str) -> Listener:
    path = arns.Arn(*load_balancer.arn.split(":", 5)[1:]).resource.removeprefix("loadbalancer/")
    return Listener(
        arn=arns.elb(ctx.region, ctx.account_id, f"listener/{path}/{ctx.ids.hex(16)}"),
        account_id=ctx.account_id,
        region=ctx.region,
        load_balancer_arn=load_balancer.arn,
        port=port,
        protocol=protocol,
        default_actions=(),
        attributes=attribute_specs.defaults(attribute_specs.listener(protocol)),
    )


def _settings(item: Listener) -> tuple[object, ...]:
    return (item.port, item.protocol, item.default_actions, item.tags)


def _check_port_free(others: list[Listener], port: int) -> None:
    for other in others:
        if other.port == port:
            raise AwsError(
                "DuplicateListener",
                f"A listener already exists on this port for this load balancer '{other.load_balancer_arn}'",
            )


def _put(tx: Transaction, item: Listener) -> Listener:
    written = tx.put(item)
    for group in written.target_group_weights:
        limits.check_targets(tx, group, [written.load_balancer_arn])
    return written
