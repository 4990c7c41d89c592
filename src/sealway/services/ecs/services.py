"""CreateService, UpdateService, DescribeServices, ListServices, DeleteService.

The handlers write what the user wants; ``control`` makes tasks of it. A deleted service drains, becomes
INACTIVE, leaves the lists, and stays describable; its name can then be taken again.
"""

from typing import Any

from ...model import arn
from ...model.cluster import Cluster
from ...model.request import Params
from ...model.service import STRATEGY, Service
from ...model.task_set import CODE_DEPLOY, EXTERNAL
from ...store import Reader, Transaction
from ..context import Context, Operation
from . import errors, service_view, tag_list
from .capacity_strategy import OWN_LAUNCH_TYPE, followed, with_strategy
from .code_deploy_rules import first_task_set, is_code_deploy, refuse_create_code_deploy
from .daemon_rules import DAEMON, check_daemon_constraints, check_daemon_launch, daemon_count
from .deploy import deploy
from .deployment_rules import Percents, default_percents, percents, targets_of, with_desired_count
from .external_rules import is_external
from .external_services import new_external_service, updated_external_service
from .launch import check_compatible, check_fargate_placement, launch_of, platform_of
from .load_balancer_rules import check_load_balancers
from .lookup import definition_of, display_arn, find_service, require_cluster, require_definition
from .names import is_name, is_token
from .network_rules import checked_network
from .pages import arn_page
from .placement_rules import check_placement
from .rebalance_rules import with_rebalancing
from .service_rules import ECHOED, check_role, refuse_create, refuse_update
from .shift_rules import ROLLING, check_shifted, check_strategy, strategy_of
from .task_set_view import as_primary, of_service
from .task_sets import drain_all

_MOST_DESCRIBED = 10
_OF_ALL = ("alarms", "deploymentCircuitBreaker", "maximumPercent", "minimumHealthyPercent")
"""Members of ``deploymentConfiguration`` that every strategy has."""
_LONGEST_TOKEN = 36
_OF_TASKS = (
    "task_definition_arn",
    "launch_type",
    "platform_version",
    "network_configuration",
    "load_balancers",
)
"""What a new deployment begins with when it changes."""
_SPECIFICATION = (
    "task_definition_arn",
    "desired_count",
    "scheduling_strategy",
    "deployment_controller",
    "launch_type",
    "platform_version",
    "load_balancers",
    "network_configuration",
    "minimum_healthy_percent",
    "maximum_percent",
    "health_check_grace_period_seconds",
    "placement_constraints",
    "placement_strategy",
    "extra",
)
"""What two CreateService requests must agree in to be the same."""


def create_service(ctx: Context, request: Params) -> Params:
    """CreateService. The same request again answers the service there is."""
    refuse_create(request)
    _check_names(request)
    with ctx.store.transaction() as tx:
        cluster = require_cluster(ctx, tx, request.get("cluster"))
        wanted = _new_service(ctx, tx, cluster, request)
        known = tx.get(Service, wanted.arn)
        if known is None or known.status == "INACTIVE":
            service = wanted if wanted.made_of_task_sets else deploy(ctx, tx, wanted)
            known = tx.put(service.replace(version=known.version if known else 0))
            if known.deployment_controller == CODE_DEPLOY:
                tx.put(first_task_set(ctx, tx, cluster, known, request))
        elif known.status == "DRAINING":
            raise errors.invalid("Unable to Start a service that is still Draining.")
        elif not _same(known, wanted):
            raise errors.invalid("Creation of service was not idempotent.")
        return {"service": service_view.show(tx, known, tags=True)}


def _same(known: Service, wanted: Service) -> bool:
    """Whether the request asks for the service there is. How many tasks a daemon has, nobody asks for."""
    fields = [f for f in _SPECIFICATION if f != "desired_count" or known.scheduling_strategy != DAEMON]
    return all(getattr(known, field) == getattr(wanted, field) for field in fields)


def _check_names(request: Params) -> None:
    if not is_name(request["serviceName"]):
        raise errors.invalid(
            f"Invalid service name '{request['serviceName']}': up to 255 letters (uppercase and lowercase),"
            " numbers, underscores, and hyphens are allowed."
        )
    if not is_token(request.get("clientToken") or "", _LONGEST_TOKEN):
        raise errors.invalid(
            f"Invalid client token: up to {_LONGEST_TOKEN} ASCII characters in the range of 33-126 are"
            " allowed."
        )


def _new_service(ctx: Context, reader: Reader, cluster: Cluster, request: Params) -> Service:
    if is_external(request):
        return new_external_service(ctx, cluster, request)
    if is_code_deploy(request):
        refuse_create_code_deploy(request)
    if not request.get("taskDefinition"):
        raise errors.invalid("TaskDefinition can not be blank.")
    definition = require_definition(ctx, reader, request["taskDefinition"])
    launch = launch_of(ctx, request, cluster, definition)
    scheduling = request.get("schedulingStrategy") or "REPLICA"
    if scheduling == DAEMON:
        check_daemon_launch(launch.launch_type, by_strategy=bool(launch.strategy))
    constraints = tuple(request.get("placementConstraints") or ())
    strategies = tuple(request.get("placementStrategy") or ())
    check_fargate_placement(launch.launch_type, constraints, strategies)
    check_placement(constraints, strategies, len(definition.spec.get("placementConstraints") or ()))
    count = request.get("desiredCount") or 0
    if scheduling == DAEMON:
        count = daemon_count(reader, cluster, definition, constraints)
    configuration = request.get("deploymentConfiguration") or {}
    percent = percents(configuration, default_percents(scheduling), scheduling)
    check_strategy(configuration, scheduling)
    balancers = tuple(request.get("loadBalancers") or ())
    check_role(request, definition.network_mode)
    check_load_balancers(ctx, reader, definition, balancers)
    check_shifted(ctx, reader, strategy_of(configuration), balancers)
    extra: Params = {member: request[member] for member in ECHOED if request.get(member) is not None}
    extra |= {STRATEGY: list(launch.strategy)} if launch.strategy else {OWN_LAUNCH_TYPE: launch.launch_type}
    service = Service(
        arn=arn.ecs(ctx.region, ctx.account_id, f"service/{cluster.name}/{request['serviceName']}"),
        account_id=ctx.account_id,
        region=ctx.region,
        name=request["serviceName"],
        cluster_arn=cluster.arn,
        task_definition_arn=definition.arn,
        desired_count=count,
        scheduling_strategy=scheduling,
        deployment_controller=CODE_DEPLOY if is_code_deploy(request) else "ECS",
        launch_type=launch.launch_type,
        platform_version=launch.platform_version,
        load_balancers=balancers,
        network_configuration=checked_network(
            ctx, reader, definition, request.get("networkConfiguration"), launch.launch_type
        ),
        minimum_healthy_percent=percent.minimum,
        maximum_percent=percent.maximum,
        deployment_configuration=configuration,
        health_check_grace_period_seconds=request.get("healthCheckGracePeriodSeconds"),
        placement_constraints=constraints,
        placement_strategy=strategies,
        extra=extra,
        created_at=ctx.now,
        created_by=arn.make("iam", "", ctx.account_id, "root"),
        client_token=request.get("clientToken") or "",
        tags=tag_list.to_mapping(request.get("tags")),
    )
    return with_rebalancing(service, request.get("availabilityZoneRebalancing"), created=True)


def update_service(ctx: Context, request: Params) -> Params:
    """UpdateService: a new deployment when what tasks are made of changes, or when forced."""
    with ctx.store.transaction() as tx:
        cluster = require_cluster(ctx, tx, request.get("cluster"))
        service = find_service(ctx, tx, cluster, request["service"])
        if service is None:
            raise errors.service_not_found()
        if service.status != "ACTIVE":
            raise errors.service_not_active()
        refuse_update(request, service)
        if service.made_of_task_sets:
            changed = updated_external_service(ctx, tx, service, request)
        else:
            changed = _updated(ctx, tx, cluster, service, request)
        if changed != service:
            changed = tx.put(changed)
        return {"service": service_view.show(tx, changed, tags=True)}


def _updated(ctx: Context, tx: Transaction, cluster: Cluster, service: Service, request: Params) -> Service:
    asked = with_strategy(ctx, service, request.get(STRATEGY), cluster)
    changed = _respecified(ctx, tx, asked, request)
    if changed.launch_type != service.launch_type:
        changed = _relaunched(ctx, tx, changed)
    count = _given(request, "desiredCount", service.desired_count)
    if request.get("forceNewDeployment") or _tasks_differ(service, changed):
        return deploy(ctx, tx, changed.replace(desired_count=count))
    return with_desired_count(followed(changed), count, ctx.now)


def _relaunched(ctx: Context, reader: Reader, service: Service) -> Service:
    """The service, which has another launch type than before, if what it has suits that."""
    definition = definition_of(reader, service.task_definition_arn)
    check_compatible(definition, service.launch_type)
    network = service.network_configuration
    checked = checked_network(ctx, reader, definition, network, service.launch_type)
    return service.replace(network_configuration=checked)


def _given(request: Params, member: str, current: Any) -> Any:
    """What the request asks for, or what is."""
    value = request.get(member)
    return current if value is None else value


def _tasks_differ(old: Service, new: Service) -> bool:
    return any(getattr(old, member) != getattr(new, member) for member in _OF_TASKS)


def _respecified(ctx: Context, reader: Reader, service: Service, request: Params) -> Service:
    """The service as the request wants it, its deployments untouched.

    What the request leaves alone is not checked again: a service goes on with what it has, be its
    definition deregistered or its subnet deleted since.
    """
    constraints = tuple(_given(request, "placementConstraints", service.placement_constraints))
    strategies = tuple(_given(request, "placementStrategy", service.placement_strategy))
    check_fargate_placement(service.launch_type, constraints, strategies)
    check_placement(constraints, strategies)
    if service.scheduling_strategy == DAEMON:
        check_daemon_constraints(constraints)
    configuration = request.get("deploymentConfiguration") or {}
    current = Percents(service.minimum_healthy_percent, service.maximum_percent)
    percent = percents(configuration, current, service.scheduling_strategy)
    whole = _configured(service.deployment_configuration, configuration)
    check_strategy(whole, service.scheduling_strategy)
    platform = request.get("platformVersion") or service.platform_version
    echoed = {member: request[member] for member in ECHOED if request.get(member) is not None}
    changed = service.replace(
        **_tasks_specified(ctx, reader, service, request),
        platform_version=platform_of(platform, service.launch_type),
        minimum_healthy_percent=percent.minimum,
        maximum_percent=percent.maximum,
        deployment_configuration=whole,
        health_check_grace_period_seconds=_given(
            request, "healthCheckGracePeriodSeconds", service.health_check_grace_period_seconds
        ),
        placement_constraints=constraints,
        placement_strategy=strategies,
        extra={**service.extra, **echoed},
    )
    _check_traffic(ctx, reader, service, changed)
    return with_rebalancing(changed, request.get("availabilityZoneRebalancing"))


def _configured(current: Params, given: Params) -> Params:
    """The deployment configuration as an update leaves it; another strategy's own settings go with it."""
    whole = {**current, **given}
    strategy = strategy_of(whole)
    if strategy == strategy_of(current):
        return whole
    return {member: value for member, value in whole.items() if member in given or member in _OF_ALL}


def _check_traffic(ctx: Context, reader: Reader, old: Service, new: Service) -> None:
    """Raises where the next deployment could not take over the traffic of the one before."""
    strategy = strategy_of(new.deployment_configuration)
    if strategy != strategy_of(old.deployment_configuration) and old.primary.shifting:
        raise errors.invalid("The deployment strategy cannot be changed while traffic is being shifted.")
    if new.load_balancers != old.load_balancers or strategy != strategy_of(old.deployment_configuration):
        check_shifted(ctx, reader, strategy, new.load_balancers)
    if strategy != ROLLING and targets_of(new.load_balancers) != targets_of(old.load_balancers):
        raise errors.unsupported(
            f"Changing the target groups of a service whose deployment strategy is {strategy} (with ROLLING"
            " they can be changed)"
        )


def _tasks_specified(ctx: Context, reader: Reader, service: Service, request: Params) -> Params:
    """The definition and network, where the request gives them."""
    given, network = request.get("taskDefinition"), request.get("networkConfiguration")
    balancers = tuple(_given(request, "loadBalancers", service.load_balancers))
    if not given and not network and balancers == service.load_balancers:
        return {}
    if given:
        definition = require_definition(ctx, reader, given)
        check_compatible(definition, service.launch_type)
        if service.scheduling_strategy == DAEMON:
            check_daemon_constraints(definition.spec.get("placementConstraints") or ())
    else:
        definition = definition_of(reader, service.task_definition_arn)
    if given or balancers != service.load_balancers:
        check_load_balancers(ctx, reader, definition, balancers)
    if not network and definition.network_mode == "awsvpc":
        network = service.network_configuration
    return {
        "task_definition_arn": definition.arn,
        "load_balancers": balancers,
        "network_configuration": checked_network(ctx, reader, definition, network, service.launch_type),
    }


def describe_services(ctx: Context, request: Params) -> Params:
    """DescribeServices: INACTIVE ones too; unknown ones under ``failures``."""
    given = request["services"]
    if not given:
        raise errors.invalid("Services cannot be empty.")
    if len(given) > _MOST_DESCRIBED:
        raise errors.invalid(f"Services cannot exceed {_MOST_DESCRIBED} elements.")
    cluster = require_cluster(ctx, ctx.store, request.get("cluster"))
    services, failures = [], []
    for text in given:
        service = find_service(ctx, ctx.store, cluster, text)
        if service is None:
            failures.append(errors.missing(display_arn(ctx, cluster, "service", text)))
        else:
            services.append(service_view.show(ctx.store, service, tags=tag_list.wanted(request)))
    return {"services": services, "failures": failures}


def list_services(ctx: Context, request: Params) -> Params:
    """ListServices: the active ones of the cluster."""
    cluster = require_cluster(ctx, ctx.store, request.get("cluster"))
    found = ctx.store.list(Service, cluster_arn=cluster.arn, status="ACTIVE")
    launch_type, scheduling = request.get("launchType"), request.get("schedulingStrategy")
    if launch_type:
        found = [s for s in found if as_primary(ctx.store, s).launch_type == launch_type]
    if scheduling:
        found = [s for s in found if s.scheduling_strategy == scheduling]
    if request.get("resourceManagementType") == "ECS":
        found = []  # those that ECS's Express Mode makes; there are none
    return arn_page((service.arn for service in found), request, "serviceArns", default=10)


def delete_service(ctx: Context, request: Params) -> Params:
    """DeleteService: it drains; ``control`` stops its tasks and ends it."""
    with ctx.store.transaction() as tx:
        cluster = require_cluster(ctx, tx, request.get("cluster"))
        service = find_service(ctx, tx, cluster, request["service"])
        if service is None or service.status == "INACTIVE":
            raise errors.service_not_found()
        scaled_above_0 = service.desired_count > 0 and service.scheduling_strategy != DAEMON
        if scaled_above_0 and not request.get("force"):
            raise errors.invalid("The service cannot be stopped while it is scaled above 0.")
        sets = of_service(tx, service) if service.deployment_controller == EXTERNAL else ()
        if sets and not request.get("force"):
            raise errors.invalid("The service cannot be stopped while deployments are active.")
        if service.status == "ACTIVE":
            drain_all(ctx, tx, service)
            service = tx.put(with_desired_count(service, 0, ctx.now).replace(status="DRAINING"))
        return {"service": service_view.show(tx, service, tags=True)}


OPERATIONS: dict[str, Operation] = {
    "CreateService": create_service,
    "UpdateService": update_service,
    "DescribeServices": describe_services,
    "ListServices": list_services,
    "DeleteService": delete_service,
}
