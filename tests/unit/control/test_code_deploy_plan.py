"""A CodeDeploy deployment as a pure function: one transition a plan, and what time alone changes."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from sealway.control.code_deploy_plan import INSTALL_TIMEOUT, Rollout, plan
from sealway.model import code_deployment as stages
from sealway.model.code_deployment import CodeDeployment, Stop, lifecycle_of
from sealway.model.load_balancer import Listener
from sealway.model.service import Service
from sealway.model.task_set import CODE_DEPLOY, TaskSet
from sealway.model.traffic_routing import CANARY, Routing
from tests.support.cluster_world import CLUSTER, ECS, NOW, OWNER

SERVICE = f"{ECS}:service/blue/s"
ELB = "arn:aws:elasticloadbalancing:us-east-1:000000000000"
BLUE, GREEN = (f"{ECS}:task-set/blue/s/ecs-svc/{number}" for number in (1, 2))
MINUTE = timedelta(minutes=1)


def task_set(arn: str, **fields: Any) -> TaskSet:
    given = {"status": "PRIMARY" if arn == BLUE else "ACTIVE", "scale": 100.0, **fields}
    return TaskSet(
        arn=arn, **OWNER, id=arn[-9:], service_arn=SERVICE, cluster_arn=CLUSTER, task_definition_arn="d",
        launch_type="FARGATE", steady_at=NOW, created_at=NOW, updated_at=NOW, **given,
    )  # fmt: skip


def deployment(
    stage: str = stages.PREPARE, *, ready: int = 0, wait: int = 0, **fields: Any
) -> CodeDeployment:
    option = {
        "actionOnTimeout": "STOP_DEPLOYMENT" if ready else "CONTINUE_DEPLOYMENT",
        "waitTimeInMinutes": ready,
    }
    given: dict[str, Any] = {"routing": Routing(), **fields}
    return CodeDeployment(
        arn="deployment", **OWNER, id="d-1", application_name="shop", group_name="s", group_id="g",
        config_name="c",
        revision={}, load_balancer_info={}, service_arn=SERVICE, blue_arn=BLUE, green=task_set(GREEN),
        blue_group="blue", green_group="green", production_listener="production", created_at=NOW,
        blue_green={
            "deploymentReadyOption": option,
            "terminateBlueInstancesOnDeploymentSuccess": {"terminationWaitTimeInMinutes": wait},
        },
        stage=stage, stage_since=NOW, lifecycle=lifecycle_of(tested="test_listener" in fields), **given,
    )  # fmt: skip


def rollout(
    of: CodeDeployment, *sets: TaskSet, listeners: tuple[str, ...] = ("production", "test")
) -> Rollout:
    service = Service(
        arn=SERVICE, **OWNER, name="s", cluster_arn=CLUSTER, task_definition_arn="d", desired_count=1,
        launch_type="FARGATE", deployment_controller=CODE_DEPLOY, created_at=NOW,
    )  # fmt: skip
    action = {"Type": "forward", "TargetGroupArn": "blue"}
    there = [
        Listener(arn=arn, **OWNER, load_balancer_arn="lb", port=1, protocol="TCP", default_actions=(action,))
        for arn in listeners
    ]
    return Rollout(
        deployment=of,
        service=service,
        task_sets={one.arn: one for one in sets},
        listeners={one.arn: one for one in there},
    )


def written(of: Rollout, now: Any = NOW) -> dict[str, Any]:
    """What the plan puts, by key."""
    return {one.key: one for one in plan(of, now).puts}


def test_its_task_set_comes_when_the_others_are_gone():
    left = task_set(f"{ECS}:task-set/blue/s/ecs-svc/0")
    first = written(rollout(deployment(), task_set(BLUE), left))
    assert first[left.arn].status == "DRAINING"
    assert {GREEN, "deployment"}.isdisjoint(first)
    assert plan(rollout(deployment(), task_set(BLUE), first[left.arn]), NOW).deletes == ()
    then = written(rollout(deployment(), task_set(BLUE)))
    assert then[GREEN].status == "ACTIVE"
    assert then["deployment"].stage == stages.INSTALL


def test_traffic_the_mark_and_the_stage_move_together():
    moved = written(rollout(deployment(stages.SHIFT), task_set(BLUE), task_set(GREEN, steady=True)))
    assert moved["production"].target_group_weights == {"blue": 0, "green": 100}
    assert (moved[BLUE].status, moved[GREEN].status) == ("ACTIVE", "PRIMARY")
    assert moved["deployment"].stage == stages.TERMINATION_WAIT


def test_the_test_listener_moves_when_green_is_steady():
    of = deployment(stages.INSTALL, test_listener="test")
    waiting = plan(rollout(of, task_set(BLUE), task_set(GREEN)), NOW)
    assert (waiting.puts, waiting.wake_at) == ((), NOW + INSTALL_TIMEOUT)
    moved = written(rollout(of, task_set(BLUE), task_set(GREEN, steady=True)))
    assert moved["test"].target_group_weights == {"blue": 0, "green": 100}
    assert "production" not in moved
    events = {event.name: event.status for event in moved["deployment"].lifecycle}
    assert (events["AfterAllowTestTraffic"], events["BeforeAllowTraffic"]) == ("Succeeded", "Pending")


@pytest.mark.parametrize("stage", [stages.INSTALL, stages.READY, stages.SHIFT, stages.TERMINATION_WAIT])
def test_a_clock_that_is_set_back_ends_no_wait(stage):
    of = deployment(stage, ready=5, wait=5, routing=Routing(CANARY, 10, 15), stepped_at=NOW, percent=10)
    past = NOW - timedelta(days=1)
    sets = (task_set(BLUE), task_set(GREEN))
    again = written(rollout(of, *sets), past)["deployment"]
    assert (again.stage, again.stage_since, again.stepped_at) == (stage, past, past)
    waiting = plan(rollout(msgspec.structs.replace(again, status="Ready"), *sets), past)
    assert waiting.puts == ()
    assert waiting.wake_at is not None
    assert waiting.wake_at > past


def test_green_that_is_deleted_under_it_fails_it():
    ended = written(rollout(deployment(stages.INSTALL), task_set(BLUE)))["deployment"]
    assert (ended.status, ended.error_code) == ("Failed", "ECS_UPDATE_ERROR")


def test_without_its_listener_it_fails():
    ended = written(rollout(deployment(), task_set(BLUE), listeners=()))
    assert ended["deployment"].error_code == "ELASTIC_LOAD_BALANCING_INVALID"


def test_it_is_too_late_to_go_back():
    of = deployment(stages.TERMINATE, stop=Stop(rollback=True), rollback_events=("DEPLOYMENT_FAILURE",))
    ended = written(rollout(of, task_set(BLUE, status="DRAINING"), task_set(GREEN, status="PRIMARY")))
    assert set(ended) == {"deployment"}
    assert "could not be rolled back" in ended["deployment"].rollback_message


def test_an_ended_one_is_left_alone(tmp_path):
    of = deployment(stages.TERMINATE)
    assert plan(rollout(of, task_set(BLUE, status="DRAINING")), NOW).empty
    done = written(rollout(of, task_set(GREEN, status="PRIMARY")), NOW + MINUTE)["deployment"]
    assert (done.status, done.completed_at) == ("Succeeded", NOW + MINUTE)
