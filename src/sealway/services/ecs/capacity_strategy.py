"""Capacity providers in strategies: Amazon's two, FARGATE and FARGATE_SPOT, and one's own.

FARGATE and FARGATE_SPOT run tasks alike; on one's own machine nobody takes spot capacity back. One's own run
them on the instances of their Auto Scaling groups. A strategy has providers of one sort. Limits: ECS API
Reference, ``CapacityProviderStrategyItem``.
"""

from collections.abc import Collection, Sequence

import msgspec

from ...model import arn
from ...model.capacity_provider import FARGATE_PROVIDERS, CapacityProvider, is_fargate
from ...model.cluster import Cluster
from ...model.request import Params
from ...model.service import STRATEGY, Service
from ...store import Reader
from ..context import Context
from .errors import invalid
from .lookup import own_resource

OWN_LAUNCH_TYPE = "launchType"
"""The member of ``Service.extra`` with the launch type it was created with, if it was."""
_MOST = 20
_PREFIX = "capacity-provider/"


def provider_arn(ctx: Context, name: str) -> str:
    """The ARN that a provider of that name has."""
    return arn.ecs(ctx.region, ctx.account_id, f"{_PREFIX}{name}")


def provider_name(ctx: Context, given: str) -> str:
    """The name in a name or ARN; empty for another account's or region's."""
    return (own_resource(ctx, given) or "").removeprefix(_PREFIX)


def find_provider(ctx: Context, reader: Reader, given: str) -> CapacityProvider | None:
    """The caller's own provider, by name or ARN."""
    return reader.get(CapacityProvider, provider_arn(ctx, provider_name(ctx, given)))


def checked_providers(ctx: Context, reader: Reader, given: Sequence[str]) -> tuple[str, ...]:
    """Their names. InvalidParameterException for one that does not exist."""
    for text in given:
        known = provider_name(ctx, text) in FARGATE_PROVIDERS or find_provider(ctx, reader, text)
        if not known:
            raise invalid(f"The specified capacity provider '{text}' was not found.")
    return tuple(dict.fromkeys(provider_name(ctx, text) for text in given))


def checked_strategy(
    ctx: Context, strategy: Sequence[Params], associated: Collection[str]
) -> tuple[Params, ...]:
    """The strategy with its providers by name: of those the cluster has, each once, at most one of them with
    a base, and any with a weight."""
    named = tuple(
        {**item, "capacityProvider": provider_name(ctx, item["capacityProvider"])} for item in strategy
    )
    names = [item["capacityProvider"] for item in named]
    for name, item in zip(names, strategy, strict=True):
        if name not in associated:
            raise invalid(
                "The specified capacity provider strategy cannot contain a capacity provider that is not"
                f" associated with the cluster: {item['capacityProvider']}. Associate the capacity provider"
                " with the cluster and try again."
            )
    if len(named) > _MOST:
        raise invalid(f"A capacity provider strategy can contain a maximum of {_MOST} capacity providers.")
    if len(set(names)) < len(names):
        raise invalid("A capacity provider cannot be specified more than once in a strategy.")
    if len({name in FARGATE_PROVIDERS for name in names}) > 1:
        raise invalid(
            "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling"
            " groups and Fargate providers. Specify one or the other and try again."
        )
    if sum(bool(item.get("base")) for item in named) > 1:
        raise invalid("Only one capacity provider in a strategy can have a base value defined.")
    if len(names) > 1 and not any(item.get("weight") for item in named):
        raise invalid(
            "At least one capacity provider in a strategy must have a weight value greater than zero."
        )
    return named


def strategy_for(ctx: Context, request: Params, cluster: Cluster) -> tuple[Params, ...]:
    """The strategy that a CreateService or RunTask runs under; empty: a launch type rules.

    The cluster's default applies when the request gives neither strategy nor launch type.
    """
    given = tuple(request.get("capacityProviderStrategy") or ())
    if given and request.get("launchType"):
        raise invalid("Specifying both a launch type and capacity provider strategy is not supported.")
    if given:
        return checked_strategy(ctx, given, cluster.capacity_providers)
    return () if request.get("launchType") else cluster.default_capacity_provider_strategy


def with_strategy(
    ctx: Context, service: Service, given: Sequence[Params] | None, cluster: Cluster
) -> Service:
    """The service with the strategy that an UpdateService gives; an empty one goes back to its launch type.

    It says where the next tasks run, and no deployment begins. But from instances to Fargate or back, tasks
    are made of something else: then the launch type differs, which one does begin with.
    """
    if given is None:
        return service
    named = checked_strategy(ctx, given, cluster.capacity_providers)
    launch_type = service.extra.get(OWN_LAUNCH_TYPE) or service.launch_type
    if named:
        launch_type = "FARGATE" if is_fargate(named) else "EC2"
    if launch_type != service.launch_type:
        platform = "LATEST" if launch_type == "FARGATE" else None
        service = service.replace(launch_type=launch_type, platform_version=platform)
    if named == service.strategy:
        return service
    return service.replace(extra={**service.extra, STRATEGY: list(named)})


def followed(service: Service) -> Service:
    """The service with its strategy in its PRIMARY deployment too, where no new one begins."""
    deployments = tuple(
        msgspec.structs.replace(d, capacity=service.strategy) if d.status == "PRIMARY" else d
        for d in service.deployments
    )
    return service.replace(deployments=deployments)
