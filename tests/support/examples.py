"""A running Sealway, an example applied to it by its own client, and what must then be true."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.architecture import LEDGER_PORT, ORDERS_PORT, Clients, Side
from demo.machine import Machine
from demo.tasks import RunningTask, call_from, running_tasks
from demo.tls_client import resolve, visit
from tests.support.waiting import until

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
CONNECTIONS = 40
"""Enough that a task of three is missed once in ten million runs."""


@dataclass
class Stage:
    """What a test of a client works with."""

    machine: Machine
    directory: Path
    clients: Clients = field(init=False)
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.clients = self.machine.clients()
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_", "ANSIBLE_"))}
        path = f"{Path(sys.executable).parent}:{ours['PATH']}"
        self.environment = {**ours, **self.machine.environment(), "PATH": path}

    def run(self, *command: str | Path, cwd: Path = EXAMPLES, ok: tuple[int, ...] = (0,), **more: str) -> str:
        """Runs a client as a user would, with ``sealway env``'s variables; answers what it printed."""
        ran = subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env={**self.environment, **more},
            check=False,
            capture_output=True,
            text=True,
        )
        assert ran.returncode in ok, (
            f"{command} ended {ran.returncode}:\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}"
        )
        return ran.stdout

    def check(self, architecture: int, tasks: int = 3) -> None:
        """The architecture stands: healthy targets, verified connections, calls between its services."""
        balancer = self.clients.elb.describe_load_balancers(Names=["front"])["LoadBalancers"][0]
        assert balancer["Scheme"] == ("internal" if architecture == 2 else "internet-facing")
        sides = self._sides(architecture)
        for side in sides:
            self._check_state(side, tasks)
        running = {side.service: running_tasks(self.clients, side) for side in sides}
        for side in sides:
            assert len(running[side.service]) == tasks
            self._check_connections(side, running[side.service], balancer["DNSName"])
        for side in sides:
            for other in sides:
                calls = call_from(running[side.service][0], balancer["DNSName"], other, 6)
                assert [call for call in calls if not call["ok"]] == []

    def _sides(self, architecture: int) -> list[Side]:
        every = [
            Side("blue", "orders", ORDERS_PORT, self._target_group("orders"), "EC2"),
            Side("green", "ledger", LEDGER_PORT, self._target_group("ledger"), "FARGATE"),
        ]
        sides = every if architecture > 1 else every[:1]
        assert all(side.target_group for side in sides)
        return sides

    def _target_group(self, name: str) -> str:
        groups = self.clients.elb.describe_target_groups()["TargetGroups"]
        return next((g["TargetGroupArn"] for g in groups if g["TargetGroupName"] == name), "")

    def _check_state(self, side: Side, tasks: int) -> None:
        def finished() -> bool:
            service = self.service(side.cluster, side.service)
            return [d["rolloutState"] for d in service["deployments"]] == ["COMPLETED"]

        until(f"the deployment of {side.service} is complete", finished, seconds=120)
        service = self.service(side.cluster, side.service)
        assert (service["runningCount"], service["desiredCount"]) == (tasks, tasks)
        quick = {"Delay": 1, "MaxAttempts": 60}
        self.clients.elb.get_waiter("target_in_service").wait(
            TargetGroupArn=side.target_group, WaiterConfig=quick
        )

    def _check_connections(self, side: Side, tasks: list[RunningTask], dns_name: str) -> None:
        ca = self.directory / f"{side.service}.pem"
        ca.write_bytes(tasks[0].file("ca.pem"))
        vips = resolve(dns_name, self.environment["SEALWAY_RESOLVER"])
        assert len(vips) == 2
        visits = [
            visit(vips[number % 2], side.port, side.certificate_name, str(ca))
            for number in range(CONNECTIONS)
        ]
        assert [v.error for v in visits if not v.ok] == []
        assert all(v.same_session and v.same_certificate for v in visits)
        assert {v.server["address"] for v in visits} == {task.address for task in tasks}
        assert all(f"{dns_name}:{side.port}" in _environment(task) for task in tasks)

    def service(self, cluster: str, name: str) -> dict[str, Any]:
        """As DescribeServices shows it."""
        found: dict[str, Any] = self.clients.ecs.describe_services(cluster=cluster, services=[name])[
            "services"
        ][0]
        return found

    def deployment(self, cluster: str, name: str) -> str:
        """The id of the service's deployment: another one means that tasks were replaced."""
        return str(self.service(cluster, name)["deployments"][0]["id"])

    def left_behind(self) -> list[str]:
        """What of an example still exists; nothing, after it was removed."""
        ecs, elb, ec2 = self.clients.ecs, self.clients.elb, self.clients.ec2
        instances = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
        containers = subprocess.run(
            ["docker", "ps", "-aq", "--filter", "label=sealway.managed"],
            check=True,
            capture_output=True,
            text=True,
        )
        return [
            *ecs.list_clusters()["clusterArns"],
            *ecs.list_task_definitions()["taskDefinitionArns"],
            *(b["LoadBalancerArn"] for b in elb.describe_load_balancers()["LoadBalancers"]),
            *(g["TargetGroupArn"] for g in elb.describe_target_groups()["TargetGroups"]),
            *(i["InstanceId"] for i in instances if i["State"]["Name"] != "terminated"),
            *(n["NetworkInterfaceId"] for n in ec2.describe_network_interfaces()["NetworkInterfaces"]),
            *(
                g["GroupId"]
                for g in ec2.describe_security_groups()["SecurityGroups"]
                if g["GroupName"] != "default"
            ),
            *containers.stdout.split(),
        ]


def _environment(task: RunningTask) -> str:
    form = "{{json .Config.Env}}"
    command = ["docker", "inspect", "-f", form, task.container_id]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
