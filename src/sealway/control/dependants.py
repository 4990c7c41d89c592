"""Which services a listener, a target group or a container instance makes a difference to, beside those whose
tasks show it. Kept up change by change, so that nobody has to look through all services for them.
"""

from collections.abc import Iterable

from ..model.load_balancer import Listener
from ..model.resource import Resource
from ..model.service import Service
from ..model.shared import Givers
from ..model.task_set import TaskSet
from ..store import Change, Reader


class Dependants:
    """Of everything that is in ``reader``."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._users: Givers[str] = Givers()
        """Target groups and listeners, and the services and task sets that name them."""
        self._forwards: Givers[str] = Givers()
        """Target groups, and the listeners that forward to them."""
        self._everywhere: Givers[str] = Givers()
        """Clusters, and their services to which every instance matters."""
        self._before: dict[str, frozenset[str]] = {}
        kinds: tuple[type[Resource], ...] = (Service, TaskSet, Listener)
        for kind in kinds:
            self.follow((kind, each.key) for each in reader.list(kind))

    def follow(self, changes: Iterable[Change]) -> None:
        """Takes these changes in."""
        self._before = {}
        for kind, key in changes:
            if kind is Service:
                self._put_service(key)
            elif kind is TaskSet:
                task_set = self._reader.get(TaskSet, key)
                self._users.give(key, _named(task_set.load_balancers) if task_set else frozenset[str]())
            elif kind is Listener:
                listener = self._reader.get(Listener, key)
                self._before[key] = frozenset(self._forwards.given(key))
                groups = frozenset(listener.target_group_weights) if listener else frozenset[str]()
                self._forwards.give(key, groups)

    def groups_of(self, listener: str) -> frozenset[str]:
        """The target groups that the listener forwards to, or did before the last changes."""
        return self._before.get(listener, frozenset()) | self._forwards.given(listener)

    def users_of(self, named: Iterable[str]) -> set[str]:
        """The services that name one of these target groups or listeners."""
        users = {user for each in named for user in self._users.of(each)}
        sets = (self._reader.get(TaskSet, user) for user in users)
        return users | {one.service_arn for one in sets if one is not None}

    def everywhere(self, cluster: str) -> frozenset[str]:
        """The services of a cluster to which every instance matters: DAEMON ones, and those that are kept
        in balance between zones."""
        return frozenset(self._everywhere.of(cluster))

    def _put_service(self, arn: str) -> None:
        service = self._reader.get(Service, arn)
        if service is None:
            self._users.give(arn, frozenset())
            self._everywhere.give(arn, frozenset())
            return
        older = (balancer for d in service.deployments for balancer in service.balancers_of(d.id))
        self._users.give(arn, _named((*service.load_balancers, *older)))
        rebalances = service.extra.get("availabilityZoneRebalancing") == "ENABLED"
        matters = service.scheduling_strategy == "DAEMON" or rebalances
        self._everywhere.give(arn, {service.cluster_arn} if matters else set[str]())


def _named(balancers: Iterable[dict[str, object]]) -> frozenset[str]:
    """The ARNs in a service's load balancers."""
    found: set[str] = set()
    for balancer in balancers:
        advanced = balancer.get("advancedConfiguration")
        parts = (balancer, advanced) if isinstance(advanced, dict) else (balancer,)
        found |= {value for part in parts for value in part.values() if isinstance(value, str)}
    return frozenset(each for each in found if each.startswith("arn:"))
