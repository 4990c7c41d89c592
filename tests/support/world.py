"""A running Sealway with the third architecture on it, as the integration tests handle it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from demo.architecture import Architecture, Clients, Side, wait_stable
from demo.machine import Machine
from demo.tasks import RunningTask, running_tasks
from demo.tls_client import resolve
from tests.support.load import Load


@dataclass
class World:
    """What every test works with."""

    machine: Machine
    clients: Clients
    made: Architecture
    directory: Path

    @cached_property
    def resolver(self) -> str:
        """Where names are asked: the same over restarts."""
        return self.machine.environment()["SEALWAY_RESOLVER"]

    @property
    def vips(self) -> list[str]:
        """Of the zones that can serve every listener."""
        return resolve(self.made.dns_name, self.resolver)

    @property
    def nodes(self) -> list[str]:
        """The load balancer's addresses in all its zones."""
        balancers = self.clients.elb.describe_load_balancers(LoadBalancerArns=[self.made.load_balancer])
        zones = [zone["ZoneName"] for zone in balancers["LoadBalancers"][0]["AvailabilityZones"]]
        return [address for z in zones for address in resolve(f"{z}.{self.made.dns_name}", self.resolver)]

    def tasks(self, side: Side) -> list[RunningTask]:
        return running_tasks(self.clients, side)

    def ca(self, side: Side) -> str:
        """The CA that the side's containers hold."""
        path = self.directory / f"{side.service}.pem"
        if not path.exists():
            path.write_bytes(self.tasks(side)[0].file("ca.pem"))
        return str(path)

    def load(self, side: Side, pace: float = 25) -> Load:
        return Load(self.vips, side.port, side.certificate_name, self.ca(side), pace)

    def stable(self) -> None:
        wait_stable(self.clients, self.made)

    def redeploy(self, side: Side) -> None:
        """A new deployment of the same definition; returns when it has replaced every task."""
        self.clients.ecs.update_service(cluster=side.cluster, service=side.service, forceNewDeployment=True)
        self.stable()
