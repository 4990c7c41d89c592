"""DescribeRules and DescribeListenerCertificates: what a TCP listener has of either.

A Network Load Balancer's listener has its default rule and no other. The rule is not stored: its ARN
follows from the listener's.
"""

import hashlib

from ...model.load_balancer import Listener
from ...model.request import Params
from ..context import Context
from . import errors, lookup


def describe_rules(ctx: Context, request: Params) -> Params:
    """DescribeRules: of a listener, or by ARN."""
    of, asked = request.get("ListenerArn"), request.get("RuleArns")
    if bool(of) == bool(asked):
        raise errors.validation("You must specify either listener rule ARNs or a listener ARN")
    if of:
        chosen, following = lookup.page([lookup.listener(ctx, ctx.store, of)], request)
        return {"Rules": [_default_rule(item) for item in chosen], **following}
    known = {rule_arn(item): item for item in lookup.owned(ctx, ctx.store, Listener)}
    if any(arn not in known for arn in asked or ()):
        raise errors.rule_not_found()
    chosen, following = lookup.page([known[arn] for arn in lookup.unique(asked or ())], request)
    return {"Rules": [_default_rule(item) for item in chosen], **following}


def describe_listener_certificates(ctx: Context, request: Params) -> Params:
    """DescribeListenerCertificates: a TCP listener has none."""
    lookup.listener(ctx, ctx.store, request["ListenerArn"])
    none: list[Listener] = []
    return {"Certificates": lookup.page(none, request)[0]}


def rule_arn(item: Listener) -> str:
    """The ARN of a listener's default rule."""
    number = hashlib.sha256(item.arn.encode()).hexdigest()[:16]
    return f"{item.arn.replace(':listener/', ':listener-rule/', 1)}/{number}"


def _default_rule(item: Listener) -> Params:
    return {
        "RuleArn": rule_arn(item),
        "Priority": "default",
        "Conditions": [],
        "Actions": list(item.default_actions),
        "IsDefault": True,
    }
