"""Which container instances are a capacity provider's, and which of them are protected from scale-in.

An instance is the provider's while it is in its Auto Scaling group, and registered in a cluster that has the
provider. With managed termination protection those with tasks are protected, the others are not.
Source: ECS Developer Guide, "Control the instances Amazon ECS terminates".
"""

from collections.abc import Iterable

from ..model.auto_scaling import IN_SERVICE
from ..model.cluster import ContainerInstance
from ..model.resource import Resource
from .auto_scaling_snapshot import GroupSnapshot
from .plan import Plan


def plan(snapshot: GroupSnapshot, registered: Iterable[ContainerInstance]) -> Plan:
    """What is not so yet. ``registered``: those that have its provider's name, also after they left."""
    provider = snapshot.provider
    clusters = {cluster.arn for cluster in snapshot.clusters}
    name = provider.name if provider else None
    puts: list[Resource] = []
    own: set[str] = set()
    for member in snapshot.members:
        for container in member.containers:
            own.add(container.arn)
            right = name if container.cluster_arn in clusters else None
            if container.capacity_provider != right:
                puts.append(container.replace(capacity_provider=right))
    if provider is not None:
        puts += [
            container.replace(capacity_provider=None)
            for container in registered
            if container.capacity_provider == name
            and container.arn not in own
            and container.status != "INACTIVE"
            and (container.account_id, container.region) == (provider.account_id, provider.region)
        ]
    return Plan(puts=(*puts, *_protected(snapshot)))


def _protected(snapshot: GroupSnapshot) -> list[Resource]:
    provider = snapshot.provider
    if provider is None or not (provider.protects and provider.scaling.enabled and snapshot.clusters):
        return []
    return [
        member.membership.replace(protected=member.busy)
        for member in snapshot.members
        if member.membership.state == IN_SERVICE
        and member.containers
        and member.membership.protected != member.busy
    ]
