"""What the planner of an Auto Scaling group looks at."""

from collections.abc import Mapping

import msgspec

from ..model.auto_scaling import AutoScalingGroup, GroupInstance, ScalingActivity
from ..model.capacity_provider import CapacityProvider
from ..model.cluster import Cluster, ContainerInstance
from ..model.instance import Instance
from ..model.launch_template import LaunchTemplate, LaunchTemplateVersion, numbered, version_key
from ..model.network import NetworkInterface, SecurityGroup, Subnet
from ..model.service import Service
from ..model.task import Task
from ..store import Reader


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """An instance of the group. ``instance`` None: nothing is known of it any more."""

    membership: GroupInstance
    instance: Instance | None
    containers: tuple[ContainerInstance, ...] = ()
    """What it is to ECS, INACTIVE registrations left out."""
    deregistered: bool = False
    """Whether it was something to ECS once, and is no longer."""
    busy: bool = False
    """Whether it has tasks that no DAEMON service looks after."""


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """A subnet of the group. ``groups``: the ids of the template's security groups; or a ``problem``."""

    subnet: Subnet
    groups: tuple[str, ...] = ()
    taken: frozenset[str] = frozenset()
    problem: str = ""


class GroupSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A group with everything its planner needs. ``version`` None: its template is gone, or the version."""

    group: AutoScalingGroup
    version: LaunchTemplateVersion | None
    members: tuple[Member, ...] = ()
    provider: CapacityProvider | None = None
    """The capacity provider that stands on the group."""
    clusters: tuple[Cluster, ...] = ()
    """Those that have the provider."""
    grounds: tuple[Ground, ...] = ()
    activities: tuple[ScalingActivity, ...] = ()
    """Oldest first."""

    @property
    def drains(self) -> bool:
        """Whether tasks move away from an instance before it ends."""
        return self.provider is not None and self.provider.drains and bool(self.clusters)


def read(reader: Reader, arn: str) -> GroupSnapshot | None:
    """The snapshot; None when there is no such group."""
    group = reader.get(AutoScalingGroup, arn)
    if group is None:
        return None
    version = _version(reader, group)
    provider = next(iter(reader.list(CapacityProvider, group_arn=arn)), None)
    activities = reader.list(ScalingActivity, group_arn=arn)
    return GroupSnapshot(
        group=group,
        version=version,
        provider=provider,
        clusters=_clusters(reader, provider) if provider else (),
        members=tuple(_member(reader, m) for m in reader.list(GroupInstance, group_arn=arn)),
        grounds=tuple(
            _ground(reader, subnet, version)
            for key in group.subnets
            if (subnet := reader.get(Subnet, key)) is not None
        ),
        activities=tuple(sorted(activities, key=lambda activity: (activity.started_at, activity.id))),
    )


def _clusters(reader: Reader, provider: CapacityProvider) -> tuple[Cluster, ...]:
    own = reader.list(Cluster, account_id=provider.account_id, region=provider.region, status="ACTIVE")
    return tuple(cluster for cluster in own if provider.name in cluster.capacity_providers)


def _version(reader: Reader, group: AutoScalingGroup) -> LaunchTemplateVersion | None:
    template = reader.get(LaunchTemplate, group.template.id)
    number = numbered(template, group.template.version) if template else None
    return reader.get(LaunchTemplateVersion, version_key(group.template.id, number)) if number else None


def _member(reader: Reader, membership: GroupInstance) -> Member:
    registered = reader.list(ContainerInstance, ec2_instance_id=membership.instance_id)
    containers = tuple(c for c in registered if c.status != "INACTIVE")
    return Member(
        membership=membership,
        instance=reader.get(Instance, membership.instance_id),
        containers=containers,
        deregistered=bool(registered) and not containers,
        busy=any(_is_busy(reader, container) for container in containers),
    )


def _is_busy(reader: Reader, container: ContainerInstance) -> bool:
    tasks = reader.list(Task, container_instance_arn=container.arn)
    return any(task.last_status != "STOPPED" and not _is_daemon(reader, task) for task in tasks)


def _is_daemon(reader: Reader, task: Task) -> bool:
    service = reader.get(Service, task.service_arn) if task.service_arn else None
    return service is not None and service.scheduling_strategy == "DAEMON"


def _ground(reader: Reader, subnet: Subnet, version: LaunchTemplateVersion | None) -> Ground:
    taken = frozenset(i.private_ip for i in reader.list(NetworkInterface, subnet_id=subnet.id))
    groups = reader.list(SecurityGroup, vpc_id=subnet.vpc_id)
    known: Mapping[str, str] = {**{g.name: g.id for g in groups}, **{g.id: g.id for g in groups}}
    named = (*version.group_ids, *version.group_names) if version else ()
    missing = [name for name in named or ("default",) if name not in known]
    if missing:
        problem = f"The security group '{missing[0]}' does not exist in VPC '{subnet.vpc_id}'"
        return Ground(subnet=subnet, problem=problem)
    ids = tuple(dict.fromkeys(known[name] for name in named or ("default",)))
    return Ground(subnet=subnet, groups=ids, taken=taken)
