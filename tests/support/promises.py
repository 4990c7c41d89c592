"""What must hold after every single write, whatever happened: nothing is given twice, nobody is let down."""

from collections import Counter
from collections.abc import Iterable

from sealway.control.deployment_plan import bounds_of
from sealway.model.network import NetworkInterface
from sealway.model.service import Service
from sealway.model.target_group import Target
from sealway.model.task import Task
from sealway.store.base import Change
from tests.support.process import Process


class Promises:
    """Looks at the store after each commit of a process, and at each state of its data plane."""

    def __init__(self) -> None:
        self._served, self._seen = False, 0
        self._active: dict[str, int] = {}

    def watch(self, process: Process) -> None:
        """From now on; a broken promise is raised where it is broken."""
        publish = process.store._hub.publish
        self._seen = len(process.outside.dataplane.applied)
        self._count(process)

        def checked(changes: set[Change]) -> None:
            self._check(process)
            publish(changes)

        process.store._hub.publish = checked  # type: ignore[method-assign]

    def _check(self, process: Process) -> None:
        tasks = [t for t in process.store.list(Task) if t.last_status != "STOPPED"]
        interfaces = process.store.list(NetworkInterface)
        _once("an address", (i.private_ip for i in interfaces))
        _once("a task's address", (t.interface.private_ip for t in tasks if t.interface))
        _once("a task's interface", (t.interface.network_interface_id for t in tasks if t.interface))
        missing = {t.interface.network_interface_id for t in tasks if t.interface} - {
            i.id for i in interfaces
        }
        assert not missing, f"interfaces of tasks that nobody knows: {missing}"
        _once("a target", ((t.target_group_arn, t.task_arn) for t in process.store.list(Target)))
        before = self._active
        self._count(process)
        for service in process.store.list(Service):
            now, most = self._active[service.arn], max(bounds_of(service).upper, before.get(service.arn, 0))
            assert now <= most, f"{now} tasks, at most {most}"
        self._check_plane(process)

    def _count(self, process: Process) -> None:
        active = [t for t in process.store.list(Task) if t.desired_status == "RUNNING"]
        counted = Counter(t.service_arn for t in active if t.last_status != "STOPPED")
        self._active = {s.arn: counted[s.arn] for s in process.store.list(Service)}

    def _check_plane(self, process: Process) -> None:
        wanted = any(s.status == "ACTIVE" and s.desired_count for s in process.store.list(Service))
        states = process.outside.dataplane.applied
        for state in states[self._seen :]:
            full = bool(state.frontends) and all(f.backends for f in state.frontends)
            assert full or not self._served or not wanted, "a client met a listener without a target"
            self._served = full and wanted
        self._seen = len(states)


def _once(what: str, given: Iterable[object]) -> None:
    twice = [each for each, count in Counter(given).items() if count > 1]
    assert not twice, f"{what} is given twice: {twice}"
