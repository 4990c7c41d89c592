"""The tasks behind the load balancer, as ECS and Docker know them: to tell which one answered."""

import json
import ssl
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from .architecture import CONTAINER_PORT, Clients, Side
from .machine import container_file

TLS_DIRECTORY = "/etc/witness"


@dataclass(frozen=True)
class RunningTask:
    """One task: its container, and where it can be reached without the load balancer.

    ``address``: the container's own, as its sockets see it. ``direct``: address:port from the host.
    """

    task_id: str
    zone: str
    container_id: str
    address: str
    direct: tuple[str, int]

    def file(self, name: str) -> bytes:
        """A file the container holds."""
        return container_file(self.container_id, f"{TLS_DIRECTORY}/{name}")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate in the container."""
        return sha256(ssl.PEM_cert_to_DER_cert(self.file("cert.pem").decode())).hexdigest()


def running_tasks(clients: Clients, side: Side) -> list[RunningTask]:
    """The service's running tasks, in the order of their ids."""
    arns = clients.ecs.list_tasks(cluster=side.cluster, serviceName=side.service)["taskArns"]
    tasks = clients.ecs.describe_tasks(cluster=side.cluster, tasks=arns)["tasks"] if arns else []
    running = [t for t in tasks if t["lastStatus"] == "RUNNING" and t["desiredStatus"] == "RUNNING"]
    found = (_running_task(t) for t in running)
    return sorted((t for t in found if t is not None), key=lambda t: t.task_id)


def _running_task(task: dict[str, Any]) -> RunningTask | None:
    """The task; None when its container has ended, or gone since ECS was asked: the task soon follows it."""
    container = task["containers"][0]
    if container["lastStatus"] != "RUNNING":
        return None
    task_id = task["taskArn"].rsplit("/", 1)[-1]
    if task["launchType"] == "FARGATE":
        address = container["networkInterfaces"][0]["privateIpv4Address"]
        direct = (address, CONTAINER_PORT)
    else:
        binding = container["networkBindings"][0]
        address = _bridge_address(container["runtimeId"])
        if address is None:
            return None
        direct = (binding["bindIP"], binding["hostPort"])
    return RunningTask(task_id, task["availabilityZone"], container["runtimeId"], address, direct)


def _bridge_address(container_id: str) -> str | None:
    """The container's address on Docker's bridge; None when there is no such container, or it has ended."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    command = ["docker", "container", "inspect", "-f", form, container_id]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    if ran.returncode and "No such container" not in ran.stderr:
        raise subprocess.CalledProcessError(ran.returncode, command, ran.stdout, ran.stderr)
    return ran.stdout.strip() or None


CALL = """
import json, ssl, sys, urllib.request
context = ssl._create_unverified_context()
url = "https://127.0.0.1:8443/call?" + sys.argv[1]
print(urllib.request.urlopen(url, context=context, timeout=120).read().decode())
"""


def call_from(task: RunningTask, dns_name: str, other: Side, count: int) -> list[dict[str, Any]]:
    """``count`` calls made by the task itself to another service, by the load balancer's DNS name."""
    query = urlencode({"host": dns_name, "port": other.port, "name": other.certificate_name, "count": count})
    command = ["docker", "exec", task.container_id, "/usr/bin/python3", "-c", CALL, query]
    results: list[dict[str, Any]] = json.loads(
        subprocess.run(command, check=True, capture_output=True).stdout
    )
    return results
