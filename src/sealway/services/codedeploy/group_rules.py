"""What a deployment group of the ECS platform may ask for.

Source: CodeDeploy API Reference, CreateDeploymentGroup; User Guide, "Create a deployment group for an Amazon
ECS deployment (console)".
"""

from ...model.errors import AwsError
from ...model.load_balancer import Listener
from ...model.request import Params
from ...model.service import Service
from ...model.target_group import TargetGroup
from ...model.task_set import CODE_DEPLOY
from ...store import Reader
from ..context import Context
from ..ecs.lookup import find_cluster, find_service
from .errors import error, unsupported
from .refusals import refuse_others

ROLLBACK_EVENTS = ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM")
LONGEST_WAIT = 2880
"""Minutes."""
STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
COMMON = (
    "applicationName",
    "deploymentConfigName",
    "serviceRoleArn",
    "autoRollbackConfiguration",
    "deploymentStyle",
    "blueGreenDeploymentConfiguration",
    "loadBalancerInfo",
    "ecsServices",
    "alarmConfiguration",
    "outdatedInstancesStrategy",
)


def check_role(role: str) -> str:
    """A role is a name here; it has to look like one."""
    if not role.startswith("arn:aws:iam::") or ":role/" not in role:
        raise error("InvalidRole", f"The role is not the ARN of an IAM role: {role}")
    return role


def check_alarms(given: Params) -> None:
    """There are no CloudWatch alarms that could stop a deployment."""
    if given.get("enabled") or given.get("alarms"):
        raise unsupported("An alarmConfiguration that is enabled or has alarms", "InvalidAlarmConfig")


def check_outdated(strategy: str | None) -> None:
    """Of instances, which ECS services have none of here."""
    if strategy not in (None, "UPDATE"):
        raise unsupported(f"The outdatedInstancesStrategy {strategy}")


def rollback_events(given: Params) -> tuple[str, ...]:
    """The events of an ``AutoRollbackConfiguration`` that roll a deployment back, if it is enabled."""
    events = tuple(given.get("events") or ())
    if not given.get("enabled"):
        return ()
    if not events:
        raise error(
            "InvalidAutoRollbackConfig",
            f"An enabled autoRollbackConfiguration names its events: {', '.join(ROLLBACK_EVENTS)}",
        )
    return events


def check_style(given: Params | None) -> None:
    """ECS services are deployed blue/green, with traffic control."""
    if given is not None and {**STYLE, **given} != STYLE:
        raise error(
            "InvalidDeploymentStyle",
            "For the ECS compute platform, deploymentType must be BLUE_GREEN and deploymentOption"
            " WITH_TRAFFIC_CONTROL",
        )


def checked_blue_green(given: Params | None) -> Params:
    """A ``BlueGreenDeploymentConfiguration`` with its defaults."""
    if not given:
        raise _bad_blue_green("blueGreenDeploymentConfiguration is required for the ECS compute platform")
    known = ("terminateBlueInstancesOnDeploymentSuccess", "deploymentReadyOption")
    refuse_others(given, known, "blueGreenDeploymentConfiguration", "InvalidBlueGreenDeploymentConfiguration")
    ready = given.get("deploymentReadyOption") or {}
    terminate = given.get("terminateBlueInstancesOnDeploymentSuccess") or {}
    action = ready.get("actionOnTimeout") or "CONTINUE_DEPLOYMENT"
    wait = _minutes(ready, "waitTimeInMinutes")
    if action == "STOP_DEPLOYMENT" and not wait:
        raise _bad_blue_green("With STOP_DEPLOYMENT, waitTimeInMinutes must be at least 1")
    if action == "CONTINUE_DEPLOYMENT" and wait:
        raise _bad_blue_green("waitTimeInMinutes applies only to the actionOnTimeout STOP_DEPLOYMENT")
    if terminate.get("action") not in (None, "TERMINATE"):
        raise _bad_blue_green(
            "For the ECS compute platform, the action of terminateBlueInstancesOnDeploymentSuccess must be"
            " TERMINATE"
        )
    return {
        "deploymentReadyOption": {"actionOnTimeout": action, "waitTimeInMinutes": wait},
        "terminateBlueInstancesOnDeploymentSuccess": {
            "action": "TERMINATE",
            "terminationWaitTimeInMinutes": _minutes(terminate, "terminationWaitTimeInMinutes"),
        },
    }


def _minutes(given: Params, member: str) -> int:
    value: int = given.get(member) or 0
    if not 0 <= value <= LONGEST_WAIT:
        raise _bad_blue_green(f"{member} must be between 0 and {LONGEST_WAIT}")
    return value


def _bad_blue_green(message: str) -> AwsError:
    return error("InvalidBlueGreenDeploymentConfiguration", message)


def checked_load_balancer(ctx: Context, reader: Reader, given: Params | None) -> Params:
    """A ``LoadBalancerInfo``: one pair of target groups, and one listener or two."""
    info = given or {}
    refuse_others(info, ("targetGroupPairInfoList",), "loadBalancerInfo", "InvalidLoadBalancerInfo")
    pairs = info.get("targetGroupPairInfoList") or []
    if len(pairs) != 1:
        raise error(
            "InvalidLoadBalancerInfo",
            f"loadBalancerInfo has exactly one entry in targetGroupPairInfoList, not {len(pairs)}",
        )
    names = [group.get("name") for group in pairs[0].get("targetGroups") or ()]
    if len(names) != 2 or len(set(names)) != 2 or not all(names):
        raise _bad_pair("A target group pair has exactly two different targetGroups, each with its name")
    for name in names:
        require_target_group(ctx, reader, name)
    production, test = listeners_of(info)
    if production == test:
        raise _bad_pair("prodTrafficRoute and testTrafficRoute must name different listeners")
    for arn in (production, *([test] if test else [])):
        require_listener(ctx, reader, arn)
    return info


def listeners_of(info: Params) -> tuple[str, str | None]:
    """The ARNs of the production listener, and of the test listener, if there is one."""
    pair = info["targetGroupPairInfoList"][0]
    production = (pair.get("prodTrafficRoute") or {}).get("listenerArns") or []
    test = (pair.get("testTrafficRoute") or {}).get("listenerArns") or []
    if len(production) != 1:
        raise _bad_pair(f"prodTrafficRoute has exactly one of listenerArns, not {len(production)}")
    if len(test) > 1:
        raise _bad_pair(f"testTrafficRoute has one of listenerArns at most, not {len(test)}")
    return production[0], test[0] if test else None


def target_group_names(info: Params) -> list[str]:
    """The names of the pair."""
    return [group["name"] for group in info["targetGroupPairInfoList"][0]["targetGroups"]]


def require_target_group(ctx: Context, reader: Reader, name: str) -> TargetGroup:
    """The caller's target group of that name, or InvalidTargetGroupPairException."""
    own = reader.list(TargetGroup, account_id=ctx.account_id, region=ctx.region)
    found = next((group for group in own if group.name == name), None)
    if found is None:
        raise _bad_pair(f"There is no target group with the name {name}")
    return found


def require_listener(ctx: Context, reader: Reader, arn: str) -> Listener:
    """The caller's listener, or InvalidTargetGroupPairException."""
    found = reader.get(Listener, arn)
    if found is None or (found.account_id, found.region) != (ctx.account_id, ctx.region):
        raise _bad_pair(f"There is no listener {arn}")
    return found


def _bad_pair(message: str) -> AwsError:
    return error("InvalidTargetGroupPair", message)


def checked_service(ctx: Context, reader: Reader, given: list[Params] | None) -> tuple[Params, Service]:
    """The one entry of ``ecsServices``, and the service it names."""
    entries = given or []
    if len(entries) != 1:
        raise error("InvalidECSService", f"ecsServices has exactly one entry, not {len(entries)}")
    entry = entries[0]
    cluster = find_cluster(ctx, reader, entry.get("clusterName"))
    name = entry.get("serviceName")
    service = find_service(ctx, reader, cluster, name) if cluster and name else None
    if service is None or service.status != "ACTIVE":
        raise error("InvalidECSService", f"There is no ACTIVE service {name} in {entry.get('clusterName')}")
    if service.deployment_controller != CODE_DEPLOY:
        raise error(
            "InvalidECSService",
            "Deployment group's ECS service must be configured for a CODE_DEPLOY deployment controller.",
        )
    return entry, service
