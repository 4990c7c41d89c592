"""ListContainerInstances, DescribeContainerInstances, DeregisterContainerInstance,
UpdateContainerInstancesState, UpdateContainerAgent.

The node registers an instance when it boots; from then on its ``status`` is the user's.
"""

from ...model.cluster import ContainerInstance
from ...model.errors import AwsError
from ...model.placement_query import Facts
from ...model.request import Params
from ...model.task import Task
from ...store import Transaction
from ..context import Context, Operation
from . import container_instance_view, counts, errors, tag_list
from .lookup import display_arn, find_instance, require_cluster
from .pages import arn_page
from .placement_rules import query

_MOST_DESCRIBED, _MOST_CHANGED = 100, 10
_FORCED = "Container instance deregistration forced by user"


def list_container_instances(ctx: Context, request: Params) -> Params:
    """ListContainerInstances: all but INACTIVE ones; ``filter`` is a cluster query."""
    cluster = require_cluster(ctx, ctx.store, request.get("cluster"))
    status = request.get("status")
    wanted = query(request["filter"]) if request.get("filter") else lambda _: True
    found = (
        instance
        for instance in ctx.store.list(ContainerInstance, cluster_arn=cluster.arn)
        if (instance.status == status if status else instance.status != "INACTIVE")
        and wanted(_facts(ctx, instance))
    )
    return arn_page((instance.arn for instance in found), request, "containerInstanceArns")


def _facts(ctx: Context, instance: ContainerInstance) -> Facts:
    tasks = ctx.store.list(Task, container_instance_arn=instance.arn)
    return container_instance_view.room_of(ctx.store, instance, tasks).facts()


def describe_container_instances(ctx: Context, request: Params) -> Params:
    """DescribeContainerInstances: INACTIVE ones too; unknown ones under ``failures``."""
    given = _checked_list(request, _MOST_DESCRIBED)
    cluster = require_cluster(ctx, ctx.store, request.get("cluster"))
    shown, failures = [], []
    for text in given:
        instance = find_instance(ctx, ctx.store, cluster, text)
        if instance is None:
            failures.append(errors.missing(display_arn(ctx, cluster, "container-instance", text)))
        else:
            shown.append(container_instance_view.show(ctx.store, instance, tags=tag_list.wanted(request)))
    return {"containerInstances": shown, "failures": failures}


def _checked_list(request: Params, most: int) -> list[str]:
    given: list[str] = request["containerInstances"]
    if not given:
        raise errors.invalid("Container instances cannot be empty.")
    if len(given) > most:
        raise errors.invalid(f"Container instances cannot exceed {most} elements.")
    return given


def deregister_container_instance(ctx: Context, request: Params) -> Params:
    """DeregisterContainerInstance: by force it stops the tasks that are on it."""
    with ctx.store.transaction() as tx:
        cluster = require_cluster(ctx, tx, request.get("cluster"))
        instance = find_instance(ctx, tx, cluster, request["containerInstance"])
        if instance is None or instance.status == "INACTIVE":
            raise errors.invalid("The referenced container instance was not found.")
        on_it = counts.alive(tx.list(Task, container_instance_arn=instance.arn))
        if on_it and not request.get("force"):
            raise errors.invalid("Found running tasks on the instance.")
        for task in on_it:
            _stop(tx, task)
        gone = tx.put(instance.replace(status="INACTIVE"))
        return {"containerInstance": container_instance_view.show(tx, gone, tags=True)}


def _stop(tx: Transaction, task: Task) -> None:
    if task.desired_status != "STOPPED":
        tx.put(task.replace(desired_status="STOPPED", stop_code="UserInitiated", stopped_reason=_FORCED))


def update_container_instances_state(ctx: Context, request: Params) -> Params:
    """UpdateContainerInstancesState: DRAINING takes no new task, ACTIVE does again."""
    given, status = _checked_list(request, _MOST_CHANGED), request["status"]
    if status not in ("ACTIVE", "DRAINING"):
        raise errors.invalid("The container instance status must be ACTIVE or DRAINING.")
    shown, failures = [], []
    with ctx.store.transaction() as tx:
        cluster = require_cluster(ctx, tx, request.get("cluster"))
        for text in given:
            instance = find_instance(ctx, tx, cluster, text)
            if instance is None:
                failures.append(errors.missing(display_arn(ctx, cluster, "container-instance", text)))
            elif instance.status == "INACTIVE":
                failures.append(errors.failure(instance.arn, "INACTIVE"))
            else:
                if instance.status != status:
                    instance = tx.put(instance.replace(status=status))
                shown.append(container_instance_view.show(tx, instance, tags=True))
    return {"containerInstances": shown, "failures": failures}


def update_container_agent(ctx: Context, request: Params) -> Params:
    """UpdateContainerAgent: Sealway itself is the agent of its instances, so none is older than it."""
    cluster = require_cluster(ctx, ctx.store, request.get("cluster"))
    instance = find_instance(ctx, ctx.store, cluster, request["containerInstance"])
    if instance is None or instance.status == "INACTIVE":
        raise errors.invalid("The referenced container instance was not found.")
    raise AwsError("NoUpdateAvailableException", "There is no update available for your container agent.")


OPERATIONS: dict[str, Operation] = {
    "ListContainerInstances": list_container_instances,
    "DescribeContainerInstances": describe_container_instances,
    "DeregisterContainerInstance": deregister_container_instance,
    "UpdateContainerInstancesState": update_container_instances_state,
    "UpdateContainerAgent": update_container_agent,
}
