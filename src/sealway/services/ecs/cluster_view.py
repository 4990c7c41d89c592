"""A cluster as DescribeClusters shows it. Counts are made of its tasks, services and instances."""

from collections.abc import Collection
from uuid import NAMESPACE_URL, uuid5

from ...model import arn
from ...model.capacity_provider import FARGATE_PROVIDERS, CapacityProvider
from ...model.cluster import Cluster, ContainerInstance
from ...model.request import Params
from ...model.service import Service
from ...model.task import Task
from ...store import Reader
from . import counts, tag_list
from .task_set_view import as_primary


def show(reader: Reader, cluster: Cluster, include: Collection[str] = ()) -> Params:
    """The ``Cluster`` shape; ``include`` names the costlier parts, as in the request."""
    tasks = reader.list(Task, cluster_arn=cluster.arn)
    services = reader.list(Service, cluster_arn=cluster.arn)
    instances = reader.list(ContainerInstance, cluster_arn=cluster.arn)
    answer: Params = {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": cluster.status,
        "registeredContainerInstancesCount": sum(i.status != "INACTIVE" for i in instances),
        "runningTasksCount": counts.running(tasks),
        "pendingTasksCount": counts.pending(tasks),
        "activeServicesCount": sum(s.status == "ACTIVE" for s in services),
        "statistics": _statistics(tasks, [as_primary(reader, s) for s in services])
        if "STATISTICS" in include
        else [],
        "tags": tag_list.to_list(cluster.tags) if "TAGS" in include else [],
        "settings": list(cluster.settings) if "SETTINGS" in include else [],
        "capacityProviders": list(cluster.capacity_providers),
        "defaultCapacityProviderStrategy": list(cluster.default_capacity_provider_strategy),
    }
    if cluster.configuration and "CONFIGURATIONS" in include:
        answer["configuration"] = cluster.configuration
    if "ATTACHMENTS" in include:
        answer |= _attachments(reader, cluster)
    return answer


def _attachments(reader: Reader, cluster: Cluster) -> Params:
    """What the cluster's own capacity providers do for it: managed scaling and draining, from the first."""
    keys = [
        arn.ecs(cluster.region, cluster.account_id, f"capacity-provider/{name}")
        for name in cluster.capacity_providers
        if name not in FARGATE_PROVIDERS
    ]
    own = [provider for key in keys if (provider := reader.get(CapacityProvider, key)) is not None]
    made = []
    for each in own:
        kinds = {"as_policy": each.scaling.enabled, "managed_draining": each.drains}
        made += [_attachment(cluster, each, kind) for kind, has in kinds.items() if has]
    return {"attachments": made, "attachmentsStatus": "UPDATE_COMPLETE"} if own else {"attachments": []}


def _attachment(cluster: Cluster, provider: CapacityProvider, kind: str) -> Params:
    return {
        "id": str(uuid5(NAMESPACE_URL, f"{cluster.arn} {provider.arn} {kind}")),
        "type": kind,
        "status": "CREATED",
        "details": [{"name": "capacityProviderName", "value": provider.name}],
    }


def _statistics(tasks: list[Task], services: list[Service]) -> list[dict[str, str]]:
    found: dict[str, int] = {}
    for launch_type, word in (("EC2", "EC2"), ("FARGATE", "Fargate")):
        own = [t for t in tasks if t.launch_type == launch_type]
        found[f"running{word}TasksCount"] = counts.running(own)
        found[f"pending{word}TasksCount"] = counts.pending(own)
        for status, adjective in (("ACTIVE", "active"), ("DRAINING", "draining")):
            found[f"{adjective}{word}ServiceCount"] = sum(
                s.launch_type == launch_type and s.status == status for s in services
            )
    return [{"name": name, "value": str(value)} for name, value in found.items()]
