"""Capacity providers: Amazon's two, FARGATE and FARGATE_SPOT, between which a strategy divides tasks.

Both run tasks as the launch type FARGATE does; on one's own machine nobody takes spot capacity back.
Auto Scaling groups are not built. Limits: ECS API Reference, ``CapacityProviderStrategyItem``.
"""

from collections.abc import Collection, Sequence

from ...model.cluster import Cluster
from ...model.request import Params
from .errors import invalid

FARGATE_PROVIDERS = ("FARGATE", "FARGATE_SPOT")
_MOST = 20


def check_providers(names: Sequence[str]) -> None:
    """InvalidParameterException for a provider that does not exist."""
    for name in names:
        if name not in FARGATE_PROVIDERS:
            raise invalid(
                f"The specified capacity provider '{name}' was not found. Specify FARGATE or FARGATE_SPOT."
            )


def check_strategy(strategy: Sequence[Params], associated: Collection[str]) -> None:
    """Providers that the cluster has, each once, at most one of them with a base, and any with a weight."""
    names = [item["capacityProvider"] for item in strategy]
    for name in names:
        if name not in associated:
            raise invalid(
                "The specified capacity provider strategy cannot contain a capacity provider that is not"
                f" associated with the cluster: {name}. Associate the capacity provider with the cluster and"
                " try again."
            )
    if len(strategy) > _MOST:
        raise invalid(f"A capacity provider strategy can contain a maximum of {_MOST} capacity providers.")
    if len(set(names)) < len(names):
        raise invalid("A capacity provider cannot be specified more than once in a strategy.")
    if sum(bool(item.get("base")) for item in strategy) > 1:
        raise invalid("Only one capacity provider in a strategy can have a base value defined.")
    if len(names) > 1 and not any(item.get("weight") for item in strategy):
        raise invalid(
            "At least one capacity provider in a strategy must have a weight value greater than zero."
        )


def strategy_for(request: Params, cluster: Cluster) -> tuple[Params, ...]:
    """The strategy that a CreateService or RunTask runs under; empty: a launch type rules.

    The cluster's default applies when the request gives neither strategy nor launch type.
    """
    given = tuple(request.get("capacityProviderStrategy") or ())
    if given and request.get("launchType"):
        raise invalid("Specifying both a launch type and capacity provider strategy is not supported.")
    if given:
        check_strategy(given, cluster.capacity_providers)
        return given
    return () if request.get("launchType") else cluster.default_capacity_provider_strategy


def changed_strategy(
    given: Sequence[Params] | None, current: Sequence[Params], cluster: Cluster
) -> list[Params]:
    """The strategy of a Fargate service after UpdateService; an empty one goes back to its launch type.

    It says where the next tasks run; those that run stay where they are.
    """
    if given is None:
        return list(current)
    check_strategy(given, cluster.capacity_providers)
    return list(given)
