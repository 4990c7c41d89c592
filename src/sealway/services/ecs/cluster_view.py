"""A cluster as DescribeClusters shows it. Counts are made of its tasks, services and instances."""

from collections.abc import Collection

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
    return answer


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
