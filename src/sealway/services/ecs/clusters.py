"""CreateCluster, UpdateCluster, UpdateClusterSettings, DescribeClusters, ListClusters, DeleteCluster.

A deleted cluster stays known as INACTIVE, leaves ListClusters, and comes back to life when a cluster of
its name is created again.
"""

from ...model.cluster import Cluster, ContainerInstance
from ...model.errors import AwsError
from ...model.request import Params
from ...model.service import Service
from ...model.task import Task
from ...store import Reader
from ..context import Context, Operation
from . import cluster_view, counts, errors, tag_list
from .capacity_strategy import checked_providers, checked_strategy
from .cluster_rules import checked_configuration, checked_settings
from .honoured import asks_nothing, refuse_others
from .lookup import (
    DEFAULT_CLUSTER,
    cluster_arn,
    cluster_name,
    find_cluster,
    require_cluster,
)
from .names import is_name
from .pages import arn_page

_HONOURED = (
    "clusterName",
    "tags",
    "settings",
    "configuration",
    "capacityProviders",
    "defaultCapacityProviderStrategy",
)
_SHOWN = ("TAGS", "SETTINGS", "CONFIGURATIONS")


def create_cluster(ctx: Context, request: Params) -> Params:
    """CreateCluster. The same name again answers the cluster there is."""
    wanted = _new_cluster(ctx, request)
    with ctx.store.transaction() as tx:
        known = tx.get(Cluster, wanted.arn)
        if known is None or known.status != "ACTIVE":
            known = tx.put(wanted.replace(version=known.version if known else 0))
        elif not _same(known, request, wanted):
            raise errors.invalid(
                "Arguments on this idempotent request are inconsistent with arguments used in previous"
                " request(s)."
            )
        return {"cluster": cluster_view.show(tx, known, _SHOWN)}


def _new_cluster(ctx: Context, request: Params) -> Cluster:
    refuse_others(request, _HONOURED, "CreateCluster")
    name = request.get("clusterName") or DEFAULT_CLUSTER
    if not is_name(name):
        raise errors.invalid(
            f"Cluster name '{name}' is not valid: up to 255 letters (uppercase and lowercase), numbers,"
            " underscores, and hyphens are allowed."
        )
    providers = checked_providers(ctx, ctx.store, request.get("capacityProviders") or ())
    strategy = checked_strategy(ctx, request.get("defaultCapacityProviderStrategy") or (), providers)
    return Cluster(
        arn=cluster_arn(ctx, name),
        account_id=ctx.account_id,
        region=ctx.region,
        name=name,
        settings=checked_settings(request.get("settings")),
        configuration=checked_configuration(request.get("configuration")),
        capacity_providers=providers,
        default_capacity_provider_strategy=strategy,
        created_at=ctx.now,
        tags=tag_list.to_mapping(request.get("tags")),
    )


def _same(known: Cluster, request: Params, wanted: Cluster) -> bool:
    """Whether the members that this request gives are those the cluster has."""
    pairs = {
        "tags": (known.tags, wanted.tags),
        "capacityProviders": (known.capacity_providers, wanted.capacity_providers),
        "defaultCapacityProviderStrategy": (
            known.default_capacity_provider_strategy,
            wanted.default_capacity_provider_strategy,
        ),
        "configuration": (known.configuration, wanted.configuration),
    }
    return all(asks_nothing(request.get(member)) or old == new for member, (old, new) in pairs.items())


def update_cluster(ctx: Context, request: Params) -> Params:
    """UpdateCluster: what is given replaces what was."""
    defaults = request.get("serviceConnectDefaults") or {}
    if defaults.get("namespace"):
        raise errors.unsupported("The parameter 'serviceConnectDefaults' of UpdateCluster")
    settings = checked_settings(request.get("settings"))
    changes: Params = {"settings": settings} if request.get("settings") else {}
    if request.get("configuration") is not None:
        changes["configuration"] = checked_configuration(request["configuration"])
    return _update(ctx, request["cluster"], changes)


def update_cluster_settings(ctx: Context, request: Params) -> Params:
    """UpdateClusterSettings."""
    if not request["settings"]:
        raise errors.invalid("Settings cannot be empty.")
    return _update(ctx, request["cluster"], {"settings": checked_settings(request["settings"])})


def _update(ctx: Context, name: str, changes: Params) -> Params:
    with ctx.store.transaction() as tx:
        cluster = require_cluster(ctx, tx, name)
        changed = cluster.replace(**changes)
        if changed != cluster:
            changed = tx.put(changed)
        return {"cluster": cluster_view.show(tx, changed, _SHOWN)}


def describe_clusters(ctx: Context, request: Params) -> Params:
    """DescribeClusters: INACTIVE ones too; unknown ones under ``failures``."""
    include = request.get("include") or ()
    given = request.get("clusters") or [DEFAULT_CLUSTER]
    if len(given) > 100:
        raise errors.invalid("Clusters cannot exceed 100 elements.")
    clusters, failures = [], []
    for text in given:
        cluster = find_cluster(ctx, ctx.store, text)
        if cluster is None:
            name = cluster_name(ctx, text)
            failures.append(errors.missing(cluster_arn(ctx, name) if name else text))
        else:
            clusters.append(cluster_view.show(ctx.store, cluster, include))
    return {"clusters": clusters, "failures": failures}


def list_clusters(ctx: Context, request: Params) -> Params:
    """ListClusters: the active ones."""
    own = ctx.store.list(Cluster, account_id=ctx.account_id, region=ctx.region, status="ACTIVE")
    return arn_page((cluster.arn for cluster in own), request, "clusterArns")


def delete_cluster(ctx: Context, request: Params) -> Params:
    """DeleteCluster: only an empty one."""
    with ctx.store.transaction() as tx:
        cluster = require_cluster(ctx, tx, request["cluster"])
        _check_empty(tx, cluster)
        gone = tx.put(cluster.replace(status="INACTIVE"))
        return {"cluster": cluster_view.show(tx, gone)}


def _check_empty(reader: Reader, cluster: Cluster) -> None:
    if any(s.status == "ACTIVE" for s in reader.list(Service, cluster_arn=cluster.arn)):
        raise AwsError(
            "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."
        )
    if any(i.status != "INACTIVE" for i in reader.list(ContainerInstance, cluster_arn=cluster.arn)):
        raise AwsError(
            "ClusterContainsContainerInstancesException",
            "The Cluster cannot be deleted while Container Instances are active or draining.",
        )
    if counts.alive(reader.list(Task, cluster_arn=cluster.arn)):
        raise AwsError(
            "ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active."
        )


OPERATIONS: dict[str, Operation] = {
    "CreateCluster": create_cluster,
    "UpdateCluster": update_cluster,
    "UpdateClusterSettings": update_cluster_settings,
    "DescribeClusters": describe_clusters,
    "ListClusters": list_clusters,
    "DeleteCluster": delete_cluster,
}
