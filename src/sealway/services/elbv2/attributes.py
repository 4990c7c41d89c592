"""Attributes of load balancers, target groups and listeners: Describe... and Modify...Attributes.

Resources carry every key with its value; what each key may be stands in ``attribute_specs``.
"""

from collections.abc import Mapping, Sequence

from ...model.load_balancer import LoadBalancer
from ...model.request import Params
from ...model.target_group import TargetGroup
from ..context import Context
from . import attribute_specs, errors, lookup


def describe_load_balancer_attributes(ctx: Context, request: Params) -> Params:
    """DescribeLoadBalancerAttributes."""
    found = lookup.load_balancer(ctx, ctx.store, request["LoadBalancerArn"])
    return _render(_load_balancer_specs(found), found.attributes)


def modify_load_balancer_attributes(ctx: Context, request: Params) -> Params:
    """ModifyLoadBalancerAttributes."""
    with ctx.store.transaction() as tx:
        found = lookup.load_balancer(ctx, tx, request["LoadBalancerArn"])
        specs = _load_balancer_specs(found)
        changed = _changed("Load balancer", specs, found.attributes, request["Attributes"])
        tx.put(found.replace(attributes=changed))
    return _render(specs, changed)


def describe_target_group_attributes(ctx: Context, request: Params) -> Params:
    """DescribeTargetGroupAttributes."""
    found = lookup.target_group(ctx, ctx.store, request["TargetGroupArn"])
    return _render(_target_group_specs(found), found.attributes)


def modify_target_group_attributes(ctx: Context, request: Params) -> Params:
    """ModifyTargetGroupAttributes."""
    with ctx.store.transaction() as tx:
        found = lookup.target_group(ctx, tx, request["TargetGroupArn"])
        specs = _target_group_specs(found)
        changed = _changed("Target group", specs, found.attributes, request["Attributes"])
        complete = {**attribute_specs.defaults(specs), **changed}
        attribute_specs.check_thresholds(complete)
        attribute_specs.check_draining(complete)
        tx.put(found.replace(attributes=changed))
    return _render(specs, changed)


def describe_listener_attributes(ctx: Context, request: Params) -> Params:
    """DescribeListenerAttributes."""
    found = lookup.listener(ctx, ctx.store, request["ListenerArn"])
    return _render(attribute_specs.listener(found.protocol), found.attributes)


def modify_listener_attributes(ctx: Context, request: Params) -> Params:
    """ModifyListenerAttributes."""
    with ctx.store.transaction() as tx:
        found = lookup.listener(ctx, tx, request["ListenerArn"])
        specs = attribute_specs.listener(found.protocol)
        changed = _changed("Listener", specs, found.attributes, request["Attributes"])
        tx.put(found.replace(attributes=changed))
    return _render(specs, changed)


def _load_balancer_specs(item: LoadBalancer) -> attribute_specs.Specs:
    return attribute_specs.load_balancer(item.scheme)


def _target_group_specs(item: TargetGroup) -> attribute_specs.Specs:
    return attribute_specs.target_group(item.target_type, item.protocol)


def _changed(
    noun: str, specs: attribute_specs.Specs, current: Mapping[str, str], asked: Sequence[Params]
) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for attribute in asked:
        key = attribute.get("Key")
        if not key:
            raise errors.validation("An attribute key must be specified")
        if key in wanted:
            raise errors.validation(f"{noun} attribute key '{key}' is specified more than once")
        wanted[key] = attribute.get("Value") or ""
    attribute_specs.check(noun, specs, wanted)
    return {**current, **wanted}


def _render(specs: attribute_specs.Specs, values: Mapping[str, str]) -> Params:
    complete = {**attribute_specs.defaults(specs), **values}
    return {"Attributes": [{"Key": key, "Value": value} for key, value in complete.items()]}
