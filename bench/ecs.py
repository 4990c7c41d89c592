"""ECS as its clients meet it: CreateService to healthy targets, RunTask to RUNNING, answers a second.

``sealway up`` as a process of its own with Docker Engine, moto's server beside it. The tasks are nginx, each
with an address of its own, so each is two containers. ``docker_alone`` starts the same containers, as many at
a time, by Docker's API and nothing else: no network, no load balancer, no state.
"""

import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.credentials import Credentials

from demo.machine import Machine
from sealway.drivers.contracts.container_runtime import PAUSE_IMAGE, ContainerSpec
from sealway.drivers.docker.engine import DockerRuntime
from sealway.node.settings import NodeSettings

from . import packages, peers
from .figures import Sheet
from .peers import Endpoint, Load

API = "127.0.0.1:14567"
SIZES = (1, 10, 100)
_LONGEST_START = 300.0
"""Seconds, after which Docker is not waited for any longer."""
PORT, IMAGE = 8443, "sealway/nginx:1"
CALLS = ("DescribeTasks", "DescribeServices")
NAMES = (
    *(f"{name}_s" for size in SIZES for name in (f"create_service_{size}", f"create_service_{size}_cpu")),
    *(f"docker_alone_{size}_s" for size in SIZES),
    *(f"{prefix}run_task_ms" for prefix in ("", "moto_")),
    "sealway_rss_mib",
    *(
        f"{prefix}{call}_{what}"
        for prefix in ("", "moto_")
        for call in ("describe_tasks", "describe_services")
        for what in ("per_s", "p99_ms")
    ),
)
Ground = dict[str, str]


def figures(sheet: Sheet, quick: bool) -> None:
    """For ``python -m bench``."""
    build = Path(__file__).parent.parent / "images" / "build.sh"
    subprocess.run([str(build), "nginx"], check=True, stdout=subprocess.DEVNULL)
    sizes = SIZES[: 2 if quick else None]
    _docker_alone(sheet, sizes)
    why = packages.install().get("wrk", "") or peers.install_moto()
    with tempfile.TemporaryDirectory(prefix="sealway-demo-") as directory:
        machine = Machine(Path(directory) / "state", api=API)
        machine.prepare()
        machine.start()
        try:
            _sealway(sheet, machine, sizes, 3 if quick else 10)
            if not why:
                with peers.moto() as moto:
                    _beside(sheet, _endpoint(machine), moto, Path(directory), 1 if quick else 5)
        finally:
            machine.down()
    if why:
        sheet.miss(why, *NAMES)


# --- Docker alone -----------------------------------------------------------------------------


def _docker_alone(sheet: Sheet, sizes: tuple[int, ...]) -> None:
    at_once = NodeSettings().parallel_starts
    how = f"the same containers by Docker's API alone, {at_once} tasks at a time"
    for size in sizes:
        try:
            sheet.add(f"docker_alone_{size}_s", asyncio.run(_start_containers(size, at_once)), "s", how)
        except TimeoutError:
            sheet.miss(f"Docker took over {_LONGEST_START:.0f} s", f"docker_alone_{size}_s")


async def _start_containers(count: int, at_once: int) -> float:
    runtime, gate = DockerRuntime(), asyncio.Semaphore(at_once)
    await runtime.teardown()

    async def start(number: int) -> None:
        async with gate:
            pause = ContainerSpec(name=f"bench-{number}-pause", image=PAUSE_IMAGE, labels={})
            await runtime.start(await runtime.create(pause))
            app = ContainerSpec(
                name=f"bench-{number}",
                image=IMAGE,
                labels={},
                network=f"container:{pause.name}",
                memory=64 << 20,
            )
            await runtime.start(await runtime.create(app))

    await runtime.ensure_image(PAUSE_IMAGE)
    began = time.perf_counter()
    async with asyncio.timeout(_LONGEST_START), asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(start(number))
    took = time.perf_counter() - began
    await runtime.teardown()
    await runtime.close()
    return took


# --- Sealway ----------------------------------------------------------------------------------


def _endpoint(machine: Machine) -> Endpoint:
    environment = machine.environment()
    key = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    return Endpoint("sealway", environment["AWS_ENDPOINT_URL"], key)


def _sealway(sheet: Sheet, machine: Machine, sizes: tuple[int, ...], rounds: int) -> None:
    at = _endpoint(machine)
    ecs, elb = at.client(), at.client("elbv2")
    ground = _ground(at)
    how = f"CreateService to all targets healthy, awsvpc, {IMAGE}; sealway up with Docker Engine"
    for size in sizes:
        began, worked = time.perf_counter(), _cpu(machine)
        _create_service(ecs, ground, size)
        # To look at a hundred targets is work too: seldom enough not to be what is measured.
        _until(lambda size=size: _healthy(elb, ground["group"]) == size, every=size / 200)  # type: ignore[misc]
        sheet.add(f"create_service_{size}_s", time.perf_counter() - began, "s", how)
        sheet.add(
            f"create_service_{size}_cpu_s", _cpu(machine) - worked, "s", "CPU time of sealway up meanwhile"
        )
        if size == sizes[-1]:
            sheet.add("sealway_rss_mib", _rss(machine), "MiB", f"resident memory with {size} tasks")
        ecs.delete_service(cluster="bench", service=f"s{size}", force=True)
        _until(lambda: not _containers())
    _run_tasks(sheet, at, ground, rounds)


def _ground(at: Endpoint) -> Ground:
    ecs, elb, ec2 = at.client(), at.client("elbv2"), at.client("ec2")
    subnets = [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]]
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    security = ec2.create_security_group(GroupName="bench", Description="bench", VpcId=vpc)["GroupId"]
    anyone = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=security, IpPermissions=anyone)
    balancer = elb.create_load_balancer(Name="bench", Type="network", Scheme="internal", Subnets=subnets)
    group = elb.create_target_group(
        Name="bench", Protocol="TCP", Port=PORT, VpcId=vpc, TargetType="ip", HealthCheckIntervalSeconds=5
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(
        TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "0"}]
    )
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"], Protocol="TCP", Port=PORT,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )  # fmt: skip
    ecs.create_cluster(clusterName="bench")
    _define(ecs)
    return {"group": group, "subnet": subnets[0], "security": security}


def _define(ecs: Any) -> None:
    container = {"name": "nginx", "image": IMAGE, "memory": 64, "stopTimeout": 2}
    ecs.register_task_definition(
        family="nginx", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        containerDefinitions=[{**container, "portMappings": [{"containerPort": PORT}]}],
    )  # fmt: skip


def _network(ground: Ground) -> dict[str, Any]:
    own = {"subnets": [ground["subnet"]], "securityGroups": [ground["security"]]}
    return {"launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": own}}


def _create_service(ecs: Any, ground: Ground, size: int) -> None:
    behind = {"targetGroupArn": ground["group"], "containerName": "nginx", "containerPort": PORT}
    ecs.create_service(
        cluster="bench", serviceName=f"s{size}", taskDefinition="nginx", desiredCount=size,
        loadBalancers=[behind], **_network(ground),
    )  # fmt: skip


def _healthy(elb: Any, group: str) -> int:
    described = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return sum(each["TargetHealth"]["State"] == "healthy" for each in described)


def _containers() -> list[str]:
    command = ["docker", "ps", "-aq", "--filter", "label=sealway.managed"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def _rss(machine: Machine) -> float:
    assert machine.process is not None
    status = Path(f"/proc/{machine.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _cpu(machine: Machine) -> float:
    """Seconds of CPU time that the process has used."""
    assert machine.process is not None
    fields = Path(f"/proc/{machine.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _until(ready: Callable[[], object], seconds: float = 300, every: float = 0.05) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {seconds:.0f} s")
        time.sleep(every)


def _run_tasks(sheet: Sheet, at: Endpoint, ground: Ground, rounds: int) -> None:
    """One after the other, from the call to DescribeTasks saying RUNNING."""
    ecs, taken = at.client(), []
    for _ in range(rounds):
        began = time.perf_counter()
        answer = ecs.run_task(cluster="bench", taskDefinition="nginx", **_network(ground))
        _until_running(ecs, answer["tasks"])
        taken.append((time.perf_counter() - began) * 1000)
        ecs.stop_task(cluster="bench", task=answer["tasks"][0]["taskArn"])
    prefix, what = ("", "two containers") if at.name == "sealway" else ("moto_", "a record, no container")
    how = f"RunTask until it or DescribeTasks says RUNNING, asked every 50 ms; {what}"
    sheet.add(f"{prefix}run_task_ms", statistics.median(taken), "ms", how, taken)


def _until_running(ecs: Any, tasks: list[dict[str, Any]]) -> None:
    """moto's are RUNNING as soon as they are answered; every look at one moves it on towards its end."""
    waiting = [task["taskArn"] for task in tasks if task["lastStatus"] != "RUNNING"]
    _until(lambda: all(_status(ecs, arn) == "RUNNING" for arn in waiting), 60)


def _status(ecs: Any, task: str) -> str:
    return str(ecs.describe_tasks(cluster="bench", tasks=[task])["tasks"][0]["lastStatus"])


# --- beside moto ------------------------------------------------------------------------------


def _beside(sheet: Sheet, sealway: Endpoint, moto: Endpoint, directory: Path, rounds: int) -> None:
    ecs = moto.client()
    ecs.create_cluster(clusterName="bench")
    _define(ecs)
    subnets, groups = moto.client("ec2").describe_subnets(), moto.client("ec2").describe_security_groups()
    ground = {
        "subnet": subnets["Subnets"][0]["SubnetId"],
        "security": groups["SecurityGroups"][0]["GroupId"],
    }
    _run_tasks(sheet, moto, ground, 3)
    requests = {at.name: _requests(at) for at in (sealway, moto)}
    taken: dict[tuple[str, str], list[Load]] = {(at.name, c): [] for at in (sealway, moto) for c in CALLS}
    for number in range(rounds):
        for at in (sealway, moto) if number % 2 else (moto, sealway):
            for call in CALLS:
                loaded = peers.load(at, call, requests[at.name][call], 3, directory)
                taken[at.name, call].append(loaded)
    for (name, call), loads in taken.items():
        prefix = "" if name == "sealway" else "moto_"
        figure = prefix + {"DescribeTasks": "describe_tasks", "DescribeServices": "describe_services"}[call]
        how = f"wrk, {peers.AT_ONCE} connections, 3-s slices in turns; of 10 tasks, of one service"
        rates, tails = [each.per_second for each in loads], [each.p99_ms for each in loads]
        sheet.add(f"{figure}_per_s", statistics.median(rates), "requests/s", how, rates)
        sheet.add(f"{figure}_p99_ms", statistics.median(tails), "ms", how, tails)


def _requests(at: Endpoint) -> dict[str, dict[str, Any]]:
    """Both calls, for ten tasks and a service that are there now."""
    ecs = at.client()
    own = _some_network(at)
    tasks = ecs.run_task(cluster="bench", taskDefinition="nginx", count=10, **own)["tasks"]
    arns = [task["taskArn"] for task in tasks]
    ecs.create_service(cluster="bench", serviceName="asked", taskDefinition="nginx", desiredCount=1, **own)
    _until_running(ecs, tasks)
    return {
        "DescribeTasks": {"cluster": "bench", "tasks": arns},
        "DescribeServices": {"cluster": "bench", "services": ["asked"]},
    }


def _some_network(at: Endpoint) -> dict[str, Any]:
    ec2 = at.client("ec2")
    subnet, group = ec2.describe_subnets()["Subnets"][0], ec2.describe_security_groups()["SecurityGroups"][0]
    return _network({"subnet": subnet["SubnetId"], "security": group["GroupId"]})
