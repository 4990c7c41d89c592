"""Whatever changes, in whatever order: what the agent's loops take over from the pass before is never stale.

Each pass is held against one that knows nothing and makes everything anew from the store.
"""

import itertools
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealway.model.network import NetworkInterface, SecurityGroup
from sealway.model.resource import Resource
from sealway.model.task import ContainerStatus, PortBinding
from sealway.node.bridge_sources_sync import SourceMaker, bridge_sources
from sealway.node.dns_records import NameMaker, dns_records
from sealway.node.guards import GuardMaker, guards
from sealway.node.probe_plan import ProbeJob, jobs_of, probe_plan
from sealway.node.snapshot import Snapshot
from sealway.node.state_maker import StateMaker, dataplane_state
from sealway.node.touched import Touched
from sealway.node.views import Views
from tests.support import node_world
from tests.support.node_world import OWNER, ZONES, World
from tests.support.virtual_time import START

VPC_TASKS, BRIDGE_TASKS = node_world.definition(networkMode="awsvpc"), node_world.definition(family="bridge")
FEW = 3
EVERYWHERE = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
NUMBER, STATE = st.integers(1, 2 * FEW), st.integers(0, 4)
KINDS = (
    *("instance", "registered", "fargate", "bridge", "group", "target", "health", "listener", "balancer"),
    *("interface", "security group", "attached"),
)
CHANGES = st.lists(st.tuples(st.sampled_from(KINDS), NUMBER, STATE), max_size=40)


def containers(state: int, **fields: Any) -> tuple[ContainerStatus, ...]:
    status = ("PENDING", "RUNNING", "RUNNING", "STOPPED", "STOPPED")[state]
    return (ContainerStatus(name="app", arn="a", image="app:1", last_status=status, **fields),)


class Estate:
    """A store, and everything that can be in it; state 0 of most things is: not there."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.attached: dict[str, str] = {}
        world.put(*node_world.vpc(), VPC_TASKS, BRIDGE_TASKS)

    def change(self, what: str, number: int, state: int) -> None:
        few = number if what in ("target", "health") else 1 + (number - 1) % FEW
        made = getattr(self, "_" + what.replace(" ", "_"))(few, state)
        if made is None:
            return
        stored = self.world.store.get(type(made), made.key)
        if state:
            self.world.put(made)
        elif stored is not None:
            self.world.delete(type(made), made.key)

    def _fargate(self, number: int, state: int) -> Resource:
        status = "STOPPED" if state == 4 else "RUNNING"
        return node_world.fargate_task(
            number, VPC_TASKS, number % 2, containers=containers(state), last_status=status
        )

    def _bridge(self, number: int, state: int) -> Resource:
        on = self._registered(1 + number % 2, 1)
        port = PortBinding(container_port=8443, host_port=32768 + number, host_ip=on.private_ip)
        bridge_ip = f"172.30.0.{number}" if state in (1, 2) else None
        status = "STOPPED" if state == 4 else "RUNNING"
        made = containers(state, bridge_ip=bridge_ip, bindings=(port,) if bridge_ip else ())
        return node_world.ec2_task(100 + number, BRIDGE_TASKS, on, containers=made, last_status=status)

    def _instance(self, number: int, state: int) -> Resource:
        given = {"state": "terminated" if state == 4 else "running"}
        return node_world.instance(number, number % 2, **given)

    def _registered(self, number: int, state: int) -> Any:
        status = "INACTIVE" if state == 4 else "ACTIVE"
        return node_world.registered(node_world.instance(number, number % 2), status=status)

    def _group(self, number: int, state: int) -> Resource:
        given = [
            {},
            {},
            {"preserve_client_ip__enabled": "true"},
            {"load_balancing__cross_zone__enabled": "true"},
        ]
        given.append({"target_health_state__unhealthy__connection_termination__enabled": "false"})
        return node_world.group(f"g{number}", "instance" if number == 2 else "ip", **given[state])

    def _target(self, number: int, state: int) -> Resource:
        """Two in each group: one of a task of that number (on an instance: 2), one of the next number's."""
        first = 1 + (number - 1) % FEW
        other = 1 + first % FEW
        bridge = (self._instance(1 + first % 2, 1).key, 32768 + first)
        places = (f"10.0.{first % 2}.{10 + first}", 8443), (f"10.0.{other % 2}.{10 + other}", 8443)
        target_id, port = bridge if number == 2 else places[number > FEW]
        given = {"draining_since": START} if state == 3 else {}
        to = self._group(first, 1)
        return node_world.target(to, target_id, port, first % 2, **given)  # type: ignore[arg-type]

    def _health(self, number: int, state: int) -> Resource:
        return node_world.healthy(
            self._target(number, 1), ("", "healthy", "unhealthy", "initial", "healthy")[state]
        )  # type: ignore[arg-type]

    def _listener(self, number: int, state: int) -> Resource:
        groups = [self._group(number, 1), self._group(1 + number % FEW, 1)]
        weights = ((1, 1), (1, 1), (1, 0), (3, 1), (0, 1))[state]
        return node_world.listener(440 + number, *groups, weights=weights)  # type: ignore[arg-type]

    def _balancer(self, number: int, state: int) -> Resource:
        given: list[dict[str, Any]] = [{}, {}, {"state": "provisioning"}, {"state": "failed"}]
        given.append({"attributes": {"load_balancing.cross_zone.enabled": "true"}})
        return node_world.balancer(**given[state])

    def _interface(self, number: int, state: int) -> Resource:
        addresses = (
            f"10.0.{number % 2}.{10 + number}",
            f"10.0.{number % 2}.{100 + number}",
            node_world.VIPS[0],
        )
        return NetworkInterface(
            id=f"eni-{number}", **OWNER, vpc_id="vpc-1", subnet_id="subnet-0", availability_zone=ZONES[0],
            private_ip=addresses[state % 3], mac="02:00:00:00:00:01", created_at=START,
            security_groups=() if state == 4 else (f"sg-{number}",),
        )  # fmt: skip

    def _security_group(self, number: int, state: int) -> Resource:
        rules = (EVERYWHERE,) * (state % 2)
        return SecurityGroup(
            id=f"sg-{number}", **OWNER, vpc_id="vpc-1", name="s", description="s", ingress=rules, egress=rules
        )

    def _attached(self, number: int, state: int) -> None:
        name = f"eni-{number:017x}"
        self.attached = {k: v for k, v in self.attached.items() if k != name}
        if state:
            self.attached[name] = f"swt{number}-{state % 2}"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(passes=st.lists(CHANGES, min_size=1, max_size=6))
def test_what_is_taken_over_is_what_would_be_made(passes: list[list[tuple[str, int, int]]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory))
        world.store._database.execute("PRAGMA synchronous=OFF")  # type: ignore[attr-defined]
        estate = Estate(world)
        follower = Views(world.store).follow()
        state, names, guarded, sources = StateMaker(()), NameMaker(), GuardMaker(), SourceMaker()
        probed: dict[str, dict[str, ProbeJob]] = {}
        attached: dict[str, str] = {}
        for what, number in itertools.product(KINDS, range(1, 2 * FEW + 1)):
            estate.change(what, number, 1)
        for changes in passes:
            for change in changes:
                estate.change(*change)
            moved = {key for key, _ in attached.items() ^ estate.attached.items()}
            attached = estate.attached
            (view, touched), fresh = follower.look(), Snapshot(world.store)
            made = state.make(view, touched, attached, moved)
            assert made == dataplane_state(fresh, attached, ())
            assert state.make(view, Touched(), attached) is made
            assert names.make(view, touched) == dns_records(fresh)
            assert guarded.make(view, touched) == guards(fresh)
            assert sources.make(view, touched) == bridge_sources(fresh)
            probed |= {arn: jobs_of(view, arn) for arn in touched.groups}
            assert {key: job for jobs in probed.values() for key, job in jobs.items()} == probe_plan(fresh)
        world.close()
