"""Whatever is asked of an Auto Scaling group with a capacity provider, and whatever becomes of its instances:

- the planners come to rest, with at most ``MaxSize`` instances and, where it can be, as many as are desired;
- zones differ by one instance at most after a scale-out from nothing;
- scale-in ends no instance that is protected;
- tasks run on their provider's instances alone, never beyond what these have; those that wait have no place.
"""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealway.model.auto_scaling import AutoScalingGroup, GroupInstance
from sealway.model.capacity import NAME
from sealway.model.capacity_provider import CapacityProvider, ManagedScaling
from sealway.model.cluster import Cluster, ContainerInstance
from sealway.model.instance import Instance
from sealway.model.launch_template import LaunchTemplate, LaunchTemplateVersion
from sealway.model.network import SecurityGroup
from sealway.model.new_instance import Recipe
from sealway.model.task import Task
from tests.support.cluster_world import CLUSTER, ECS, NOW, OWNER, SCALING_GROUP, instance, scaling_group
from tests.support.control_world import ZONES, ControlWorld

ROOM = 2
"""Tasks that an instance has room for."""
actions = st.one_of(
    st.tuples(st.just("tick"), st.sampled_from([1, 61, 1000])),
    st.tuples(st.just("scale"), st.integers(0, 9)),
    st.tuples(st.just("desire"), st.integers(0, 5)),
    st.tuples(st.just("most"), st.integers(0, 6)),
    st.tuples(st.just("protect"), st.integers(0, 5)),
    st.tuples(st.just("terminate"), st.integers(0, 5)),
    st.tuples(st.just("kill"), st.integers(0, 5)),
    st.tuples(st.just("switch"), st.booleans()),
    st.tuples(st.just("template"), st.booleans()),
)


class Fleet:
    """A service on a capacity provider; instances boot, register and end as soon as they are looked at."""

    def __init__(self, world: ControlWorld, *, scaled: bool, drains: bool, protects: bool) -> None:
        self.world = world
        world.subnets()
        provider = CapacityProvider(
            **OWNER,
            arn=f"{ECS}:capacity-provider/own",
            name="own",
            group_arn=SCALING_GROUP,
            scaling=ManagedScaling(enabled=scaled),
            drains=drains,
            protects=protects,
            created_at=NOW,
        )
        group = SecurityGroup(**OWNER, id="sg-1", vpc_id="vpc-1", name="default", description="")
        stranger = instance(99, capacity_provider=None)
        world.put(provider, group, stranger, *template(), scaling_group(max_size=5))
        world.change(Cluster, CLUSTER, capacity_providers=("own",))
        strategy = [{"capacityProvider": "own", "weight": 1}]
        world.create(2, extra={"capacityProviderStrategy": strategy})
        self.protected: set[str] = set()
        self.settle()

    @property
    def group(self) -> AutoScalingGroup:
        found = self.world.store.get(AutoScalingGroup, SCALING_GROUP)
        assert found is not None
        return found

    def alive(self) -> list[GroupInstance]:
        return [m for m in self.world.store.list(GroupInstance) if not m.leaving]

    def act(self, name: str, value: Any) -> None:
        world, alive = self.world, self.alive()
        chosen = alive[value % len(alive)] if alive else None
        if name == "tick":
            world.tick(value)
        elif name == "scale":
            deployment = world.service.deployments[0]
            world.put(world.service.replace(desired_count=value, deployments=(deployment,)))
        elif name == "desire" and value <= self.group.max_size:
            world.put(self.group.replace(desired_capacity=value))
        elif name == "most":
            desired = min(value, self.group.desired_capacity)
            world.put(self.group.replace(max_size=value, desired_capacity=desired))
        elif name == "protect" and chosen:
            world.put(chosen.replace(protected=not chosen.protected))
        elif name == "terminate" and chosen:
            world.put(chosen.replace(state="Terminating"))
        elif name == "kill" and chosen:
            world.change(
                Instance, chosen.instance_id, state="shutting-down", terminate_requested_at=world.now
            )
        elif name == "switch":
            found = world.store.list(CapacityProvider)[0]
            world.put(found.replace(scaling=ManagedScaling(enabled=value)))
        elif name == "template":
            self._template(there=value)
        killed = {chosen.instance_id} if chosen and name in ("terminate", "kill") else set()
        self.settle(killed)

    def _template(self, *, there: bool) -> None:
        known = self.world.store.get(LaunchTemplate, "lt-1")
        if there and known is None:
            self.world.put(template()[0])
        elif not there and known is not None:
            with self.world.store.transaction() as tx:
                tx.delete(known)

    def settle(self, killed: set[str] | frozenset[str] = frozenset()) -> None:
        """The planners and the hosts in turn, and what must hold whenever they rest."""
        kept = {m.instance_id for m in self.alive() if m.protected} - killed
        by_ecs = self.world.store.list(CapacityProvider)[0].protects
        for _ in range(40):
            self.world.settle()
            assert by_ecs or kept <= {m.instance_id for m in self.alive()}, "a protected one was ended"
            self.check()
            if not self._hosts():
                return
        raise AssertionError("the planners and the hosts do not come to rest")

    def _hosts(self) -> bool:
        """Every instance takes its next step; whether any did."""
        world, moved = self.world, False
        for host in world.store.list(Instance):
            if host.state == "pending":
                world.put(host.replace(state="running"), registered(host))
            elif host.state == "shutting-down":
                world.put(host.replace(state="terminated", terminated_at=world.now))
                for one in world.store.list(ContainerInstance, ec2_instance_id=host.id):
                    world.put(one.replace(status="INACTIVE"))
            else:
                continue
            moved = True
        return moved

    def check(self) -> None:
        alive, group = self.alive(), self.group
        assert len(alive) <= max(group.max_size, len([m for m in alive if m.protected]))
        if self.world.store.get(LaunchTemplate, "lt-1"):
            assert len(alive) >= group.desired_capacity
        own = {m.instance_id for m in self.world.store.list(GroupInstance)}
        hosts = {c.arn: c.ec2_instance_id for c in self.world.store.list(ContainerInstance)}
        there: dict[str, int] = {}
        for task in self.world.store.list(Task):
            if task.last_status == "STOPPED":
                continue
            assert task.extra[NAME] == "own"
            assert (task.wait is None) == (task.container_instance_arn is not None)
            if task.container_instance_arn is not None:
                there[task.container_instance_arn] = there.get(task.container_instance_arn, 0) + 1
                assert task.desired_status == "STOPPED" or hosts[task.container_instance_arn] in own
        assert all(count <= ROOM for count in there.values())


def template() -> tuple[LaunchTemplate, LaunchTemplateVersion]:
    """Of instances for two tasks."""
    whose = {"created_at": NOW, "created_by": "root"}
    recipe = Recipe(image_id="ami-1", instance_type="t3.nano")
    version = LaunchTemplateVersion(**OWNER, **whose, template_id="lt-1", number=1, data={}, recipe=recipe)
    return LaunchTemplate(**OWNER, **whose, id="lt-1", name="nodes"), version


def registered(host: Instance) -> ContainerInstance:
    """What its agent registers when it has booted."""
    return ContainerInstance(
        **OWNER,
        arn=f"{ECS}:container-instance/blue/{host.id.removeprefix('i-')}",
        cluster_arn=CLUSTER,
        ec2_instance_id=host.id,
        private_ip=host.private_ip,
        availability_zone=host.availability_zone,
        cpu_units=2048,
        memory_mib=128 * ROOM + 5,
        registered_at=NOW,
    )


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    plan=st.lists(actions, max_size=10),
    scaled=st.booleans(),
    drains=st.booleans(),
    protects=st.booleans(),
)
def test_promises(plan: list[tuple[str, Any]], scaled: bool, drains: bool, protects: bool) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = ControlWorld(Path(directory))
        try:
            fleet = Fleet(world, scaled=scaled, drains=drains, protects=protects)
            for name, value in plan:
                fleet.act(name, value)
        finally:
            world.store.close()


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(desired=st.integers(0, 5), least=st.integers(0, 5))
def test_zones_are_filled_alike(desired: int, least: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = ControlWorld(Path(directory))
        try:
            fleet = Fleet(world, scaled=False, drains=True, protects=False)
            for wanted in (desired, least, desired):
                world.put(fleet.group.replace(desired_capacity=wanted))
                fleet.settle()
                zones = [sum(m.availability_zone == zone for m in fleet.alive()) for zone in ZONES[:2]]
                assert max(zones) - min(zones) <= 1
        finally:
            world.store.close()
