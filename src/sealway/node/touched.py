"""What has changed in the store since somebody looked last, as the keys of what is to be made anew.

A change of one thing touches what shows it, too: a target group stands for its targets, their health, the
tasks and instances behind them, and the listeners that forward to it.
"""

from dataclasses import dataclass, field, fields

from ..model.load_balancer import Listener, LoadBalancer
from ..model.network import NetworkInterface, SecurityGroup
from ..model.resource import Resource
from ..model.target_group import Target, TargetGroup, TargetHealth
from ..model.task import Task
from ..store.base import Reader


@dataclass
class Touched:
    """Keys, of what is gone as well."""

    balancers: set[str] = field(default_factory=set)
    listeners: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    tasks: set[str] = field(default_factory=set)
    interfaces: set[str] = field(default_factory=set)
    security_groups: set[str] = field(default_factory=set)

    def add(self, other: "Touched") -> None:
        """Those too."""
        for each in fields(self):
            getattr(self, each.name).update(getattr(other, each.name))

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))


_KINDS: dict[str, type[Resource]] = {
    "balancers": LoadBalancer,
    "listeners": Listener,
    "groups": TargetGroup,
    "tasks": Task,
    "interfaces": NetworkInterface,
    "security_groups": SecurityGroup,
}


def everything(store: Reader) -> Touched:
    """All that there is. A target group that is gone may have left targets, or health."""
    found = Touched(**{name: {each.key for each in store.list(kind)} for name, kind in _KINDS.items()})
    found.groups |= {target.target_group_arn for target in store.list(Target)}
    found.groups |= {health.target_group_arn for health in store.list(TargetHealth)}
    return found
