"""What control takes of time and memory: a full pass over everything, and the answer to one task's death.

    python -m bench.control [tasks ...]

Services of 50 tasks behind a target group each, on instances of 100 tasks, in a store on disk. Times are
medians; a pass with nothing to do is what every resync costs. Memory is what store and loop have allocated.
Placing is the pure scheduler's: 5,000 tasks of one service on 500 instances, nothing written.
"""

import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from sealway.control.loop import ControlLoop
from sealway.control.scopes import Scope
from sealway.model.cluster import Cluster, ContainerInstance
from sealway.model.ids import RandomIds
from sealway.model.load_balancer import Listener, LoadBalancer, LoadBalancerZone
from sealway.model.network import Subnet
from sealway.model.new_task import Stock, TaskRequest, board, place_all
from sealway.model.placement import SERVICE_DEFAULT_STRATEGY
from sealway.model.resource import Resource
from sealway.model.service import Deployment, Service
from sealway.model.target_group import HealthCheck, Target, TargetGroup, TargetHealth
from sealway.model.task import PortBinding, Task
from sealway.model.task_definition import TaskDefinition
from sealway.store.sqlite import SqliteStore

from .figures import Sheet

SIZES = (100, 1_000, 10_000)
NAMES = (
    *(
        f"control_{what}_{tasks}"
        for what in ("idle_pass_ms", "one_death_ms", "memory_mib")
        for tasks in SIZES
    ),
    *(f"place_5000_{mode}_ms" for mode in ("bridge", "awsvpc")),
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
OWNER = {"account_id": "000000000000", "region": "us-east-1"}
PREFIX = "arn:aws:ecs:us-east-1:000000000000"
CLUSTER = f"{PREFIX}:cluster/bench"
PER_SERVICE, PER_INSTANCE, PER_BALANCER = 50, 100, 10
"""Tasks a service and an instance; services a load balancer."""


def group_arn(number: int) -> str:
    return f"arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/s{number}/{number:016x}"


def world(tasks: int) -> list[Resource]:
    container = {
        "name": "app",
        "image": "app:1",
        "cpu": 1,
        "memory": 1,
        "portMappings": [{"containerPort": 443}],
    }
    definition = TaskDefinition(
        arn=f"{PREFIX}:task-definition/app:1",
        **OWNER,
        family="app",
        revision=1,
        spec={"containerDefinitions": [container]},
        registered_at=NOW,
    )
    made: list[Resource] = [definition, Cluster(arn=CLUSTER, **OWNER, name="bench", created_at=NOW)]
    made += [_instance(n) for n in range(-(-tasks // PER_INSTANCE) + 1)]
    for number in range(-(-tasks // PER_SERVICE)):
        if number % PER_BALANCER == 0:
            made.append(_balancer(number // PER_BALANCER))
        made += _service(number, min(PER_SERVICE, tasks - number * PER_SERVICE), definition.arn)
    return made


def _balancer(number: int) -> LoadBalancer:
    zones = tuple(
        LoadBalancerZone(
            subnet_id=zone,
            availability_zone=f"us-east-1{zone}",
            vip=f"10.1.{number}.{n + 9}",
            network_interface_id=f"{zone}{number}",
        )
        for n, zone in enumerate("abc")
    )
    return LoadBalancer(
        arn=f"b{number}",
        **OWNER,
        name=f"b{number}",
        type="network",
        scheme="internal",
        vpc_id="vpc-1",
        dns_name=f"b{number}",
        canonical_hosted_zone_id="Z1",
        zones=zones,
        created_at=NOW,
    )


def _instance(number: int) -> ContainerInstance:
    return ContainerInstance(
        arn=f"{PREFIX}:container-instance/bench/{number:032x}",
        **OWNER,
        cluster_arn=CLUSTER,
        ec2_instance_id=f"i-{number:017x}",
        private_ip=f"10.0.{number // 250}.{number % 250 + 4}",
        availability_zone="us-east-1" + "abc"[number % 3],
        cpu_units=100_000,
        memory_mib=100_000,
        registered_at=NOW,
    )


def _service(number: int, desired: int, definition: str) -> list[Resource]:
    deployment = Deployment(
        id=f"ecs-svc/{number}",
        status="PRIMARY",
        task_definition_arn=definition,
        desired_count=desired,
        created_at=NOW,
        updated_at=NOW,
        launch_type="EC2",
    )
    balancer = {"targetGroupArn": group_arn(number), "containerName": "app", "containerPort": 443}
    service = Service(
        arn=f"{PREFIX}:service/bench/s{number}",
        **OWNER,
        name=f"s{number}",
        cluster_arn=CLUSTER,
        task_definition_arn=definition,
        desired_count=desired,
        launch_type="EC2",
        load_balancers=(balancer,),
        deployments=(deployment,),
        created_at=NOW,
    )
    group = TargetGroup(
        arn=group_arn(number),
        **OWNER,
        name=f"s{number}",
        protocol="TCP",
        port=443,
        vpc_id="vpc-1",
        target_type="instance",
        health_check=HealthCheck(),
        attributes={"deregistration_delay.timeout_seconds": "300"},
        created_at=NOW,
    )
    listener = Listener(
        arn=f"arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/net/b/{number}",
        **OWNER,
        load_balancer_arn=f"b{number // PER_BALANCER}",
        port=number,
        protocol="TCP",
        default_actions=({"Type": "forward", "TargetGroupArn": group.arn},),
    )
    return [service, group, listener]


def run_all(store: SqliteStore) -> None:
    """A node that starts everything at once, with distinct host ports."""
    with store.transaction() as tx:
        for number, task in enumerate(tx.list(Task, last_status="PROVISIONING")):
            bound = PortBinding(container_port=443, host_port=20_000 + number, host_ip="10.0.0.4")
            containers = tuple(
                msgspec.structs.replace(c, last_status="RUNNING", bindings=(bound,)) for c in task.containers
            )
            tx.put(task.replace(last_status="RUNNING", started_at=NOW, containers=containers))


def pass_all(store: SqliteStore) -> None:
    """A prober that finds everybody healthy."""
    with store.transaction() as tx:
        for target in tx.list(Target):
            if tx.get(TargetHealth, target.key) is None:
                health = {"target_group_arn": target.target_group_arn, "id": target.id, "port": target.port}
                tx.put(TargetHealth(**health, state="healthy", reason=None, description=None, changed_at=NOW))


def milliseconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


class Times(NamedTuple):
    """Milliseconds."""

    start_all: float
    register: float
    idle_pass: float
    one_death: float


def measure(tasks: int, directory: Path) -> Times:
    store = SqliteStore(directory)
    loop = ControlLoop(store, lambda: NOW, RandomIds())
    with store.transaction() as tx:
        for resource in world(tasks):
            tx.put(resource)
    first = milliseconds(loop.step)
    run_all(store)
    registration = milliseconds(loop.step)
    pass_all(store)
    loop.step()
    idle = statistics.median(milliseconds(loop.step) for _ in range(5))
    deaths = [kill_one(store, loop, number) for number in range(9)]
    store.close()
    return Times(first, registration, idle, statistics.median(deaths))


def memory(tasks: int) -> float:
    """MiB that the store and the loop hold, with all tasks running and healthy."""
    tracemalloc.start()
    with tempfile.TemporaryDirectory() as directory:
        store = SqliteStore(Path(directory))
        loop = ControlLoop(store, lambda: NOW, RandomIds())
        with store.transaction() as tx:
            for resource in world(tasks):
                tx.put(resource)
        loop.step()
        run_all(store)
        loop.step()
        pass_all(store)
        loop.step()
        held, _ = tracemalloc.get_traced_memory()
        store.close()
    tracemalloc.stop()
    return held / 2**20


def placing(mode: str, tasks: int = 5_000, instances: int = 500) -> float:
    """Milliseconds to place a service's tasks by the default strategy, spread over zones and instances."""
    container = {"name": "app", "image": "app:1", "cpu": 1, "memory": 1}
    definition = TaskDefinition(
        arn=f"{PREFIX}:task-definition/app:1",
        **OWNER,
        family="app",
        revision=1,
        spec={"containerDefinitions": [container], "networkMode": mode},
        registered_at=NOW,
    )
    request = TaskRequest(
        definition=definition,
        cluster_arn=CLUSTER,
        launch_type="EC2",
        group="service:app",
        strategies=SERVICE_DEFAULT_STRATEGY,
    )
    subnets = [_subnet(zone, f"10.{number}.0.0/16") for number, zone in enumerate("abc")]
    on = board(request, Stock(instances=[_instance(n) for n in range(instances)], subnets=subnets))
    began = time.perf_counter()
    made, _, _ = place_all(request, on, tasks, RandomIds(), NOW)
    took = (time.perf_counter() - began) * 1000
    if len(made) != tasks:
        raise RuntimeError(f"only {len(made)} of {tasks} tasks were placed")
    return took


def _subnet(zone: str, cidr: str) -> Subnet:
    return Subnet(
        id=f"subnet-{zone}",
        **OWNER,
        vpc_id="vpc-1",
        cidr=cidr,
        availability_zone=f"us-east-1{zone}",
        availability_zone_id=f"use1-{zone}",
    )


def figures(sheet: Sheet, quick: bool) -> None:
    """For ``python -m bench``."""
    for tasks in SIZES[: 2 if quick else None]:
        with tempfile.TemporaryDirectory() as directory:
            times = measure(tasks, Path(directory))
        how = f"bench/control.py, {tasks} tasks in services of {PER_SERVICE}, store on disk"
        idle, death = f"a pass with nothing to do: {how}", f"from a death to its replacement on disk: {how}"
        sheet.add(f"control_idle_pass_ms_{tasks}", times.idle_pass, "ms", idle)
        sheet.add(f"control_one_death_ms_{tasks}", times.one_death, "ms", death)
        sheet.add(f"control_memory_mib_{tasks}", memory(tasks), "MiB", f"allocated by store and loop: {how}")
    for mode in ("bridge", "awsvpc"):
        rounds = [placing(mode) for _ in range(2 if quick else 5)]
        how = (
            "bench/control.py, 5,000 tasks on 500 instances, spread over zones and instances, nothing written"
        )
        sheet.add(f"place_5000_{mode}_ms", statistics.median(rounds), "ms", how, rounds)


def kill_one(store: SqliteStore, loop: ControlLoop, number: int) -> float:
    """From the death being written to the replacement and the drained target being on disk."""
    alive = store.list(Task, last_status="RUNNING", desired_status="RUNNING")
    victim = alive[number * 7 % len(alive)]
    dead = tuple(msgspec.structs.replace(c, last_status="STOPPED", exit_code=137) for c in victim.containers)
    with store.transaction() as tx:
        tx.put(victim.replace(containers=dead))
    took = milliseconds(lambda: loop._plan_scope(Scope("service", victim.service_arn or "")))
    run_all(store)
    loop.step()
    pass_all(store)
    loop.step()
    return took


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or list(SIZES)
    for mode in ("bridge", "awsvpc"):
        print(f"5,000 tasks placed on 500 instances, {mode}: {placing(mode):.0f} ms")
    titles = ("start all ms", "register ms", "idle pass ms", "one death ms", "memory MiB")
    print(f"{'tasks':>7}" + "".join(f"{title:>15}" for title in titles))
    for tasks in sizes:
        with tempfile.TemporaryDirectory() as directory:
            times = measure(tasks, Path(directory))
        starts = f"{tasks:>7} {times.start_all:>14.0f} {times.register:>14.0f}"
        print(
            f"{starts} {times.idle_pass:>12.1f} {times.one_death:>14.1f} {memory(tasks):>11.1f}", flush=True
        )


if __name__ == "__main__":
    main()
