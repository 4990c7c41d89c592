"""What there should be on the machine, and what is there: nothing doubled, nothing left over."""

import json
import subprocess

from demo.architecture import TASKS
from tests.support.world import World


def output(*command: str) -> str:
    """The output of a command here."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def task_interfaces() -> set[str]:
    """Host-side interfaces of awsvpc tasks."""
    return {link["ifname"] for link in json.loads(output("ip", "-j", "link")) if link["ifname"][:3] == "swt"}


def managed_containers() -> list[str]:
    """The ARNs of the tasks of all our containers, pause containers too; stopped ones too."""
    form = '{{.Label "com.amazonaws.ecs.task-arn"}}'
    return output("docker", "ps", "-a", "--filter", "label=sealway.managed=true", "--format", form).split()


def leftovers(world: World) -> list[str]:
    """Everything that does not belong to the two stable services of the third architecture."""
    found = []
    clients = world.clients
    living = set()
    for side in world.made.sides:
        arns = clients.ecs.list_tasks(cluster=side.cluster)["taskArns"]
        living |= {arn.rsplit("/", 1)[-1] for arn in arns}
        health = clients.elb.describe_target_health(TargetGroupArn=side.target_group)
        states = [t["TargetHealth"]["State"] for t in health["TargetHealthDescriptions"]]
        if len(arns) != TASKS or states != ["healthy"] * TASKS:
            found.append(f"{side.service}: {len(arns)} tasks, targets {states}")
    containers = [arn.rsplit("/", 1)[-1] for arn in managed_containers()]
    pauses = TASKS
    if set(containers) != living or len(containers) != 2 * TASKS + pauses:
        found.append(f"containers of {sorted(containers)}, tasks {sorted(living)}")
    if len(task_interfaces()) != TASKS:
        found.append(f"interfaces {sorted(task_interfaces())}")
    interfaces = clients.ec2.describe_network_interfaces()["NetworkInterfaces"]
    kinds = [i.get("InterfaceType", "interface") for i in interfaces]
    # Not the name's addresses: a zone without a healthy target has left them, and keeps its interface.
    (balancer,) = clients.elb.describe_load_balancers()["LoadBalancers"]
    expected = len(balancer["AvailabilityZones"]) + len(world.made.instances) + TASKS
    if len(interfaces) != expected:
        found.append(f"{len(interfaces)} network interfaces instead of {expected}: {sorted(kinds)}")
    return found
