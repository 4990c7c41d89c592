"""An Auto Scaling group: as many instances as desired, spread over its zones; those that end are replaced.

What has begun to end is never taken back. A launch that cannot be is recorded once as a failed activity, and
tried again whenever the group is looked at. Source: Amazon EC2 Auto Scaling User Guide, "Amazon EC2 Auto
Scaling instance lifecycle", "Configure termination policies".
"""

from collections import Counter
from datetime import datetime, timedelta

import msgspec

from ..model.auto_scaling import (
    ACTIVITIES_KEPT,
    IN_SERVICE,
    NAME_TAG,
    PENDING,
    TERMINATING,
    TERMINATING_WAIT,
    GroupInstance,
    ScalingActivity,
    TemplateChoice,
    ending,
    launching,
)
from ..model.ids import IdSource, uuid
from ..model.instance import Instance
from ..model.launch_template import ID_TAG, VERSION_TAG, LaunchTemplateVersion
from ..model.new_instance import Batch, Recipe, Site, free_address, new_instance
from ..model.resource import Resource
from .auto_scaling_snapshot import Ground, GroupSnapshot, Member
from .plan import Plan, earliest
from .snapshot import GONE
from .termination_policy import choose

MOST_LAUNCHED = 50
"""In one pass; the rest follows in the next."""
RETRY_LAUNCH = timedelta(seconds=30)
LONGEST_DRAIN = timedelta(hours=48)
"""Source: ECS Developer Guide, "Safely shut down Amazon ECS workloads running on EC2 instances"."""


def plan(snapshot: GroupSnapshot, now: datetime, ids: IdSource) -> Plan:
    """The next step of the group."""
    return _Step(snapshot, now, ids).plan()


class _Step:
    """One call of ``plan``: gathers what changes."""

    def __init__(self, snapshot: GroupSnapshot, now: datetime, ids: IdSource) -> None:
        self.snapshot, self.now, self.ids = snapshot, now, ids
        self.group = snapshot.group
        self.members = {member.membership.instance_id: member for member in snapshot.members}
        self.puts: dict[tuple[type[Resource], str], Resource] = {}
        self.deletes: list[Resource] = []
        self.activities = {activity.id: activity for activity in snapshot.activities}
        self.wake_at: datetime | None = None

    def plan(self) -> Plan:
        for member in self.snapshot.members:
            self._follow(member)
        if self.group.delete_requested_at is not None:
            self._delete()
        else:
            self._resize()
        self._forget()
        return Plan(puts=tuple(self.puts.values()), deletes=tuple(self.deletes), wake_at=self.wake_at)

    # --- what became of the instances ---------------------------------------------------------

    def _follow(self, member: Member) -> None:
        instance, membership = member.instance, member.membership
        if instance is None or instance.state == "terminated":
            self._gone(membership)
        elif membership.leaving:
            self._end(member, instance)
        elif instance.state in GONE or instance.terminate_requested_at is not None:
            why = (
                "an instance was taken out of service in response to an EC2 health check indicating it has"
                " been terminated or stopped"
            )
            self._leave(msgspec.structs.replace(member, membership=membership.replace(healthy=False)), why)
        elif membership.state == PENDING and instance.state == "running":
            self._keep(member, membership.replace(state=IN_SERVICE))
            self._finish(membership.instance_id)

    def _gone(self, membership: GroupInstance) -> None:
        self._finish(membership.instance_id)
        del self.members[membership.instance_id]
        self.puts.pop((GroupInstance, membership.key), None)
        self.deletes.append(membership)

    def _keep(self, member: Member, changed: GroupInstance) -> None:
        self._put(changed)
        self.members[changed.instance_id] = msgspec.structs.replace(member, membership=changed)

    def _leave(self, member: Member, why: str) -> None:
        """Takes the instance out of service, and begins to end it."""
        begun = ending(self.group, member.membership.instance_id, uuid(self.ids), self.now, why)
        self._record(begun)
        self._keep(member, member.membership.replace(state=TERMINATING))
        if member.instance is not None:
            self._end(self.members[member.membership.instance_id], member.instance)

    def _end(self, member: Member, instance: Instance) -> None:
        """Ends the instance of a membership that is leaving."""
        if instance.terminate_requested_at is not None or self._drains(member):
            return
        self._put(instance.replace(state="shutting-down", terminate_requested_at=self.now))
        for container in member.containers:
            # The node would find it so in a moment; until then nothing must be placed there.
            self._put(container.replace(agent_connected=False))

    def _drains(self, member: Member) -> bool:
        """Lets the instance's tasks move away first, if managed draining is on; whether it still waits."""
        membership = member.membership
        begun = [a.started_at for a in self.activities.values() if a.instance_id == membership.instance_id]
        until = max(begun, default=self.now) + LONGEST_DRAIN
        deleting = self.group.delete_requested_at is not None
        if deleting or not (self.snapshot.drains and member.busy) or until <= self.now:
            return False
        for container in member.containers:
            if container.status == "ACTIVE":
                self._put(container.replace(status="DRAINING"))
        if membership.state != TERMINATING_WAIT:
            self._keep(member, membership.replace(state=TERMINATING_WAIT))
        self.wake_at = earliest(self.wake_at, until)
        return True

    # --- how many there are to be -------------------------------------------------------------

    def _delete(self) -> None:
        for member in self._alive():
            self._leave(member, "the Auto Scaling group was deleted")
        if not self.members:
            self.puts = {key: put for key, put in self.puts.items() if key[0] is not ScalingActivity}
            self.deletes += [*self.snapshot.activities, self.group]
            self.activities = {}

    def _alive(self) -> list[Member]:
        return [member for member in self.members.values() if not member.membership.leaving]

    def _resize(self) -> None:
        have, wanted = len(self._alive()), self.group.desired_capacity
        if have < wanted:
            self._launch(wanted - have)
        elif have > wanted:
            self._shrink(have - wanted)

    def _shrink(self, count: int) -> None:
        before = len(self._alive())
        for number, member in enumerate(choose(self.group, self._alive(), count)):
            self._leave(
                member,
                "an instance was taken out of service in response to a difference between desired and actual"
                f" capacity, shrinking the capacity from {before - number} to {before - number - 1}",
            )

    def _launch(self, count: int) -> None:
        version = self.snapshot.version
        if version is None:
            self._failed("The specified launch template, or its version, does not exist.")
            return
        batch = Batch(reservation_id=f"r-{self.ids.hex(17)}")
        recipe, grounds = self._recipe(version), {g.subnet.id: g for g in self.snapshot.grounds}
        for index in range(min(count, MOST_LAUNCHED)):
            site = self._site(grounds)
            if isinstance(site, str):
                self._failed(site)
                return
            instance, interface = new_instance(recipe, site, batch, index, (self.ids, self.now))
            ground = grounds[site.subnet.id]
            grounds[site.subnet.id] = msgspec.structs.replace(ground, taken=ground.taken | {site.address})
            self._join(instance, version)
            self._put(instance)
            self._put(interface)

    def _recipe(self, version: LaunchTemplateVersion) -> Recipe:
        propagated = {tag.key: tag.value for tag in self.group.tags if tag.propagate}
        own = {
            NAME_TAG: self.group.name,
            ID_TAG: version.template_id,
            VERSION_TAG: str(version.number),
        }
        return msgspec.structs.replace(version.recipe, tags={**version.recipe.tags, **propagated, **own})

    def _site(self, grounds: dict[str, Ground]) -> Site | str:
        """In the zone with the fewest instances, there in the subnet with the fewest; or why nowhere."""
        alive = self._alive()
        zones = Counter(member.membership.availability_zone for member in alive)
        subnets = Counter(member.instance.subnet_id for member in alive if member.instance is not None)

        def crowd(ground: Ground) -> tuple[int, int, str]:
            subnet = ground.subnet
            return zones[subnet.availability_zone], subnets[subnet.id], subnet.id

        problem = "None of the group's subnets exists any more."
        for ground in sorted(grounds.values(), key=crowd):
            address = None if ground.problem else free_address(ground.subnet, ground.taken, self.ids)
            if address is not None:
                return Site(subnet=ground.subnet, groups=ground.groups, address=address)
            problem = ground.problem or f"The subnet {ground.subnet.id} has no free address."
        return problem

    def _join(self, instance: Instance, version: LaunchTemplateVersion) -> None:
        group, have = self.group, len(self._alive())
        template = TemplateChoice(
            id=version.template_id, name=group.template.name, version=str(version.number)
        )
        membership = GroupInstance(
            instance_id=instance.id,
            group_arn=group.arn,
            account_id=group.account_id,
            region=group.region,
            availability_zone=instance.availability_zone,
            instance_type=instance.instance_type,
            image_id=instance.image_id,
            template=template,
            protected=group.new_instances_protected,
            joined_at=self.now,
        )
        self._keep(Member(membership=membership, instance=instance), membership)
        why = (
            "an instance was started in response to a difference between desired and actual capacity,"
            f" increasing the capacity from {have} to {have + 1}"
        )
        self._record(launching(group, instance.id, uuid(self.ids), self.now, why))

    # --- the record ---------------------------------------------------------------------------

    def _put(self, resource: Resource) -> None:
        self.puts[type(resource), resource.key] = resource

    def _record(self, activity: ScalingActivity) -> None:
        self.activities[activity.id] = activity
        self._put(activity)

    def _finish(self, instance_id: str) -> None:
        """What was under way with the instance is done."""
        for activity in list(self.activities.values()):
            if activity.instance_id == instance_id and activity.ended_at is None:
                self._record(activity.replace(status="Successful", ended_at=self.now))

    def _failed(self, reason: str) -> None:
        """A launch failed: said once, until something else happens."""
        self.wake_at = earliest(self.wake_at, self.now + RETRY_LAUNCH)
        newest = max((activity.started_at for activity in self.activities.values()), default=None)
        latest = (activity for activity in self.activities.values() if activity.started_at == newest)
        if any((one.status, one.status_message) == ("Failed", reason) for one in latest):
            return
        why = "an instance was to be started in response to a difference between desired and actual capacity"
        begun = launching(self.group, None, uuid(self.ids), self.now, why)
        words = f"{begun.description}  Status Reason: {reason} Launching EC2 instance failed."
        self._record(
            begun.replace(description=words, status="Failed", status_message=reason, ended_at=self.now)
        )

    def _forget(self) -> None:
        """Drops the oldest activities beyond those that are kept."""
        ended = [activity for activity in self.activities.values() if activity.ended_at is not None]
        for activity in ended[: max(0, len(self.activities) - ACTIVITIES_KEPT)]:
            self.puts.pop((ScalingActivity, activity.id), None)
            if activity.version:
                self.deletes.append(self._stored(activity))

    def _stored(self, activity: ScalingActivity) -> ScalingActivity:
        return next(known for known in self.snapshot.activities if known.id == activity.id)
