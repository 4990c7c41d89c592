"""RunTask: places the tasks at once, by the rules that the service scheduler uses too.

All tasks that find a place are written in one transaction; for the others ``failures`` says why every
container instance refused.
"""

import hashlib

import msgspec

from ...model import arn
from ...model.account_setting import DUAL_STACK, AccountSetting, account_key, is_enabled
from ...model.capacity import divided
from ...model.capacity_provider import CapacityProvider
from ...model.cluster import Cluster, ContainerInstance
from ...model.network import NetworkInterface, SecurityGroup, Subnet
from ...model.new_task import (
    Board,
    Stock,
    TaskRequest,
    board,
    parted,
    place_all,
    subnet_ids,
    waiting_task,
)
from ...model.placement import NO_INSTANCES, NO_INSTANCES_OF_PROVIDER, Unplaced
from ...model.request import Params
from ...model.task import Task
from ...model.waiting import MOST_WAITING, waits
from ...store import Reader, Transaction
from ..context import Context
from . import errors, tag_list, task_view
from .honoured import refuse_others
from .launch import check_fargate_placement, launch_of
from .lookup import definition_of, require_cluster, require_definition
from .names import is_started_by, is_token
from .network_rules import checked_network
from .override_rules import checked_overrides
from .placement_rules import check_placement
from .task_tags import task_tags

MOST_TASKS = 10
_LONGEST_TOKEN = 64
_HONOURED = (
    "cluster",
    "taskDefinition",
    "count",
    "group",
    "launchType",
    "capacityProviderStrategy",
    "networkConfiguration",
    "overrides",
    "placementConstraints",
    "placementStrategy",
    "platformVersion",
    "propagateTags",
    "startedBy",
    "tags",
    "clientToken",
    "enableECSManagedTags",
    "enableExecuteCommand",
)


def run_task(ctx: Context, request: Params) -> Params:
    """RunTask. With the client token of an earlier call it answers that call's tasks."""
    refuse_others(request, _HONOURED, "RunTask")
    count = 1 if request.get("count") is None else request["count"]
    if not 1 <= count <= MOST_TASKS:
        raise errors.invalid(f"Count must be between 1 and {MOST_TASKS}.")
    check_request(request)
    with ctx.store.transaction() as tx:
        cluster = require_cluster(ctx, tx, request.get("cluster"))
        earlier = _earlier(tx, cluster, request)
        if earlier:
            return answer(tx, earlier, [])
        wanted = task_request(ctx, tx, cluster, request)
        made, unplaced = _run(ctx, tx, wanted, count)
        return answer(tx, [tx.put(task) for task in made], failures_of(unplaced))


def _run(
    ctx: Context, tx: Transaction, wanted: TaskRequest, count: int
) -> tuple[list[Task], Unplaced | None]:
    """The tasks that find a place, or wait for one that their capacity provider makes; why others do not."""
    on, refused = read_board(tx, wanted), None
    made: list[Task] = []
    for part, number in parted(wanted, count):
        placed, on, unplaced = place_all(part, on, number, ctx.ids, ctx.now)
        made += [task for task, _ in placed]
        for _, interface in placed:
            if interface is not None:
                tx.put(interface)
        if unplaced is not None and grows(tx, part):
            already = [*tx.list(Task, cluster_arn=wanted.cluster_arn), *made]
            missing = min(number - len(placed), max(0, MOST_WAITING - sum(waits(t) for t in already)))
            made += [waiting_task(part, ctx.ids, ctx.now) for _ in range(missing)]
            unplaced = unplaced if len(placed) + missing < number else None
        refused = refused or unplaced
    if refused is not None and not made and wanted.launch_type == "EC2" and not refused.refusals:
        raise errors.invalid(NO_INSTANCES_OF_PROVIDER)
    return divided(made, wanted.capacity, {}) if wanted.launch_type == "FARGATE" else made, refused


def grows(reader: Reader, part: TaskRequest) -> bool:
    """Whether the request's capacity provider scales its group as tasks need."""
    if part.provider is None:
        return False
    definition = part.definition
    key = arn.ecs(definition.region, definition.account_id, f"capacity-provider/{part.provider}")
    provider = reader.get(CapacityProvider, key)
    return provider is not None and provider.scaling.enabled


def answer(reader: Reader, tasks: list[Task], failures: list[dict[str, str]]) -> Params:
    """The answer of RunTask and StartTask."""
    return {"tasks": [task_view.show(reader, task, tags=True) for task in tasks], "failures": failures}


def check_request(request: Params) -> None:
    """What RunTask and StartTask ask of a request alike. Raises InvalidParameterException."""
    if not is_started_by(request.get("startedBy") or ""):
        raise errors.invalid(
            "Invalid startedBy: up to 128 letters (uppercase and lowercase), numbers, hyphens (-), forward"
            " slash (/), and underscores (_) are allowed."
        )
    if (request.get("group") or "").startswith("service:"):
        raise errors.invalid("Invalid namespace for group: 'service:' is kept for the tasks of services.")
    if not is_token(request.get("clientToken") or "", _LONGEST_TOKEN):
        raise errors.invalid(
            f"Invalid client token: up to {_LONGEST_TOKEN} ASCII characters in the range of 33-126 are"
            " allowed."
        )
    if request.get("propagateTags") == "SERVICE":
        raise errors.invalid("propagateTags SERVICE is for services alone: specify TASK_DEFINITION.")


def task_request(ctx: Context, reader: Reader, cluster: Cluster, request: Params) -> TaskRequest:
    """The task that a RunTask or StartTask describes. Raises what is wrong with it."""
    definition = require_definition(ctx, reader, request["taskDefinition"])
    launch = launch_of(ctx, request, cluster, definition)
    constraints = tuple(request.get("placementConstraints") or ())
    strategies = tuple(request.get("placementStrategy") or ())
    check_fargate_placement(launch.launch_type, constraints, strategies)
    check_placement(constraints, strategies, len(definition.spec.get("placementConstraints") or ()))
    return TaskRequest(
        definition=definition,
        cluster_arn=cluster.arn,
        launch_type=launch.launch_type,
        group=request.get("group") or f"family:{definition.family}",
        started_by=request.get("startedBy"),
        platform_version=launch.platform_version,
        network_configuration=checked_network(
            ctx, reader, definition, request.get("networkConfiguration"), launch.launch_type
        ),
        overrides=checked_overrides(definition, request.get("overrides") or {}, launch.launch_type),
        strategies=strategies,
        constraints=constraints,
        capacity=launch.strategy,
        extra={"enableExecuteCommand": True} if request.get("enableExecuteCommand") else {},
        tags=task_tags(
            tag_list.to_mapping(request.get("tags")),
            definition.tags if request.get("propagateTags") == "TASK_DEFINITION" else {},
            cluster.name if request.get("enableECSManagedTags") else None,
        ),
        client_token=request.get("clientToken") or "",
        client_request=_digest(request),
    )


def _earlier(reader: Reader, cluster: Cluster, request: Params) -> list[Task]:
    """The tasks that this client token started before; they are known for an hour after they stopped, and are
    answered whatever has become of their definition. Raises ConflictException for another request."""
    token = request.get("clientToken")
    earlier = reader.list(Task, cluster_arn=cluster.arn, client_token=token) if token else []
    if earlier and earlier[0].client_request != _digest(request):
        raise errors.conflict(
            "The clientToken was used before, with other parameters. Use a new clientToken.",
            [task.arn for task in earlier],
        )
    return earlier


def _digest(request: Params) -> str:
    """The same for the same parameters; the cluster, which may be named in several ways, is known apart."""
    told = {name: value for name, value in request.items() if name != "cluster"}
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()


def read_board(reader: Reader, wanted: TaskRequest) -> Board:
    """What the placement of such tasks looks at. Raises when no container instance is ACTIVE."""
    tasks = reader.list(Task, cluster_arn=wanted.cluster_arn)
    instances = reader.list(ContainerInstance, cluster_arn=wanted.cluster_arn)
    by_launch_type = wanted.launch_type == "EC2" and not wanted.capacity
    if by_launch_type and not any(i.status == "ACTIVE" for i in instances):
        raise errors.invalid(NO_INSTANCES)
    found = (reader.get(Subnet, subnet) for subnet in subnet_ids(wanted.network_configuration))
    subnets = [subnet for subnet in found if subnet is not None]
    stock = Stock(
        instances=instances,
        tasks=tasks,
        definitions={key: definition_of(reader, key) for key in {t.task_definition_arn for t in tasks}},
        subnets=subnets,
        interfaces=[i for s in subnets for i in reader.list(NetworkInterface, subnet_id=s.id)],
        security_groups=[
            group
            for vpc in sorted({s.vpc_id for s in subnets})
            for group in reader.list(SecurityGroup, vpc_id=vpc)
        ],
        dual_stack=is_enabled(
            reader.get(
                AccountSetting,
                account_key(wanted.definition.region, wanted.definition.account_id, DUAL_STACK),
            )
        ),
    )
    return board(wanted, stock)


def failures_of(unplaced: Unplaced | None) -> list[dict[str, str]]:
    """``failures``: why every container instance refused."""
    refusals = unplaced.refusals if unplaced else ()
    return [errors.failure(refusal.arn or None, refusal.reason) for refusal in refusals]
