"""A ``ControlWorld`` whose service is made of task sets."""

from typing import Any

from sealway.model.service import Service
from sealway.model.task import Task
from sealway.model.task_definition import TaskDefinition
from sealway.model.task_set import EXTERNAL, TaskSet
from tests.support.cluster_world import CLUSTER, ECS, OWNER
from tests.support.control_world import GROUP, ControlWorld

BALANCERS = ({"targetGroupArn": GROUP, "containerName": "app", "containerPort": 8443},)


class TaskSetWorld(ControlWorld):
    """Its task sets are known by numbers."""

    def external(self, desired: int, **fields: Any) -> None:
        """Service ``orders``, without task sets yet."""
        service = Service(
            arn=self.arn,
            **OWNER,
            name="orders",
            cluster_arn=CLUSTER,
            desired_count=desired,
            task_definition_arn="",
            launch_type="",
            deployment_controller=EXTERNAL,
            created_at=self.now,
            **fields,
        )
        self.put(service)

    def add(self, number: int, of: TaskDefinition, scale: float = 100, **fields: Any) -> None:
        """What CreateTaskSet writes."""
        given: dict[str, Any] = {"load_balancers": BALANCERS, **fields}
        self.put(
            TaskSet(
                arn=self.set_arn(number),
                **OWNER,
                id=f"ecs-svc/{number}",
                service_arn=self.arn,
                cluster_arn=CLUSTER,
                task_definition_arn=of.arn,
                launch_type="EC2",
                scale=scale,
                steady_at=self.now,
                created_at=self.now,
                updated_at=self.now,
                **given,
            )
        )

    def set_arn(self, number: int) -> str:
        return f"{ECS}:task-set/blue/orders/ecs-svc/{number}"

    def sets(self) -> dict[int, TaskSet]:
        found = self.store.list(TaskSet, service_arn=self.arn)
        return {int(one.id.removeprefix("ecs-svc/")): one for one in found}

    def rescale(self, number: int, scale: float) -> None:
        """What UpdateTaskSet writes."""
        self.change(TaskSet, self.set_arn(number), scale=scale, steady=False)

    def drop(self, number: int) -> None:
        """What DeleteTaskSet writes."""
        self.change(TaskSet, self.set_arn(number), status="DRAINING", steady=False)

    def of_set(self, number: int) -> list[Task]:
        """Its active tasks."""
        return [task for task in self.active if task.deployment_id == f"ecs-svc/{number}"]

    def all_steady(self) -> bool:
        return all(one.steady for one in self.sets().values())
