"""PutClusterCapacityProviders and DescribeCapacityProviders: Amazon's own two, FARGATE and FARGATE_SPOT.

One's own cannot be: there are no Auto Scaling groups here for them to be made of, nor managed instances.
CreateCapacityProvider, UpdateCapacityProvider and DeleteCapacityProvider say so as AWS would.
"""

from ...model import arn
from ...model.errors import AwsError
from ...model.request import Params
from ...model.service import Service
from ...store import Reader
from ..context import Context, Operation
from . import cluster_view, errors
from .capacity_strategy import FARGATE_PROVIDERS, check_providers, check_strategy
from .lookup import own_resource, require_cluster
from .names import is_name
from .pages import cut
from .task_set_view import of_service

_RESERVED = ("aws", "ecs", "fargate")


def put_cluster_capacity_providers(ctx: Context, request: Params) -> Params:
    """PutClusterCapacityProviders: what is given replaces what was."""
    providers = tuple(request["capacityProviders"])
    strategy = tuple(request["defaultCapacityProviderStrategy"])
    check_providers(providers)
    check_strategy(strategy, providers)
    with ctx.store.transaction() as tx:
        cluster = require_cluster(ctx, tx, request["cluster"])
        for service in tx.list(Service, cluster_arn=cluster.arn):
            if service.status != "INACTIVE" and not providers_of(tx, service) <= set(providers):
                raise errors.in_use(
                    "The specified capacity provider is in use and cannot be removed."
                    f" It is used by the service {service.arn}."
                )
        changed = tx.put(
            cluster.replace(
                capacity_providers=providers,
                default_capacity_provider_strategy=strategy,
            )
        )
        return {"cluster": cluster_view.show(tx, changed, ("TAGS", "SETTINGS", "CONFIGURATIONS"))}


def providers_of(reader: Reader, service: Service) -> set[str]:
    """Those that the service's strategy names, or its task sets' do."""
    strategies = [
        service.extra.get("capacityProviderStrategy") or (),
        *(task_set.capacity_provider_strategy for task_set in of_service(reader, service)),
    ]
    return {item["capacityProvider"] for strategy in strategies for item in strategy}


def describe_capacity_providers(ctx: Context, request: Params) -> Params:
    """DescribeCapacityProviders, by name or ARN; unknown ones under ``failures``."""
    names: list[str] = list(FARGATE_PROVIDERS)
    if request.get("cluster"):
        names = list(require_cluster(ctx, ctx.store, request["cluster"]).capacity_providers)
    asked = request.get("capacityProviders")
    failures = []
    if asked:
        by_text = {text: (own_resource(ctx, text) or "").removeprefix("capacity-provider/") for text in asked}
        failures = [errors.missing(text) for text, name in by_text.items() if name not in names]
        names = [name for name in by_text.values() if name in names]
    chosen, token = cut(names, request)
    return {"capacityProviders": [_show(ctx, name) for name in chosen], "failures": failures, **token}


def create_capacity_provider(_: Context, request: Params) -> Params:
    """CreateCapacityProvider: always refused, for what is wrong first."""
    name = request["name"]
    if not is_name(name) or name.lower().startswith(_RESERVED):
        raise errors.invalid(
            f"The capacity provider name '{name}' is not valid: up to 255 letters, numbers, underscores and"
            " hyphens are allowed, and it cannot begin with aws, ecs or fargate."
        )
    group = request.get("autoScalingGroupProvider")
    if request.get("managedInstancesProvider"):
        raise errors.unsupported("The parameter 'managedInstancesProvider' of CreateCapacityProvider")
    if not group:
        raise errors.invalid("A capacity provider needs an autoScalingGroupProvider.")
    raise errors.invalid(
        f"The specified Auto Scaling group '{group['autoScalingGroupArn']}' was not found: Sealway has no"
        " Auto Scaling groups. Use the launch type EC2, FARGATE or FARGATE_SPOT."
    )


def update_capacity_provider(ctx: Context, request: Params) -> Params:
    """UpdateCapacityProvider: there is none that could be changed."""
    raise _unchangeable(ctx, request["name"], "updated")


def delete_capacity_provider(ctx: Context, request: Params) -> Params:
    """DeleteCapacityProvider: there is none that could be deleted."""
    raise _unchangeable(ctx, request["capacityProvider"], "deleted")


def _unchangeable(ctx: Context, given: str, verb: str) -> AwsError:
    name = (own_resource(ctx, given) or "").removeprefix("capacity-provider/")
    if name in FARGATE_PROVIDERS:
        return errors.client(f"The capacity provider {name} is reserved and cannot be {verb}.")
    return errors.invalid(f"The specified capacity provider '{given}' was not found.")


def _show(ctx: Context, name: str) -> Params:
    return {
        "capacityProviderArn": arn.ecs(ctx.region, ctx.account_id, f"capacity-provider/{name}"),
        "name": name,
        "status": "ACTIVE",
        "type": name,
        "tags": [],
    }


OPERATIONS: dict[str, Operation] = {
    "PutClusterCapacityProviders": put_cluster_capacity_providers,
    "DescribeCapacityProviders": describe_capacity_providers,
    "CreateCapacityProvider": create_capacity_provider,
    "UpdateCapacityProvider": update_capacity_provider,
    "DeleteCapacityProvider": delete_capacity_provider,
}
