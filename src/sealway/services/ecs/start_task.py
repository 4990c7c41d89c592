"""StartTask: one task on each container instance that the caller chose, by RunTask's rules otherwise.

A chosen instance still needs room, and must meet the definition's own placement constraints.
"""

import msgspec

from ...model.cluster import Cluster, ContainerInstance
from ...model.new_task import Placed, place_task
from ...model.placement import Unplaced
from ...model.request import Params
from ...store import Reader
from ..context import Context
from . import errors
from .honoured import refuse_others
from .lookup import display_arn, find_instance, require_cluster
from .run_task import answer, check_request, failures_of, read_board, task_request

_MOST = 10
_HONOURED = (
    "cluster",
    "containerInstances",
    "taskDefinition",
    "group",
    "networkConfiguration",
    "overrides",
    "propagateTags",
    "startedBy",
    "tags",
    "enableECSManagedTags",
    "enableExecuteCommand",
)


def start_task(ctx: Context, request: Params) -> Params:
    """StartTask."""
    refuse_others(request, _HONOURED, "StartTask")
    names = list(dict.fromkeys(request["containerInstances"]))
    if not 1 <= len(names) <= _MOST:
        raise errors.invalid(f"Specify between 1 and {_MOST} container instances.")
    check_request(request)
    with ctx.store.transaction() as tx:
        cluster = require_cluster(ctx, tx, request.get("cluster"))
        chosen, failures = _chosen(ctx, tx, cluster, names)
        placed: list[Placed] = []
        if chosen:
            placed, refused = _place(ctx, tx, cluster, request, chosen)
            failures += refused
        for item in placed:
            if item.interface is not None:
                tx.put(item.interface)
        return answer(tx, [tx.put(item.task) for item in placed], failures)


def _chosen(
    ctx: Context, reader: Reader, cluster: Cluster, names: list[str]
) -> tuple[list[ContainerInstance], list[dict[str, str]]]:
    """The instances that take tasks, and why the others do not."""
    chosen: dict[str, ContainerInstance] = {}
    failures = []
    for name in names:
        instance = find_instance(ctx, reader, cluster, name)
        if instance is None:
            failures.append(errors.missing(display_arn(ctx, cluster, "container-instance", name)))
        elif instance.status != "ACTIVE":
            failures.append(errors.failure(instance.arn, instance.status))
        else:
            chosen[instance.arn] = instance
    return list(chosen.values()), failures


def _place(
    ctx: Context, reader: Reader, cluster: Cluster, request: Params, chosen: list[ContainerInstance]
) -> tuple[list[Placed], list[dict[str, str]]]:
    # Without a launch type, the cluster's default capacity provider strategy would rule.
    wanted = task_request(ctx, reader, cluster, {**request, "launchType": "EC2"})
    on = read_board(reader, wanted)
    placed: list[Placed] = []
    failures: list[dict[str, str]] = []
    for instance in chosen:
        here = msgspec.structs.replace(wanted, container_instance_arn=instance.arn)
        outcome = place_task(here, on, ctx.ids, ctx.now)
        if isinstance(outcome, Unplaced):
            failures += failures_of(outcome)
        else:
            placed.append(outcome)
            on = outcome.board
    return placed, failures
