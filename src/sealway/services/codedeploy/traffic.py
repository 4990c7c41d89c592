"""A deployment's listeners before it begins: production is the blue target group's; both are probed."""

from ...model.errors import AwsError
from ...model.load_balancer import Listener
from ...model.request import Params
from ...model.target_group import TargetGroup
from ...store import Transaction
from ..context import Context
from ..elbv2 import actions, lookup
from .errors import error
from .group_rules import require_listener


def prepare_listeners(
    ctx: Context,
    tx: Transaction,
    production: str,
    test: str | None,
    groups: tuple[TargetGroup, TargetGroup],
) -> None:
    """Checks that both target groups (the blue one first) suit both listeners, and gives the green one weight
    0 behind the production listener, so that its targets are probed."""
    blue, green = groups
    listener = require_listener(ctx, tx, production)
    if not listener.target_group_weights.get(blue.arn):
        raise error(
            "InvalidTargetGroupPair", f"Primary taskset target group must be behind listener {production}"
        )
    others = {arn for arn, weight in listener.target_group_weights.items() if weight} - {blue.arn, green.arn}
    if others:
        raise error(
            "InvalidTargetGroupPair",
            f"The listener {production} forwards to {others.pop()} too, which is not of the pair",
        )
    prepared = _checked(ctx, tx, listener, ((blue, 100), (green, 0)))
    if prepared != listener:
        tx.put(prepared)
    if test:
        _checked(ctx, tx, require_listener(ctx, tx, test), ((blue, 0), (green, 100)))


def _checked(
    ctx: Context, tx: Transaction, listener: Listener, weights: tuple[tuple[TargetGroup, int], ...]
) -> Listener:
    """The listener with these weights, or InvalidTargetGroupPairException."""
    action: Params = {
        "Type": "forward",
        "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": group.arn, "Weight": weight} for group, weight in weights]
        },
    }
    try:
        balancer = lookup.load_balancer(ctx, tx, listener.load_balancer_arn)
        checked = actions.check(ctx, tx, balancer, listener.protocol, [action])
    except AwsError as fault:
        raise error(
            "InvalidTargetGroupPair", f"The listener {listener.arn} cannot be used: {fault.message}"
        ) from fault
    return listener.replace(default_actions=checked)
