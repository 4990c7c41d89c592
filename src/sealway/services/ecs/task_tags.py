"""The tags a task of RunTask starts with: its own, those it inherits, and those ECS manages.

A tag given with the request wins over an inherited one.
Source: ECS Developer Guide, "Tagging Amazon ECS resources".
"""

from collections.abc import Mapping

CLUSTER_TAG = "aws:ecs:clusterName"


def task_tags(
    own: Mapping[str, str], inherited: Mapping[str, str], managed_cluster: str | None = None
) -> dict[str, str]:
    """``managed_cluster``: the cluster's name where enableECSManagedTags is asked for."""
    managed = {CLUSTER_TAG: managed_cluster} if managed_cluster else {}
    return {**inherited, **own, **managed}
