"""Services that are made of task sets: a desired count, and how tasks are placed and kept.

What tasks are made of stands in the task sets.
"""

from ...model import arn
from ...model.cluster import Cluster
from ...model.request import Params
from ...model.service import Service
from ...model.task_set import EXTERNAL
from ...store import Reader, Transaction
from ..context import Context
from . import tag_list
from .code_deploy_rules import refuse_update_code_deploy
from .deployment_rules import Percents, percents
from .external_rules import refuse_create_external, refuse_update_external
from .launch import check_fargate_placement
from .placement_rules import check_placement
from .rebalance_rules import with_rebalancing
from .service_rules import ECHOED
from .task_set_view import of_service
from .task_sets import follow_count


def new_external_service(ctx: Context, cluster: Cluster, request: Params) -> Service:
    """The service that a CreateService asks for."""
    refuse_create_external(request)
    constraints = tuple(request.get("placementConstraints") or ())
    strategies = tuple(request.get("placementStrategy") or ())
    check_placement(constraints, strategies)
    configuration = request.get("deploymentConfiguration") or {}
    percent = percents(configuration)
    service = Service(
        arn=arn.ecs(ctx.region, ctx.account_id, f"service/{cluster.name}/{request['serviceName']}"),
        account_id=ctx.account_id,
        region=ctx.region,
        name=request["serviceName"],
        cluster_arn=cluster.arn,
        task_definition_arn="",
        desired_count=request.get("desiredCount") or 0,
        launch_type="",
        deployment_controller=EXTERNAL,
        minimum_healthy_percent=percent.minimum,
        maximum_percent=percent.maximum,
        health_check_grace_period_seconds=request.get("healthCheckGracePeriodSeconds"),
        placement_constraints=constraints,
        placement_strategy=strategies,
        extra={member: request[member] for member in ECHOED if request.get(member) is not None},
        created_at=ctx.now,
        created_by=arn.make("iam", "", ctx.account_id, "root"),
        client_token=request.get("clientToken") or "",
        tags=tag_list.to_mapping(request.get("tags")),
    )
    return with_rebalancing(service, None)


def updated_external_service(ctx: Context, tx: Transaction, service: Service, request: Params) -> Service:
    """The service as an UpdateService wants it; its task sets follow the desired count."""
    if service.deployment_controller == EXTERNAL:
        refuse_update_external(request, service)
    else:
        refuse_update_code_deploy(request, service)
    current = Percents(service.minimum_healthy_percent, service.maximum_percent)
    percent = percents(request.get("deploymentConfiguration") or {}, current)
    given = {name: value for name, value in request.items() if value is not None}
    echoed = {member: given[member] for member in ECHOED if member in given}
    changed = service.replace(
        desired_count=given.get("desiredCount", service.desired_count),
        minimum_healthy_percent=percent.minimum,
        maximum_percent=percent.maximum,
        health_check_grace_period_seconds=given.get(
            "healthCheckGracePeriodSeconds", service.health_check_grace_period_seconds
        ),
        placement_constraints=tuple(given.get("placementConstraints", service.placement_constraints)),
        placement_strategy=tuple(given.get("placementStrategy", service.placement_strategy)),
        extra={**service.extra, **echoed},
    )
    _check_placement(tx, changed)
    follow_count(ctx, tx, service, changed)
    return changed


def _check_placement(reader: Reader, service: Service) -> None:
    constraints, strategies = service.placement_constraints, service.placement_strategy
    check_placement(constraints, strategies)
    for task_set in of_service(reader, service):
        check_fargate_placement(task_set.launch_type, constraints, strategies)
