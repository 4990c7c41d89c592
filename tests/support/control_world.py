"""The control loop with a store, a clock that only the test moves, and a node that only the test drives.

``tick`` lets the simulated node take one step and control settle after it. ``conduct`` says what becomes
of the tasks of a definition: ``good`` runs and passes its probes; ``crash`` exits as soon as it runs;
``pull`` can never start; ``sick`` runs but fails its probes; ``slow`` never answers a probe either way.
Targets whose ids are in ``carrying`` have flows, others have none.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from sealway.control.loop import ControlLoop
from sealway.model.arn import elb
from sealway.model.cluster import Cluster, ContainerInstance
from sealway.model.ids import CountingIds
from sealway.model.instance import Instance
from sealway.model.load_balancer import Listener, LoadBalancer, LoadBalancerZone
from sealway.model.resource import Resource
from sealway.model.service import Deployment, Service
from sealway.model.target_group import HealthCheck, Target, TargetFlows, TargetGroup, TargetHealth
from sealway.model.task import PortBinding, Task
from sealway.model.task_definition import TaskDefinition
from sealway.store.sqlite import SqliteStore
from tests.support.cluster_world import (
    ACCOUNT,
    CLUSTER,
    ECS,
    NOW,
    OWNER,
    REGION,
    definition,
    instance,
    subnet,
)

GROUP = elb(REGION, ACCOUNT, "targetgroup/orders/0123456789abcdef")
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"]}}
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


class ControlWorld:
    def __init__(self, data_dir: Path) -> None:
        self.store = SqliteStore(data_dir)
        self.store._database.execute("PRAGMA synchronous=OFF")
        self.now = NOW
        self.ids = CountingIds("control")
        self.loop = ControlLoop(self.store, lambda: self.now, self.ids)
        self.conduct: dict[str, str] = {}
        self.carrying: set[str] = set()
        self.after_step: Callable[[], None] = lambda: None
        self._port = 32768
        self.put(Cluster(arn=CLUSTER, **OWNER, name="blue", created_at=NOW))

    # --- what users do ------------------------------------------------------------------------

    def put(self, *resources: Resource) -> None:
        with self.store.transaction() as tx:
            for resource in resources:
                tx.put(resource)

    def change(self, kind: type[Any], key: str, **fields: Any) -> None:
        found = self.store.get(kind, key)
        assert found is not None, f"no {kind.__name__} {key}"
        self.put(found.replace(**fields))

    def machines(self, count: int, **fields: Any) -> list[ContainerInstance]:
        made = [instance(n, ZONES[n % 3], **fields) for n in range(1, count + 1)]
        self.put(*made, *(ec2(m) for m in made))
        return made

    def subnets(self) -> None:
        self.put(subnet(1, ZONES[0]), subnet(2, ZONES[1]))

    def target_group(
        self,
        *,
        target_type: str = "instance",
        delay: int = 300,
        listener: bool = True,
        cuts: bool = False,
        version: str = "ipv4",
    ) -> None:
        """``cuts``: connections end with the deregistration delay. ``version``: of IP, the targets'."""
        self.put(
            TargetGroup(
                arn=GROUP,
                **OWNER,
                name="orders",
                protocol="TCP",
                port=8443,
                vpc_id="vpc-1",
                target_type=target_type,
                ip_address_type=version,
                health_check=HealthCheck(),
                attributes={
                    "deregistration_delay.timeout_seconds": str(delay),
                    "deregistration_delay.connection_termination.enabled": str(cuts).lower(),
                },
                created_at=NOW,
            )
        )
        if listener:
            self.listen()

    def listen(self, *zones: str) -> None:
        zones = zones or ZONES
        balancer = elb(REGION, ACCOUNT, "loadbalancer/net/edge/0123456789abcdef")
        self.put(
            LoadBalancer(
                arn=balancer,
                **OWNER,
                name="edge",
                type="network",
                scheme="internal",
                vpc_id="vpc-1",
                dns_name="edge",
                canonical_hosted_zone_id="Z1",
                zones=tuple(
                    LoadBalancerZone(
                        subnet_id=f"subnet-{n}",
                        availability_zone=zone,
                        vip=f"10.0.{n}.250",
                        network_interface_id=f"eni-{n}",
                    )
                    for n, zone in enumerate(zones, 1)
                ),
                created_at=NOW,
            ),
            Listener(
                arn=elb(REGION, ACCOUNT, "listener/net/edge/0123456789abcdef/0123456789abcdef"),
                **OWNER,
                load_balancer_arn=balancer,
                port=443,
                protocol="TCP",
                default_actions=({"Type": "forward", "TargetGroupArn": GROUP},),
            ),
        )

    def define(self, revision: int = 1, conduct: str = "good", **spec: Any) -> TaskDefinition:
        made = definition("orders", revision, **spec)
        self.conduct[made.arn] = conduct
        self.put(made)
        return made

    def create(self, desired: int, *, balanced: bool = False, **fields: Any) -> None:
        """Service ``orders``; its first definition is made when there is none."""
        first = self.store.get(TaskDefinition, f"{ECS}:task-definition/orders:1") or self.define()
        balancers = ({"targetGroupArn": GROUP, "containerName": "app", "containerPort": 8443},)
        given: dict[str, Any] = {
            "task_definition_arn": first.arn,
            "launch_type": "EC2",
            "load_balancers": balancers if balanced else (),
            **fields,
        }
        service = Service(
            arn=self.arn,
            **OWNER,
            name="orders",
            cluster_arn=CLUSTER,
            desired_count=desired,
            created_at=NOW,
            **given,
        )
        self.put(service.replace(deployments=(self._deployment(service, "ecs-svc/1"),)))

    def deploy(self, to: TaskDefinition) -> None:
        """UpdateService with another task definition (or the same: forceNewDeployment)."""
        service = self.service.replace(task_definition_arn=to.arn)
        old = tuple(msgspec.structs.replace(d, status="ACTIVE") for d in service.deployments)
        number = 1 + max(int(d.id.partition("/")[2]) for d in old)
        self.put(service.replace(deployments=(self._deployment(service, f"ecs-svc/{number}"), *old)))

    def _deployment(self, service: Service, name: str) -> Deployment:
        return Deployment(
            id=name,
            status="PRIMARY",
            task_definition_arn=service.task_definition_arn,
            desired_count=service.desired_count,
            created_at=self.now,
            updated_at=self.now,
            launch_type=service.launch_type,
            network_configuration=service.network_configuration,
        )

    # --- what there is ------------------------------------------------------------------------

    arn = f"{ECS}:service/blue/orders"

    @property
    def service(self) -> Service:
        found = self.store.get(Service, self.arn)
        assert found is not None
        return found

    @property
    def active(self) -> list[Task]:
        return [
            t for t in self.store.list(Task) if t.desired_status == "RUNNING" and t.last_status != "STOPPED"
        ]

    @property
    def messages(self) -> list[str]:
        """The service's history, oldest first, without its subject."""
        return [event.message.removeprefix("(service orders) ") for event in reversed(self.service.events)]

    def revisions(self) -> list[int]:
        """Of the active tasks."""
        return sorted(int(task.task_definition_arn.rsplit(":", 1)[-1]) for task in self.active)

    # --- time and the node --------------------------------------------------------------------

    def settle(self) -> None:
        self.loop.step()
        self.after_step()

    def tick(self, seconds: float = 1, times: int = 1) -> None:
        for _ in range(times):
            self.now += timedelta(seconds=seconds)
            self._node_step()
            self.settle()

    def until(self, holds: Callable[[], bool], most: int = 60, seconds: float = 1) -> None:
        self.settle()
        for _ in range(most):
            if holds():
                return
            self.tick(seconds)
        raise AssertionError(f"not within {most} ticks: {self.messages[-8:]}")

    def steady(self) -> None:
        """Ticks until the service is steady."""
        self.until(lambda: self.service.steady)

    def exit_container(self, task: Task, code: int = 137) -> None:
        found = self.store.get(Task, task.arn)
        assert found is not None
        dead = tuple(
            msgspec.structs.replace(c, last_status="STOPPED", exit_code=code) for c in found.containers
        )
        self.put(found.replace(containers=dead, execution_stopped_at=self.now))

    def _node_step(self) -> None:
        for task in self.store.list(Task):
            after = self._moved(task)
            if after is not task:
                self.put(after)
        self._probe()
        self._count_flows()

    def _count_flows(self) -> None:
        for target in self.store.list(Target):
            stored = self.store.get(TargetFlows, target.key)
            told = stored.unused_since if stored else None
            if target.unused_since not in (None, told) and target.id not in self.carrying:
                self.put(
                    TargetFlows(
                        version=stored.version if stored else 0,
                        target_group_arn=target.target_group_arn,
                        id=target.id,
                        port=target.port,
                        unused_since=target.unused_since,
                        ended_at=self.now,
                    )
                )

    def _moved(self, task: Task) -> Task:
        if task.last_status == "STOPPED":
            return task
        if task.desired_status == "STOPPED":
            return task.replace(last_status="STOPPED", stopped_at=self.now) if task.may_stop else task
        return self._started(task, self.conduct.get(task.task_definition_arn, "good"))

    def _started(self, task: Task, conduct: str) -> Task:
        if conduct == "pull":
            return task if task.failure else task.replace(failure="CannotPullContainerError: no such image")
        if task.last_status == "PROVISIONING":
            return task.replace(last_status="PENDING")
        if task.last_status == "PENDING":
            return self._running(task)
        if conduct == "crash":
            dead = tuple(msgspec.structs.replace(c, last_status="STOPPED") for c in task.containers)
            return task.replace(containers=dead)
        return task

    def _running(self, task: Task) -> Task:
        self._port += 1
        host = self.store.get(ContainerInstance, task.container_instance_arn or "")
        bound = (
            PortBinding(container_port=8443, host_port=self._port, host_ip=host.private_ip) if host else None
        )
        containers = tuple(
            msgspec.structs.replace(c, last_status="RUNNING", bindings=(bound,) if bound else ())
            for c in task.containers
        )
        return task.replace(last_status="RUNNING", started_at=self.now, containers=containers)

    def _probe(self) -> None:
        for target in self.store.list(Target):
            if target.draining_since or target.task_arn is None:
                continue
            task = self.store.get(Task, target.task_arn)
            conduct = self.conduct.get(task.task_definition_arn, "good") if task else "good"
            state = {"sick": "unhealthy", "slow": "initial"}.get(conduct, "healthy")
            stored = self.store.get(TargetHealth, target.key)
            if stored is None or stored.state != state or stored.changed_at < target.registered_at:
                self.put(
                    TargetHealth(
                        version=stored.version if stored else 0,
                        target_group_arn=target.target_group_arn,
                        id=target.id,
                        port=target.port,
                        state=state,
                        reason=None,
                        description="Health checks failed" if state == "unhealthy" else None,
                        changed_at=self.now,
                    )
                )


def ec2(of: ContainerInstance, **fields: Any) -> Instance:
    """The EC2 instance beneath a container instance."""
    given: dict[str, Any] = {"state": "running", **fields}
    return Instance(
        id=of.ec2_instance_id,
        **OWNER,
        image_id="ami-1",
        instance_type="t3.micro",
        subnet_id="subnet-1",
        vpc_id="vpc-1",
        availability_zone=of.availability_zone,
        private_ip=of.private_ip,
        network_interface_id=f"eni-{of.ec2_instance_id}",
        reservation_id="r-1",
        launched_at=NOW,
        **given,
    )


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)
