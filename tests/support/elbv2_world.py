"""A store with a VPC, subnets in three zones, instances and security groups, and a caller of handlers.

Every answer is checked against botocore's output shape, so a handler's test fails on a member AWS has not.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from sealway.model.errors import AwsError
from sealway.model.ids import CountingIds
from sealway.model.instance import Instance
from sealway.model.network import SecurityGroup, Subnet, Vpc
from sealway.model.request import RequestContext
from sealway.services.context import Context
from sealway.services.elbv2.operations import OPERATIONS
from sealway.store.sqlite import SqliteStore

ACCOUNT, REGION = "000000000000", "us-east-1"
VPC, OTHER_VPC = "vpc-0a0a0a0a0a0a0a0a0", "vpc-0b0b0b0b0b0b0b0b0"
SUBNETS = {zone: f"subnet-0{zone * 16}" for zone in "abc"}
SECOND_IN_A = "subnet-0aaaa000000000000"
OTHER_SUBNET = "subnet-0ffff000000000000"
GROUP, OTHER_GROUP = "sg-0a0a0a0a0a0a0a0a0", "sg-0b0b0b0b0b0b0b0b0"
RUNNING, RUNNING_B = "i-0aaaaaaaaaaaaaaa1", "i-0bbbbbbbbbbbbbbb1"
STOPPED, ELSEWHERE = "i-0aaaaaaaaaaaaaaa2", "i-0ccccccccccccccc1"
START = datetime(2030, 1, 1, tzinfo=UTC)


class World:
    """Handlers over a real store. ``call`` is one request at ``now``."""

    def __init__(self, data_dir: Path, region: str = REGION) -> None:
        self.store = SqliteStore(data_dir)
        self.region = region
        self.now = START
        self._ids = CountingIds()
        with self.store.transaction() as tx:
            for resource in network(ACCOUNT, region):
                tx.put(resource)

    def __call__(self, operation: str, *, account: str = ACCOUNT, region: str = "", **request: Any) -> Any:
        caller = RequestContext(
            account_id=account,
            region=region or self.region,
            access_key_id="AKIDEXAMPLE",
            request_id="r",
            now=self.now,
        )
        context = Context(
            caller=caller, store=self.store, ids=self._ids, peers={"10.200.0.0/16": "192.0.2.2"}
        )
        answer = OPERATIONS[operation](context, request)
        _check_shape(operation, answer)
        return answer

    def error(self, operation: str, **request: Any) -> tuple[str, str]:
        """The code and message a request is refused with."""
        before = dict(self.store.counts())
        try:
            self(operation, **request)
        except AwsError as error:
            assert dict(self.store.counts()) == before, "a refused request leaves nothing half made"
            return error.code, error.message
        raise AssertionError(f"{operation} was not refused")

    def wait(self, seconds: float) -> None:
        """Moves the clock."""
        self.now += timedelta(seconds=seconds)

    def load_balancer(self, name: str = "edge", zones: str = "ab", **more: Any) -> Any:
        """A new load balancer's description."""
        request = {"Name": name, "Type": "network", "Subnets": [SUBNETS[zone] for zone in zones], **more}
        return self("CreateLoadBalancer", **request)["LoadBalancers"][0]

    def target_group(self, name: str = "orders", **more: Any) -> Any:
        """A new target group's description."""
        request = {"Name": name, "Protocol": "TCP", "Port": 443, "VpcId": VPC, **more}
        return self("CreateTargetGroup", **request)["TargetGroups"][0]

    def listener(self, load_balancer: Any, group: Any, port: int = 443, **more: Any) -> Any:
        """A new listener's description."""
        request = {
            "LoadBalancerArn": load_balancer["LoadBalancerArn"],
            "Protocol": "TCP",
            "Port": port,
            "DefaultActions": [{"Type": "forward", "TargetGroupArn": group.get("TargetGroupArn")}],
            **more,
        }
        return self("CreateListener", **request)["Listeners"][0]


def network(account: str, region: str) -> list[Any]:
    """The VPCs, subnets, security groups and instances of a world."""
    mine = {"account_id": account, "region": region}
    subnets = [
        _subnet(mine, SUBNETS[zone], VPC, f"10.0.{number}.0/24", zone) for number, zone in enumerate("abc")
    ]
    return [
        Vpc(id=VPC, cidr="10.0.0.0/16", **mine),
        Vpc(id=OTHER_VPC, cidr="10.1.0.0/16", **mine),
        *subnets,
        _subnet(mine, SECOND_IN_A, VPC, "10.0.9.0/28", "a"),
        _subnet(mine, OTHER_SUBNET, OTHER_VPC, "10.1.0.0/24", "a"),
        SecurityGroup(id=GROUP, vpc_id=VPC, name="edge", description="edge", **mine),
        SecurityGroup(id=OTHER_GROUP, vpc_id=OTHER_VPC, name="other", description="other", **mine),
        _instance(mine, RUNNING, VPC, "a", "running"),
        _instance(mine, RUNNING_B, VPC, "b", "running"),
        _instance(mine, STOPPED, VPC, "a", "pending"),
        _instance(mine, ELSEWHERE, OTHER_VPC, "a", "running"),
    ]


def _subnet(mine: dict[str, str], subnet: str, vpc: str, cidr: str, zone: str) -> Subnet:
    name = mine["region"] + zone
    return Subnet(id=subnet, vpc_id=vpc, cidr=cidr, availability_zone=name, availability_zone_id=zone, **mine)


def _instance(mine: dict[str, str], instance: str, vpc: str, zone: str, state: str) -> Instance:
    return Instance(
        id=instance,
        image_id="ami-1",
        instance_type="t3.micro",
        subnet_id=SUBNETS[zone],
        vpc_id=vpc,
        availability_zone=mine["region"] + zone,
        private_ip="10.0.0.200",
        network_interface_id="eni-1",
        reservation_id="r-1",
        state=state,
        launched_at=START,
        **mine,
    )


@cache
def _service() -> Any:
    return botocore.session.get_session().get_service_model("elbv2")


def _check_shape(operation: str, answer: Any) -> None:
    shape = _service().operation_model(operation).output_shape
    problems = ParamValidator().validate(answer, shape).generate_report().splitlines()
    # AWS too answers an empty list of tags, though the model says it has one at least.
    assert [line for line in problems if ".Tags, value: 0, valid min length: 1" not in line] == []
    unknown = set(answer) - set(shape.members)
    assert not unknown, unknown
