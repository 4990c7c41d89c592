"""A new task set: what CreateTaskSet, CreateService with CODE_DEPLOY, or a CodeDeploy deployment asks for."""

from ...model import arn
from ...model.cluster import Cluster
from ...model.ids import decimal
from ...model.request import Params
from ...model.service import Service
from ...model.task_set import TaskSet
from ...store import Reader
from ..context import Context
from . import tag_list
from .launch import check_fargate_placement, launch_of
from .load_balancer_rules import check_load_balancers
from .lookup import require_definition
from .network_rules import checked_network
from .placement_rules import check_placement
from .task_set_rules import scale_of


def new_task_set(
    ctx: Context, reader: Reader, cluster: Cluster, service: Service, request: Params
) -> TaskSet:
    """The task set that the members of ``request`` (CreateTaskSet's) ask for. Raises for what cannot be."""
    definition = require_definition(ctx, reader, request["taskDefinition"])
    launch = launch_of(ctx, request, cluster, definition)
    constraints, strategies = service.placement_constraints, service.placement_strategy
    check_fargate_placement(launch.launch_type, constraints, strategies)
    check_placement(constraints, strategies, len(definition.spec.get("placementConstraints") or ()))
    balancers = tuple(request.get("loadBalancers") or ())
    check_load_balancers(ctx, reader, definition, balancers)
    task_set_id = f"ecs-svc/{decimal(ctx.ids, 19)}"
    return TaskSet(
        arn=arn.ecs(ctx.region, ctx.account_id, f"task-set/{cluster.name}/{service.name}/{task_set_id}"),
        account_id=ctx.account_id,
        region=ctx.region,
        id=task_set_id,
        service_arn=service.arn,
        cluster_arn=cluster.arn,
        external_id=request.get("externalId") or None,
        task_definition_arn=definition.arn,
        launch_type=launch.launch_type,
        platform_version=launch.platform_version,
        capacity_provider_strategy=launch.strategy,
        load_balancers=balancers,
        network_configuration=checked_network(
            ctx, reader, definition, request.get("networkConfiguration"), launch.launch_type
        ),
        scale=scale_of(request.get("scale")),
        steady_at=ctx.now,
        client_token=request.get("clientToken") or "",
        tags=tag_list.to_mapping(request.get("tags")),
        created_at=ctx.now,
        updated_at=ctx.now,
    )
