"""A CodeDeploy deployment: one stage after another, each transition whole in one plan.

What moves traffic, says which task set is PRIMARY, and tells how far the deployment is, is written together:
at no moment do they contradict each other, and a restart goes on from any of them. Whatever ends a deployment
before production traffic has moved takes the green task set away and leaves the blue one as it was.
Source: CodeDeploy User Guide, "Deployments on an Amazon ECS compute platform".
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ..model import code_deployment as stages
from ..model.code_deployment import CodeDeployment, broken_off, passed
from ..model.load_balancer import Listener
from ..model.resource import Resource
from ..model.service import Service
from ..model.task_set import TaskSet
from ..model.traffic_routing import WHOLE
from ..store import Reader
from .plan import Plan, over
from .traffic_plan import weights

INSTALL_TIMEOUT = timedelta(minutes=60)
_TOO_LATE = (
    "The deployment timed out while waiting for the replacement task set to become healthy. This time out"
    " period is 60 minutes."
)


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment, its service (None: gone), the service's task sets by ARN, and its listeners by ARN."""

    deployment: CodeDeployment
    service: Service | None = None
    task_sets: Mapping[str, TaskSet] = {}
    listeners: Mapping[str, Listener] = {}

    @property
    def green(self) -> TaskSet | None:
        """The green task set, once it is made."""
        return self.task_sets.get(self.deployment.green.arn)

    @property
    def blue(self) -> TaskSet | None:
        """The blue task set, until it is gone."""
        return self.task_sets.get(self.deployment.blue_arn)


def read(reader: Reader, arn: str) -> Rollout | None:
    """The snapshot; None when there is nothing to decide."""
    deployment = reader.get(CodeDeployment, arn)
    if deployment is None or deployment.status not in stages.UNDER_WAY:
        return None
    named = (deployment.production_listener, deployment.test_listener)
    listeners = (reader.get(Listener, one) for one in named if one)
    return Rollout(
        deployment=deployment,
        service=reader.get(Service, deployment.service_arn),
        task_sets={one.arn: one for one in reader.list(TaskSet, service_arn=deployment.service_arn)},
        listeners={one.arn: one for one in listeners if one is not None},
    )


def plan(rollout: Rollout, now: datetime) -> Plan:
    """The next transition, or when to look again."""
    deployment, service = rollout.deployment, rollout.service
    current = _in_the_present(deployment, now)
    if current != deployment:
        return Plan(puts=(current,))
    if service is None or service.status != "ACTIVE":
        return _failed(rollout, "INVALID_ECS_SERVICE", "The ECS service is not ACTIVE any more.", now)
    if deployment.stop is not None:
        return _stopped(rollout, deployment.stop.rollback, now)
    for one in (deployment.production_listener, deployment.test_listener):
        if one and one not in rollout.listeners:
            return _failed(rollout, "ELASTIC_LOAD_BALANCING_INVALID", f"There is no listener {one}.", now)
    return _STAGES[deployment.stage](rollout, now)


def _in_the_present(deployment: CodeDeployment, now: datetime) -> CodeDeployment:
    """With a clock that was set back, what is under way takes its time once more, rather than none."""
    stepped = deployment.stepped_at
    return deployment.replace(
        stage_since=min(deployment.stage_since, now), stepped_at=stepped and min(stepped, now)
    )


def _prepare(rollout: Rollout, now: datetime) -> Plan:
    """Earlier deployments' task sets go before the green one comes: they may be in its target group."""
    deployment = rollout.deployment
    traffic = _routed(rollout, deployment.production_listener, 0)
    left = [one for arn, one in rollout.task_sets.items() if arn != deployment.blue_arn]
    if left:
        return Plan(puts=(*traffic, *(one.draining(now) for one in left if one.status != "DRAINING")))
    green = deployment.green.replace(created_at=now, updated_at=now, steady_at=now)
    lifecycle = passed(deployment.lifecycle, "BeforeInstall", now, begun="Install")
    return Plan(puts=(*traffic, green, _staged(deployment, stages.INSTALL, now, lifecycle=lifecycle)))


def _install(rollout: Rollout, now: datetime) -> Plan:
    deployment, green = rollout.deployment, rollout.green
    if green is None or green.status == "DRAINING":
        return _failed(rollout, "ECS_UPDATE_ERROR", "The replacement task set was deleted.", now)
    if not green.steady:
        if over(deployment.stage_since, INSTALL_TIMEOUT, now):
            return _failed(rollout, "TIMEOUT", _TOO_LATE, now)
        return Plan(wake_at=deployment.stage_since + INSTALL_TIMEOUT)
    last: str = "AfterInstall"
    test: tuple[Listener, ...] = ()
    if deployment.test_listener:
        last, test = "AfterAllowTestTraffic", _routed(rollout, deployment.test_listener, WHOLE)
    lifecycle = passed(deployment.lifecycle, last, now)
    return Plan(puts=(*test, _staged(deployment, stages.READY, now, lifecycle=lifecycle)))


def _ready(rollout: Rollout, now: datetime) -> Plan:
    deployment = rollout.deployment
    waits = deployment.ready_option["actionOnTimeout"] == "STOP_DEPLOYMENT"
    if not waits or "READY_WAIT" in deployment.continued:
        lifecycle = passed(deployment.lifecycle, "BeforeAllowTraffic", now, begun="AllowTraffic")
        return Plan(puts=(_staged(deployment, stages.SHIFT, now, lifecycle=lifecycle, status="InProgress"),))
    wait = timedelta(minutes=deployment.ready_option["waitTimeInMinutes"])
    if over(deployment.stage_since, wait, now):
        message = "The deployment was stopped: nobody continued it before its wait time was over."
        return _ended(rollout, _Ending("Stopped", message=message), now)
    told = deployment.replace(status="Ready")
    return Plan(puts=(told,) if told != deployment else (), wake_at=deployment.stage_since + wait)


def _shift(rollout: Rollout, now: datetime) -> Plan:
    """The next step. With the last one, the green task set becomes PRIMARY."""
    deployment, routing = rollout.deployment, rollout.deployment.routing
    if deployment.stepped_at is not None:
        interval = timedelta(minutes=routing.minutes)
        if not over(deployment.stepped_at, interval, now):
            return Plan(wake_at=deployment.stepped_at + interval)
    percent = routing.after(deployment.percent)
    traffic = _routed(rollout, deployment.production_listener, percent)
    stepped = deployment.replace(percent=percent, stepped_at=now)
    if percent < WHOLE:
        return Plan(puts=(*traffic, stepped))
    lifecycle = passed(deployment.lifecycle, "AfterAllowTraffic", now)
    stepped = _staged(stepped, stages.TERMINATION_WAIT, now, lifecycle=lifecycle)
    return Plan(puts=(*traffic, *_primary(rollout, deployment.green.arn, now), stepped))


def _termination_wait(rollout: Rollout, now: datetime) -> Plan:
    deployment = rollout.deployment
    wait = timedelta(minutes=deployment.termination_minutes)
    if "TERMINATION_WAIT" not in deployment.continued and not over(deployment.stage_since, wait, now):
        return Plan(wake_at=deployment.stage_since + wait)
    gone = (rollout.blue.draining(now),) if rollout.blue and rollout.blue.status != "DRAINING" else ()
    return Plan(puts=(*gone, _staged(deployment, stages.TERMINATE, now)))


def _terminate(rollout: Rollout, now: datetime) -> Plan:
    if rollout.blue is not None:
        return Plan()
    return Plan(puts=(rollout.deployment.replace(status="Succeeded", completed_at=now),))


_STAGES: Mapping[str, Callable[[Rollout, datetime], Plan]] = {
    stages.PREPARE: _prepare,
    stages.INSTALL: _install,
    stages.READY: _ready,
    stages.SHIFT: _shift,
    stages.TERMINATION_WAIT: _termination_wait,
    stages.TERMINATE: _terminate,
}


class _Ending(msgspec.Struct, frozen=True):
    """How a deployment ends that does not succeed. ``rollback``: traffic that has moved is given back."""

    status: str
    code: str = ""
    message: str = ""
    rollback: bool = False


def _failed(rollout: Rollout, code: str, message: str, now: datetime) -> Plan:
    rollback = "DEPLOYMENT_FAILURE" in rollout.deployment.rollback_events
    return _ended(rollout, _Ending("Failed", code, message, rollback), now)


def _stopped(rollout: Rollout, rollback: bool, now: datetime) -> Plan:
    return _ended(
        rollout, _Ending("Stopped", "MANUAL_STOP", "The deployment was stopped by its user.", rollback), now
    )


def _ended(rollout: Rollout, ending: _Ending, now: datetime) -> Plan:
    deployment = rollout.deployment
    back = deployment.stage in stages.BEFORE_TRAFFIC or (
        ending.rollback and deployment.stage != stages.TERMINATE
    )
    blue = rollout.blue
    restored: tuple[Resource, ...] = _restored(rollout, now) if back and blue is not None else ()
    message = ""
    if ending.rollback:
        message = (
            f"Traffic is routed to the original task set {blue.id}."
            if back and blue is not None
            else "The deployment could not be rolled back: its original task set is being deleted."
        )
    ended = deployment.replace(
        status=ending.status,
        error_code=ending.code,
        error_message=ending.message,
        rollback_message=message,
        percent=0 if back else deployment.percent,
        lifecycle=broken_off(deployment.lifecycle, now),
        completed_at=now,
    )
    return Plan(puts=(*restored, ended))


def _restored(rollout: Rollout, now: datetime) -> tuple[Resource, ...]:
    """Everything as it was before: all traffic to the blue task set, which is PRIMARY, and no green one."""
    deployment, green = rollout.deployment, rollout.green
    puts = [*_routed(rollout, deployment.production_listener, 0)]
    if deployment.test_listener and deployment.stage not in (stages.PREPARE, stages.INSTALL):
        puts += _routed(rollout, deployment.test_listener, 0)
    primary = {one.arn: one for one in _primary(rollout, deployment.blue_arn, now)}
    if green is not None and green.status != "DRAINING":
        primary[green.arn] = primary.get(green.arn, green).draining(now)
    return (*puts, *primary.values())


def _primary(rollout: Rollout, chosen: str, now: datetime) -> tuple[TaskSet, ...]:
    """The blue and green task sets whose status changes, that the ``chosen`` one be PRIMARY."""
    there = [one for one in (rollout.blue, rollout.green) if one is not None and one.status != "DRAINING"]
    wanted = {one.arn: "PRIMARY" if one.arn == chosen else "ACTIVE" for one in there}
    return tuple(
        one.replace(status=wanted[one.arn], updated_at=now) for one in there if one.status != wanted[one.arn]
    )


def _routed(rollout: Rollout, listener_arn: str, percent: float) -> tuple[Listener, ...]:
    """The listener, if it is to change: ``percent`` of its traffic to the green target group."""
    listener = rollout.listeners.get(listener_arn)
    if listener is None:
        return ()
    green, blue = weights(percent)
    groups: list[dict[str, Any]] = [
        {"TargetGroupArn": rollout.deployment.blue_group, "Weight": blue},
        {"TargetGroupArn": rollout.deployment.green_group, "Weight": green},
    ]
    config = {"TargetGroups": groups, "TargetGroupStickinessConfig": {"Enabled": False}}
    routed = listener.replace(default_actions=({"Type": "forward", "ForwardConfig": config},))
    return (routed,) if routed != listener else ()


def _staged(deployment: CodeDeployment, stage: str, now: datetime, **more: Any) -> CodeDeployment:
    return deployment.replace(stage=stage, stage_since=now, **more)
