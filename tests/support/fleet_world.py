"""An API server with control and a host of fakes behind it: Auto Scaling groups as clients meet them.

Nothing moves by itself: ``settle`` lets control plan and the node follow until neither has anything to do.
``later`` moves control's clock on. Tasks run as soon as they are placed, and stop as soon as they may.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from sealway.app.seed import seed
from sealway.control.loop import ControlLoop
from sealway.drivers.dataplane.fake import FakeDataPlane
from sealway.drivers.dns.fake import FakeDns
from sealway.drivers.docker.fake import FakeRuntime
from sealway.drivers.network.fake import FakeNetwork
from sealway.drivers.network.fake_prober import FakeProber
from sealway.model.ids import CountingIds
from sealway.model.network import Subnet
from sealway.model.request import RequestContext
from sealway.model.task import Task
from sealway.node.agent import Agent
from sealway.node.instances import InstanceLoop
from sealway.node.settings import NodeSettings
from tests.support.api_server import ACCOUNT, OTHER_ACCESS_KEY, REGION, ApiServer, utc_now

IMAGE = "ami-0123456789abcdef0"
JOINS = "IyEvYmluL2Jhc2gKZWNobyBFQ1NfQ0xVU1RFUj1ibHVlID4+IC9ldGMvZWNzL2Vjcy5jb25maWcK"
"""User data that registers an instance in the cluster *blue*, as base64."""


class FleetWorld(ApiServer):
    """See the module."""

    def fill(self) -> None:
        self.ahead = timedelta(0)
        self.scaling, self.ecs = self.client("autoscaling"), self.client("ecs")
        self.run(self._begin)
        subnets = self.kinds(Subnet)
        self.subnets = [s.id for s in sorted(subnets, key=lambda s: str(s.availability_zone))]
        self.template = self.run(self._make_template)

    @cached_property
    def ec2(self) -> Any:
        """Made when it is needed: a client of EC2 takes its time."""
        return self.client("ec2")

    @cached_property
    def stranger(self) -> Any:
        """Another account's client of Auto Scaling."""
        return self.client("autoscaling", aws_access_key_id=OTHER_ACCESS_KEY)

    def _make_template(self) -> str:
        data = {"ImageId": IMAGE, "InstanceType": "t3.micro", "UserData": JOINS}
        caller = RequestContext(
            account_id=ACCOUNT, region=REGION, access_key_id="", request_id="", now=utc_now()
        )
        made = self.operations["ec2"]["CreateLaunchTemplate"](
            caller, {"LaunchTemplateName": "nodes", "LaunchTemplateData": data}
        )
        return str(made["LaunchTemplate"]["LaunchTemplateId"])

    def _begin(self) -> None:
        self.store._database.execute("PRAGMA synchronous=OFF")
        ids = CountingIds("fleet")
        seed(self.store, ids, REGION)
        self.control = ControlLoop(self.store, self.clock, ids)
        parts: dict[str, Any] = {
            "store": self.store,
            "runtime": FakeRuntime(set()),
            "network": FakeNetwork(),
            "dataplane": FakeDataPlane(),
            "dns": FakeDns(),
            "prober": FakeProber(),
            "clock": self.clock,
            "ids": ids,
            "settings": NodeSettings(rest=0),
        }
        self.node = InstanceLoop(Agent(**parts))

    def clock(self) -> datetime:
        """Control's and the node's."""
        return utc_now() + self.ahead

    def later(self, **by: float) -> None:
        """Time passes, and everything settles."""
        self.ahead += timedelta(**by)
        self.settle()

    def settle(self) -> None:
        """Until nobody writes any more."""
        for _ in range(30):
            before = self.run(self._versions)
            self.run(self.control.step)
            asyncio.run_coroutine_threadsafe(self.node.once(), self._loop).result(30)
            self.run(self._run_tasks)
            if self.run(self._versions) == before:
                return
        raise AssertionError("control and the node do not settle")

    def _versions(self) -> int:
        return int(self.store._database.total_changes)

    def _run_tasks(self) -> None:
        with self.store.transaction() as tx:
            for task in tx.list(Task):
                after = _moved(task, self.clock())
                if after != task:
                    tx.put(after)

    def group(self, name: str = "nodes", **members: Any) -> None:
        """Creates a group in all three subnets, unless ``members`` say otherwise (None: left out)."""
        given: dict[str, Any] = {
            "AutoScalingGroupName": name,
            "LaunchTemplate": {"LaunchTemplateId": self.template},
            "MinSize": 0,
            "MaxSize": 10,
            "VPCZoneIdentifier": ",".join(self.subnets),
        }
        whole = {name: value for name, value in {**given, **members}.items() if value is not None}
        self.scaling.create_auto_scaling_group(**whole)

    def shown(self, name: str = "nodes") -> Any:
        """The group as it is described."""
        return self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]

    def states(self, name: str = "nodes") -> list[str]:
        """The lifecycle states of the group's instances."""
        return sorted(member["LifecycleState"] for member in self.shown(name)["Instances"])

    def members(self, name: str = "nodes") -> list[str]:
        """The group's instances."""
        return [member["InstanceId"] for member in self.shown(name)["Instances"]]

    def kinds(self, kind: type[Any]) -> list[Any]:
        """What the store holds."""
        found: list[Any] = self.run(lambda: self.store.list(kind))
        return found


def _moved(task: Task, now: datetime) -> Task:
    if task.last_status == "STOPPED":
        return task
    if task.desired_status == "STOPPED":
        return task.replace(last_status="STOPPED", stopped_at=now) if task.may_stop else task
    placed = task.launch_type == "FARGATE" or task.container_instance_arn is not None
    if not placed or task.last_status == "RUNNING":
        return task
    containers = tuple(msgspec.structs.replace(c, last_status="RUNNING") for c in task.containers)
    return task.replace(last_status="RUNNING", started_at=now, containers=containers)


@contextmanager
def fleet_world(data_dir: Path) -> Iterator[FleetWorld]:
    """A running world."""
    server = FleetWorld(data_dir)
    with server:
        server.fill()
        yield server
