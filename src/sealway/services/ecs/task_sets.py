"""CreateTaskSet, UpdateTaskSet, DeleteTaskSet, DescribeTaskSets, UpdateServicePrimaryTaskSet.

The handlers write what the user wants; ``control`` makes tasks of it. A deleted task set is DRAINING until
its last task is STOPPED, and then gone.
"""

from ...model import arn
from ...model.cluster import Cluster
from ...model.errors import AwsError
from ...model.request import Params
from ...model.service import Service
from ...model.task_set import CODE_DEPLOY, TaskSet
from ...store import Reader, Transaction
from ..context import Context, Operation
from . import errors, tag_list, task_set_view
from .lookup import find_service, require_cluster
from .new_task_set import new_task_set
from .task_set_rules import (
    check_controller,
    check_deletable,
    check_not_draining,
    check_room,
    check_same,
    refuse_create,
    scale_of,
)

_MOST_DESCRIBED = 100


def create_task_set(ctx: Context, request: Params) -> Params:
    """CreateTaskSet. The same token again answers the task set there is."""
    refuse_create(request)
    with ctx.store.transaction() as tx:
        cluster, service = _require_service(ctx, tx, request)
        wanted = new_task_set(ctx, tx, cluster, service, request)
        existing = task_set_view.of_service(tx, service)
        token = wanted.client_token
        known = next((one for one in existing if token and one.client_token == token), None)
        if known is not None:
            check_same(known, wanted)
            return {"taskSet": task_set_view.show(tx, service, known, tags=True)}
        check_room(existing)
        return {"taskSet": task_set_view.show(tx, service, tx.put(wanted), tags=True)}


def update_task_set(ctx: Context, request: Params) -> Params:
    """UpdateTaskSet: its scale."""
    scale = scale_of(request["scale"])
    with ctx.store.transaction() as tx:
        _, service = _require_service(ctx, tx, request)
        task_set = _require_task_set(ctx, tx, service, request["taskSet"])
        check_not_draining(task_set)
        scaled = task_set.replace(scale=scale)
        if scaled != task_set:
            count = service.desired_count
            if task_set.desired_count(count) != scaled.desired_count(count):
                scaled = scaled.unsettled(ctx.now)
            scaled = tx.put(scaled.replace(updated_at=ctx.now))
        return {"taskSet": task_set_view.show(tx, service, scaled, tags=True)}


def delete_task_set(ctx: Context, request: Params) -> Params:
    """DeleteTaskSet: it drains; ``control`` stops its tasks and removes it."""
    with ctx.store.transaction() as tx:
        _, service = _require_service(ctx, tx, request)
        task_set = _require_task_set(ctx, tx, service, request["taskSet"])
        if task_set.status != "DRAINING":
            if not request.get("force"):
                check_deletable(service, task_set)
            task_set = tx.put(task_set.draining(ctx.now))
        return {"taskSet": task_set_view.show(tx, service, task_set, tags=True)}


def update_service_primary_task_set(ctx: Context, request: Params) -> Params:
    """UpdateServicePrimaryTaskSet: the service is shown with this one's specification from now on."""
    with ctx.store.transaction() as tx:
        _, service = _require_service(ctx, tx, request)
        chosen = _require_task_set(ctx, tx, service, request["primaryTaskSet"])
        check_not_draining(chosen)
        if chosen.status != "PRIMARY":
            for other in task_set_view.of_service(tx, service):
                if other.status == "PRIMARY":
                    tx.put(other.replace(status="ACTIVE", updated_at=ctx.now))
            chosen = tx.put(chosen.replace(status="PRIMARY", updated_at=ctx.now))
        return {"taskSet": task_set_view.show(tx, service, chosen, tags=True)}


def describe_task_sets(ctx: Context, request: Params) -> Params:
    """DescribeTaskSets: all of the service, unless some are named; unknown ones under ``failures``."""
    if len(request.get("taskSets") or ()) > _MOST_DESCRIBED:
        raise errors.invalid(f"Task sets cannot exceed {_MOST_DESCRIBED} elements.")
    cluster = require_cluster(ctx, ctx.store, request["cluster"])
    service = find_service(ctx, ctx.store, cluster, request["service"])
    if service is None:
        raise errors.service_not_found()
    if service.deployment_controller != CODE_DEPLOY:
        check_controller(service)
    if service.status == "INACTIVE":
        raise errors.service_not_active()
    known = task_set_view.of_service(ctx.store, service)
    failures = []
    if request.get("taskSets"):
        found = [(text, _find(ctx, ctx.store, service, text)) for text in request["taskSets"]]
        failures = [errors.missing(_display(ctx, service, text)) for text, one in found if one is None]
        known = [one for _, one in found if one is not None]
    shown = [task_set_view.show(ctx.store, service, one, tags=tag_list.wanted(request)) for one in known]
    return {"taskSets": shown, "failures": failures}


def drain_all(ctx: Context, tx: Transaction, service: Service) -> None:
    """Deletes every task set of a service that is deleted."""
    for task_set in task_set_view.of_service(tx, service):
        if task_set.status != "DRAINING":
            tx.put(task_set.draining(ctx.now))


def follow_count(ctx: Context, tx: Transaction, old: Service, new: Service) -> None:
    """Task sets whose part of the service's desired count has changed with it are to settle anew."""
    for task_set in task_set_view.of_service(tx, new):
        if task_set.desired_count(old.desired_count) != task_set.desired_count(new.desired_count):
            tx.put(task_set.unsettled(ctx.now))


def _require_service(ctx: Context, reader: Reader, request: Params) -> tuple[Cluster, Service]:
    """The cluster and the active service of a request."""
    cluster = require_cluster(ctx, reader, request["cluster"])
    service = find_service(ctx, reader, cluster, request["service"])
    if service is None:
        raise errors.service_not_found()
    if service.status != "ACTIVE":
        raise errors.service_not_active()
    check_controller(service)
    return cluster, service


def _require_task_set(ctx: Context, reader: Reader, service: Service, given: str) -> TaskSet:
    task_set = _find(ctx, reader, service, given)
    if task_set is None:
        raise AwsError("TaskSetNotFoundException", "The specified task set was not found.")
    return task_set


def _find(ctx: Context, reader: Reader, service: Service, given: str) -> TaskSet | None:
    """By id or ARN, of this service."""
    task_set = reader.get(TaskSet, _display(ctx, service, given))
    return task_set if task_set is not None and task_set.service_arn == service.arn else None


def _display(ctx: Context, service: Service, given: str) -> str:
    """The ARN, given as such or by the id."""
    if given.startswith("arn:"):
        return given
    cluster = arn.last(service.cluster_arn)
    return arn.ecs(ctx.region, ctx.account_id, f"task-set/{cluster}/{service.name}/{given}")


OPERATIONS: dict[str, Operation] = {
    "CreateTaskSet": create_task_set,
    "UpdateTaskSet": update_task_set,
    "DeleteTaskSet": delete_task_set,
    "UpdateServicePrimaryTaskSet": update_service_primary_task_set,
    "DescribeTaskSets": describe_task_sets,
}
