from typing import Any

import msgspec

from sealway.control.events import STEADY
from sealway.control.rollout_state import Progress, advance
from sealway.model.ids import CountingIds
from sealway.model.service import Deployment, Service
from sealway.model.task import Task
from tests.support.cluster_world import CLUSTER, ECS, NOW, OWNER, task

IDS = CountingIds()


def deployment(number: int, status: str = "PRIMARY", **fields: Any) -> Deployment:
    given = {"task_definition_arn": f"orders:{number}", "desired_count": 2, "launch_type": "EC2", **fields}
    return Deployment(id=f"ecs-svc/{number}", status=status, created_at=NOW, updated_at=NOW, **given)


def service(*deployments: Deployment, **fields: Any) -> Service:
    return Service(
        arn=f"{ECS}:service/blue/orders",
        **OWNER,
        name="orders",
        cluster_arn=CLUSTER,
        task_definition_arn=deployments[0].task_definition_arn,
        desired_count=2,
        launch_type="EC2",
        created_at=NOW,
        deployments=deployments,
        **fields,
    )


def of(number: int, name: int, **fields: Any) -> Task:
    return task(name, deployment_id=f"ecs-svc/{number}", **fields)


def progress(*tasks: Task, kept: int = 2, settled: bool = True) -> Progress:
    well = frozenset(t.arn for t in tasks if t.last_status == "RUNNING")
    return Progress(tasks=tasks, kept=tasks[:kept], healthy=well, settled=settled)


def test_a_rollout_is_complete_when_exactly_the_desired_tasks_are_healthy() -> None:
    after, messages, _ = advance(service(deployment(1)), progress(of(1, 1), of(1, 2)), NOW, IDS)
    assert (after.primary.rollout_state, after.steady) == ("COMPLETED", True)
    assert messages == ["(deployment ecs-svc/1) deployment completed.", STEADY]
    assert advance(after, progress(of(1, 1), of(1, 2)), NOW, IDS) == (after, [], None)


def test_it_is_not_while_something_waits_or_an_old_task_drains() -> None:
    both = service(deployment(2), deployment(1, "ACTIVE", rollout_state="COMPLETED"))
    draining = of(1, 9, desired_status="STOPPED")
    after, _, _ = advance(both, progress(of(2, 1), of(2, 2), draining), NOW, IDS)
    assert (after.primary.rollout_state, len(after.deployments)) == ("IN_PROGRESS", 2)
    assert after.deployments[1].desired_count == 0
    after, _, _ = advance(both, progress(of(2, 1), of(2, 2), settled=False), NOW, IDS)
    assert after.primary.rollout_state == "IN_PROGRESS"


def test_an_old_deployment_leaves_with_its_last_task() -> None:
    both = service(deployment(2), deployment(1, "ACTIVE", rollout_state="COMPLETED"))
    stopped = of(1, 9, desired_status="STOPPED", last_status="STOPPED")
    after, _, _ = advance(both, progress(of(2, 1), of(2, 2), stopped), NOW, IDS)
    assert [d.id for d in after.deployments] == ["ecs-svc/2"]


BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def test_with_rollback_the_last_good_deployment_waits_without_tasks() -> None:
    both = service(
        deployment(2),
        deployment(1, "ACTIVE", rollout_state="COMPLETED"),
        deployment_configuration=BREAKER,
    )
    after, _, _ = advance(both, progress(of(2, 1, last_status="PENDING"), kept=1), NOW, IDS)
    assert [d.id for d in after.deployments] == ["ecs-svc/2", "ecs-svc/1"]
    failing = after.replace(
        deployments=(msgspec.structs.replace(after.primary, failed_tasks=3), after.deployments[1])
    )
    back, messages, _ = advance(failing, progress(of(2, 1, last_status="PENDING"), kept=0), NOW, IDS)
    assert back.primary.id == "ecs-svc/1"
    reason = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1."
    assert (back.primary.rollout_state, back.primary.rollout_reason) == ("IN_PROGRESS", reason)
    assert back.task_definition_arn == "orders:1"
    failed = back.deployments[0]
    assert (failed.id, failed.status, failed.rollout_state) == ("ecs-svc/2", "ACTIVE", "FAILED")
    assert messages == [
        "(deployment ecs-svc/2) deployment failed: tasks failed to start.",
        "rolling back to (deployment ecs-svc/1).",
    ]


def test_a_task_that_became_healthy_resets_the_count_of_failures() -> None:
    later = NOW.replace(minute=1)
    counting = service(deployment(1, failed_tasks=2))
    after, _, _ = advance(counting, progress(of(1, 1, started_at=NOW), kept=1), NOW, IDS)
    assert after.primary.failed_tasks == 2
    after, _, _ = advance(counting, progress(of(1, 1, started_at=later), kept=1), later, IDS)
    assert after.primary.failed_tasks == 0


def test_a_deleted_service_is_inactive_with_its_last_task() -> None:
    leaving = service(deployment(1), status="DRAINING")
    stays, _, _ = advance(leaving, progress(of(1, 1, desired_status="STOPPED"), kept=0), NOW, IDS)
    assert stays.status == "DRAINING"
    gone, messages, _ = advance(leaving, progress(of(1, 1, last_status="STOPPED"), kept=0), NOW, IDS)
    assert (gone.status, gone.stopped_at, messages) == ("INACTIVE", NOW, [])
