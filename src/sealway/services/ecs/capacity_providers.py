"""Capacity providers: Amazon's own two, and those made of Auto Scaling groups.

CreateCapacityProvider, UpdateCapacityProvider, DeleteCapacityProvider, DescribeCapacityProviders,
PutClusterCapacityProviders. The handlers write what the user wants; ``control`` scales the groups.
"""

from ...model.auto_scaling import AutoScalingGroup
from ...model.capacity import NAME
from ...model.capacity_provider import FARGATE_PROVIDERS, CapacityProvider, ManagedScaling
from ...model.cluster import Cluster
from ...model.errors import AwsError
from ...model.request import Params
from ...model.service import Service
from ...model.task import Task
from ...store import Reader
from ..context import Context, Operation
from . import capacity_provider_rules as rules
from . import cluster_view, errors, tag_list
from .capacity_strategy import (
    checked_providers,
    checked_strategy,
    find_provider,
    provider_arn,
    provider_name,
)
from .lookup import require_cluster
from .pages import cut
from .task_set_view import of_service

_USED = "The specified capacity provider is in use and cannot be removed."


def put_cluster_capacity_providers(ctx: Context, request: Params) -> Params:
    """PutClusterCapacityProviders: what is given replaces what was."""
    with ctx.store.transaction() as tx:
        providers = checked_providers(ctx, tx, request["capacityProviders"])
        strategy = checked_strategy(ctx, request["defaultCapacityProviderStrategy"], providers)
        cluster = require_cluster(ctx, tx, request["cluster"])
        _check_unused(tx, cluster, set(providers))
        changed = tx.put(
            cluster.replace(
                capacity_providers=providers,
                default_capacity_provider_strategy=strategy,
            )
        )
        return {
            "cluster": cluster_view.show(tx, changed, ("TAGS", "SETTINGS", "CONFIGURATIONS", "ATTACHMENTS"))
        }


def _check_unused(reader: Reader, cluster: Cluster, kept: set[str]) -> None:
    """ResourceInUseException while a service's strategy names another provider, or a task is on one."""
    for service in reader.list(Service, cluster_arn=cluster.arn):
        if service.status != "INACTIVE" and not providers_of(reader, service) <= kept:
            raise errors.in_use(f"{_USED} It is used by the service {service.arn}.")
    for task in reader.list(Task, cluster_arn=cluster.arn):
        if task.last_status != "STOPPED" and task.extra.get(NAME) not in (None, *kept):
            raise errors.in_use(f"{_USED} It is used by the task {task.arn}.")


def providers_of(reader: Reader, service: Service) -> set[str]:
    """Those that the service's strategy names, or its task sets' do."""
    strategies = [
        () if service.made_of_task_sets else service.strategy,
        *(task_set.capacity_provider_strategy for task_set in of_service(reader, service)),
    ]
    return {item["capacityProvider"] for strategy in strategies for item in strategy}


def describe_capacity_providers(ctx: Context, request: Params) -> Params:
    """DescribeCapacityProviders, by name or ARN; unknown ones under ``failures``."""
    own = ctx.store.list(CapacityProvider, account_id=ctx.account_id, region=ctx.region)
    names = [*FARGATE_PROVIDERS, *(provider.name for provider in own)]
    if request.get("cluster"):
        names = list(require_cluster(ctx, ctx.store, request["cluster"]).capacity_providers)
    asked = request.get("capacityProviders")
    failures = []
    if asked:
        by_text = {text: provider_name(ctx, text) for text in asked}
        failures = [errors.missing(text) for text, name in by_text.items() if name not in names]
        names = [name for name in dict.fromkeys(by_text.values()) if name in names]
    chosen, token = cut(names, request)
    tags = tag_list.wanted(request)
    shown = [_show(ctx, name, find_provider(ctx, ctx.store, name), tags=tags) for name in chosen]
    return {"capacityProviders": shown, "failures": failures, **token}


def create_capacity_provider(ctx: Context, request: Params) -> Params:
    """CreateCapacityProvider: of an Auto Scaling group."""
    name, asked = request["name"], request.get("autoScalingGroupProvider")
    rules.check_name(name)
    rules.refuse_others(request)
    if not asked:
        raise errors.invalid("A capacity provider needs an autoScalingGroupProvider.")
    with ctx.store.transaction() as tx:
        if find_provider(ctx, tx, name) is not None:
            raise errors.invalid(
                "The specified capacity provider already exists. To change the configuration of an existing"
                " capacity provider, update the capacity provider."
            )
        group = rules.free_group(ctx, tx, asked["autoScalingGroupArn"])
        provider = CapacityProvider(
            arn=provider_arn(ctx, name),
            account_id=ctx.account_id,
            region=ctx.region,
            name=name,
            group_arn=group.arn,
            scaling=rules.scaling(asked.get("managedScaling"), ManagedScaling()),
            protects=rules.switched(asked, "managedTerminationProtection", False),
            drains=rules.switched(asked, "managedDraining", True),
            created_at=ctx.now,
            tags=tag_list.to_mapping(request.get("tags")),
        )
        rules.check_protection(group, provider)
        return {"capacityProvider": _show(ctx, name, tx.put(provider), tags=True)}


def update_capacity_provider(ctx: Context, request: Params) -> Params:
    """UpdateCapacityProvider: what is given replaces what was, at once."""
    rules.refuse_others(request)
    asked = request.get("autoScalingGroupProvider") or {}
    with ctx.store.transaction() as tx:
        provider = _own(ctx, tx, request["name"], "updated")
        changed = provider.replace(
            scaling=rules.scaling(asked.get("managedScaling"), provider.scaling),
            protects=rules.switched(asked, "managedTerminationProtection", provider.protects),
            drains=rules.switched(asked, "managedDraining", provider.drains),
            updated=True,
        )
        if changed.protects != provider.protects or changed.scaling.enabled != provider.scaling.enabled:
            rules.check_protection(tx.get(AutoScalingGroup, provider.group_arn), changed)
        if not changed.scaling.enabled:
            changed = changed.replace(calm_since=None, grown_at=None)
        return {"capacityProvider": _show(ctx, provider.name, tx.put(changed), tags=True)}


def delete_capacity_provider(ctx: Context, request: Params) -> Params:
    """DeleteCapacityProvider: one that no cluster has."""
    rules.refuse_others(request)
    with ctx.store.transaction() as tx:
        provider = _own(ctx, tx, request["capacityProvider"], "deleted")
        own = {"account_id": ctx.account_id, "region": ctx.region, "status": "ACTIVE"}
        for cluster in tx.list(Cluster, **own):
            if provider.name in cluster.capacity_providers:
                raise errors.client(
                    "The capacity provider cannot be deleted because it is associated with cluster:"
                    f" {cluster.name}. Remove the capacity provider from the cluster and try again."
                )
        tx.delete(provider)
    shown = _show(ctx, provider.name, provider, tags=True)
    return {"capacityProvider": {**shown, "status": "INACTIVE", "updateStatus": "DELETE_COMPLETE"}}


def _own(ctx: Context, reader: Reader, given: str, verb: str) -> CapacityProvider:
    """The caller's own provider, to be changed."""
    name = provider_name(ctx, given)
    if name in FARGATE_PROVIDERS:
        raise errors.client(f"The capacity provider {name} is reserved and cannot be {verb}.")
    provider = find_provider(ctx, reader, given)
    if provider is None:
        raise _not_found(given)
    return provider


def _not_found(given: str) -> AwsError:
    return errors.invalid(f"The specified capacity provider '{given}' was not found.")


def _show(ctx: Context, name: str, own: CapacityProvider | None, *, tags: bool) -> Params:
    shown: Params = {"capacityProviderArn": provider_arn(ctx, name), "name": name, "status": "ACTIVE"}
    if own is None:
        return {**shown, "type": name, "tags": []}
    switch = {True: "ENABLED", False: "DISABLED"}
    scaling = own.scaling
    return {
        **shown,
        "type": "EC2_AUTOSCALING",
        "updateStatus": "UPDATE_COMPLETE" if own.updated else "CREATE_COMPLETE",
        "autoScalingGroupProvider": {
            "autoScalingGroupArn": own.group_arn,
            "managedScaling": {
                "status": switch[scaling.enabled],
                "targetCapacity": scaling.target,
                "minimumScalingStepSize": scaling.least_step,
                "maximumScalingStepSize": scaling.most_step,
                "instanceWarmupPeriod": scaling.warmup,
            },
            "managedTerminationProtection": switch[own.protects],
            "managedDraining": switch[own.drains],
        },
        "tags": tag_list.to_list(own.tags) if tags else [],
    }


OPERATIONS: dict[str, Operation] = {
    "PutClusterCapacityProviders": put_cluster_capacity_providers,
    "DescribeCapacityProviders": describe_capacity_providers,
    "CreateCapacityProvider": create_capacity_provider,
    "UpdateCapacityProvider": update_capacity_provider,
    "DeleteCapacityProvider": delete_capacity_provider,
}
