"""What the deployment strategies BLUE_GREEN, LINEAR and CANARY may be asked for.

Source: ECS API Reference, ``DeploymentConfiguration``, ``LinearConfiguration``, ``CanaryConfiguration``,
``DeploymentLifecycleHook``, ``AdvancedConfiguration``.
"""

from collections.abc import Mapping, Sequence

from ...model.load_balancer import Listener
from ...model.request import Params
from ...model.target_group import TargetGroup
from ...model.traffic_shift import STRATEGIES
from ...store import Reader
from ..context import Context
from .errors import invalid, unsupported
from .honoured import refuse_others

ROLLING = "ROLLING"
_LONGEST_BAKE = 1440
"""Minutes."""
_PAUSED_AT = (
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "POST_SCALE_UP",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
)
_STEPS = {
    "LINEAR": ("linearConfiguration", "stepPercent", "stepBakeTimeInMinutes", 3.0),
    "CANARY": ("canaryConfiguration", "canaryPercent", "canaryBakeTimeInMinutes", 0.1),
}
"""Strategy -> its configuration, that one's members, and the least percentage."""


def strategy_of(configuration: Mapping[str, object]) -> str:
    """The strategy of a ``deploymentConfiguration``."""
    return str(configuration.get("strategy") or ROLLING)


def check_strategy(configuration: Params, scheduling: str) -> None:
    """Raises for what the whole configuration of a service asks for and cannot have."""
    strategy = strategy_of(configuration)
    if strategy != ROLLING and scheduling == "DAEMON":
        raise invalid(f"The deployment strategy {strategy} is not supported for DAEMON services.")
    _check_bake(configuration.get("bakeTimeInMinutes"), strategy)
    for owner, (member, percent, bake, least) in _STEPS.items():
        given = configuration.get(member)
        if given is None:
            continue
        if owner != strategy:
            raise invalid(f"{member} is only valid when the deployment strategy is {owner}.")
        refuse_others(given, (percent, bake), member)
        _check_percent(f"{member}.{percent}", given.get(percent), least)
        _check_minutes(f"{member}.{bake}", given.get(bake))
    for hook in configuration.get("lifecycleHooks") or ():
        _check_hook(hook, strategy)


def _check_bake(minutes: int | None, strategy: str) -> None:
    if strategy == ROLLING and minutes:
        raise unsupported("The parameter 'bakeTimeInMinutes' of a ROLLING deploymentConfiguration")
    _check_minutes("bakeTimeInMinutes", minutes)


def _check_minutes(name: str, minutes: int | None) -> None:
    if minutes is not None and not 0 <= minutes <= _LONGEST_BAKE:
        raise invalid(f"{name} must be between 0 and {_LONGEST_BAKE}.")


def _check_percent(name: str, percent: float | None, least: float) -> None:
    if percent is None:
        return
    if not least <= percent <= 100 or abs(percent * 10 - round(percent * 10)) > 1e-6:
        raise invalid(f"{name} must be a multiple of 0.1 between {least} and 100.0.")


def _check_hook(hook: Params, strategy: str) -> None:
    if strategy == ROLLING:
        raise invalid("lifecycleHooks are not supported with the ROLLING deployment strategy.")
    if hook.get("targetType") != "PAUSE":
        raise unsupported("A lifecycle hook that invokes a Lambda function (use the targetType PAUSE)")
    refuse_others(hook, ("targetType", "lifecycleStages", "timeoutConfiguration"), "a PAUSE lifecycle hook")
    stages = hook.get("lifecycleStages") or []
    if not stages:
        raise invalid("You must specify lifecycleStages for each of the lifecycleHooks.")
    for stage in stages:
        if stage not in _PAUSED_AT:
            raise invalid(f"PAUSE lifecycle hooks are not supported at the {stage} lifecycle stage.")


def check_shifted(ctx: Context, reader: Reader, strategy: str, balancers: Sequence[Params]) -> None:
    """Raises for load balancers whose traffic could not be shifted as the strategy asks."""
    for balancer in balancers:
        advanced = balancer.get("advancedConfiguration")
        if advanced is None:
            if strategy != ROLLING:
                raise invalid(
                    "advancedConfiguration field is required for all loadBalancers when using a"
                    " non-ROLLING deployment strategy."
                )
            continue
        _check_advanced(ctx, reader, balancer, advanced)


def _check_advanced(ctx: Context, reader: Reader, balancer: Params, advanced: Params) -> None:
    known = ("alternateTargetGroupArn", "productionListenerRule", "testListenerRule", "roleArn")
    refuse_others(advanced, known, "advancedConfiguration")
    for member in known[:2]:
        if not advanced.get(member):
            raise invalid(f"You must specify {member} in advancedConfiguration.")
    _check_pair(ctx, reader, balancer["targetGroupArn"], advanced["alternateTargetGroupArn"])
    production, test = advanced["productionListenerRule"], advanced.get("testListenerRule")
    if production == test:
        raise invalid("productionListenerRule and testListenerRule must be different.")
    listener = _listener(ctx, reader, "productionListenerRule", production)
    groups = {balancer["targetGroupArn"], advanced["alternateTargetGroupArn"]}
    if not groups & set(listener.target_group_weights):
        raise invalid(
            f"The productionListenerRule {production} forwards neither to the targetGroupArn nor to the"
            " alternateTargetGroupArn."
        )
    if test:
        _listener(ctx, reader, "testListenerRule", test)


def _check_pair(ctx: Context, reader: Reader, first_arn: str, second_arn: str) -> None:
    if first_arn == second_arn:
        raise invalid("targetGroupArn and alternateTargetGroupArn must be different.")
    first, second = reader.get(TargetGroup, first_arn), reader.get(TargetGroup, second_arn)
    if second is None or (second.account_id, second.region) != (ctx.account_id, ctx.region):
        raise invalid(f"The alternateTargetGroupArn {second_arn} does not exist.")
    if first is None:
        return
    for noun, one, other in (
        ("target type", first.target_type, second.target_type),
        ("IP address type", first.ip_address_type, second.ip_address_type),
        ("protocol", first.protocol, second.protocol),
        ("VPC", first.vpc_id, second.vpc_id),
    ):
        if one != other:
            raise invalid(
                f"The target group {first_arn} and its alternate {second_arn} differ in their {noun}:"
                f" {one} and {other}."
            )


def _listener(ctx: Context, reader: Reader, member: str, arn: str) -> Listener:
    found = reader.get(Listener, arn)
    if found is None or (found.account_id, found.region) != (ctx.account_id, ctx.region):
        raise invalid(f"The {member} {arn} is not a listener of a Network Load Balancer.")
    return found


def new_shift_strategy(configuration: Mapping[str, object]) -> str | None:
    """The strategy, if a deployment of it takes over traffic."""
    strategy = strategy_of(configuration)
    return strategy if strategy in STRATEGIES else None
