from datetime import timedelta
from typing import Any

from sealway.model.ids import CountingIds
from sealway.model.new_task import NO_ADDRESS, Board, Placed, Stock, TaskRequest, board, place_task
from sealway.model.placement import SERVICE_DEFAULT_STRATEGY, Unplaced
from tests.support.cluster_world import CLUSTER, NOW, definition, instance, subnet

SUBNETS = {"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"]}}


def request(**fields: Any) -> TaskRequest:
    given = {
        "definition": definition(),
        "cluster_arn": CLUSTER,
        "launch_type": "EC2",
        "group": "service:orders",
        "strategies": SERVICE_DEFAULT_STRATEGY,
    }
    return TaskRequest(**{**given, **fields})


def fargate(**fields: Any) -> TaskRequest:
    awsvpc = definition("ledger", networkMode="awsvpc", cpu="256", memory="512")
    return request(definition=awsvpc, launch_type="FARGATE", network_configuration=SUBNETS, **fields)


def place_several(wanted: TaskRequest, on: Board, count: int) -> list[Placed]:
    placed = []
    ids = CountingIds()
    for _ in range(count):
        answer = place_task(wanted, on, ids, NOW)
        assert isinstance(answer, Placed)
        placed.append(answer)
        on = answer.board
    return placed


def test_a_bridge_task_goes_to_an_instance_and_takes_its_zone() -> None:
    on = board(request(), Stock(instances=[instance(1, "us-east-1a"), instance(2, "us-east-1b")]))
    placed = place_several(request(deployment_id="ecs-svc/1"), on, 2)
    task = placed[0].task
    assert {p.task.availability_zone for p in placed} == {"us-east-1a", "us-east-1b"}
    assert task.arn.startswith("arn:aws:ecs:us-east-1:000000000000:task/blue/")
    assert (task.cpu, task.memory, task.started_by) == ("128", "128", "ecs-svc/1")
    assert (task.platform_version, task.interface, placed[0].interface) == (None, None, None)
    assert task.containers[0].last_status == "PENDING"
    assert task.containers[0].arn.startswith(f"arn:aws:ecs:us-east-1:000000000000:container/blue/{task.id}/")


def test_no_room_says_why() -> None:
    assert place_task(request(), board(request(), Stock()), CountingIds(), NOW) == Unplaced()
    full = board(request(), Stock(instances=[instance(1, cpu_units=10)]))
    answer = place_task(request(), full, CountingIds(), NOW)
    assert isinstance(answer, Unplaced)
    assert answer.refusals[0].reason == "RESOURCE:CPU"


def test_a_fargate_task_gets_an_interface_as_aws_shows_it() -> None:
    stock = Stock(subnets=[subnet(1, "us-east-1a"), subnet(2, "us-east-1b")])
    placed = place_several(fargate(), board(fargate(), stock), 3)
    task, interface = placed[0].task, placed[0].interface
    assert interface is not None
    assert task.interface is not None
    assert (task.platform_version, task.container_instance_arn) == ("1.4.0", None)
    assert task.interface.private_ip == interface.private_ip == "10.0.1.4"
    assert interface.description.endswith(f"attachment/{task.interface.attachment_id}")
    assert (interface.security_groups, interface.requester_managed) == (("sg-1",), True)
    assert interface.attachment is not None
    assert interface.attachment.device_index == 1
    assert [p.task.availability_zone for p in placed] == ["us-east-1a", "us-east-1b", "us-east-1a"]


def test_addresses_go_round_before_one_comes_again() -> None:
    stock = Stock(subnets=[subnet(1, cidr="10.0.1.0/28")])  # eleven addresses: .4 to .14
    placed = place_several(fargate(), board(fargate(), stock), 3)
    interfaces = [p.interface for p in placed if p.interface]
    assert [i.private_ip for i in interfaces] == ["10.0.1.4", "10.0.1.5", "10.0.1.6"]

    first_left = Stock(subnets=stock.subnets, interfaces=interfaces[1:])
    [again] = place_several(fargate(), board(fargate(), first_left), 1)
    assert again.task.interface is not None
    assert again.task.interface.private_ip == "10.0.1.7"


def test_stopped_tasks_remember_the_last_address() -> None:
    stock = Stock(subnets=[subnet(1)])
    placed = place_several(fargate(), board(fargate(), stock), 2)
    stopped = placed[1].task.replace(last_status="STOPPED", created_at=NOW + timedelta(seconds=1))
    [again] = place_several(fargate(), board(fargate(), Stock(subnets=stock.subnets, tasks=[stopped])), 1)
    assert again.task.interface is not None
    assert again.task.interface.private_ip == "10.0.1.6"


def test_a_full_subnet_takes_no_task() -> None:
    stock = Stock(subnets=[subnet(1, cidr="10.0.1.0/28")])
    on = place_several(fargate(), board(fargate(), stock), 11)[-1].board
    answer = place_task(fargate(), on, CountingIds("more"), NOW)
    assert isinstance(answer, Unplaced)
    assert answer.refusals[0].reason == NO_ADDRESS


def test_awsvpc_on_ec2_keeps_to_zones_of_its_subnets() -> None:
    awsvpc = request(definition=definition(networkMode="awsvpc"), network_configuration=SUBNETS)
    hosts = [instance(1, "us-east-1a"), instance(2, "us-east-1b")]
    on = board(awsvpc, Stock(instances=hosts, subnets=[subnet(2, "us-east-1b")]))
    for placed in place_several(awsvpc, on, 3):
        assert placed.task.container_instance_arn == hosts[1].arn
        assert placed.interface is not None
        assert placed.interface.attachment is not None
        assert placed.interface.attachment.instance_id == hosts[1].ec2_instance_id


def test_a_task_has_an_ipv6_address_where_its_subnet_has_any() -> None:
    """Its IPv4 address at the end of the subnet's block; unless the account wants none (dualStackIPv6)."""
    wide = subnet(1, "us-east-1a").replace(ipv6_cidr="fd00:1:2:1::/64")
    stock = Stock(subnets=[wide, subnet(2, "us-east-1b")])
    there, elsewhere = place_several(fargate(), board(fargate(), stock), 2)
    assert there.interface is not None
    assert there.interface.ipv6_addresses == ("fd00:1:2:1::a00:104",)
    assert there.task.interface is not None
    assert there.task.interface.addresses == ("10.0.1.4", "fd00:1:2:1::a00:104")
    assert elsewhere.task.interface is not None
    assert elsewhere.task.interface.addresses == ("10.0.2.4",)
    [none] = place_several(fargate(), board(fargate(), Stock(subnets=[wide], dual_stack=False)), 1)
    assert none.interface is not None
    assert none.interface.addresses == ("10.0.1.4",)
