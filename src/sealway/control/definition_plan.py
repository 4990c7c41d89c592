"""Task definitions whose deletion was asked for: they go when no task and no service uses them.

A stopped task uses its definition as long as it can be described. Of a family's highest revision the number
stays, as a DELETED one without content, until a newer revision is registered.
Source: ECS API Reference, DeleteTaskDefinitions.
"""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from ..model.code_deployment import UNDER_WAY, CodeDeployment
from ..model.service import Service
from ..model.task import Task
from ..model.task_definition import TaskDefinition
from ..model.task_set import TaskSet
from ..store import Reader
from .plan import Plan

_DOOMED = ("DELETE_IN_PROGRESS", "DELETED")


class Deletions(msgspec.Struct, frozen=True, kw_only=True):
    """``definitions``: all revisions of the families where one is to be deleted. ``used``: ARNs."""

    definitions: tuple[TaskDefinition, ...] = ()
    used: frozenset[str] = frozenset()


def read(reader: Reader) -> Deletions:
    """The snapshot."""
    doomed = [d for status in _DOOMED for d in reader.list(TaskDefinition, status=status)]
    if not doomed:
        return Deletions()
    definitions = [
        d for family in {d.family for d in doomed} for d in reader.list(TaskDefinition, family=family)
    ]
    return Deletions(definitions=tuple(definitions), used=frozenset(_used(reader)))


def _used(reader: Reader) -> Iterable[str]:
    yield from (task.task_definition_arn for task in reader.list(Task))
    yield from (task_set.task_definition_arn for task_set in reader.list(TaskSet))
    for status in UNDER_WAY:
        yield from (d.green.task_definition_arn for d in reader.list(CodeDeployment, status=status))
    for service in reader.list(Service):
        if not service.made_of_task_sets:
            yield service.task_definition_arn
        yield from (deployment.task_definition_arn for deployment in service.deployments)


def plan(snapshot: Deletions) -> Plan:
    """What can be deleted now."""
    families: defaultdict[tuple[str, str, str], list[TaskDefinition]] = defaultdict(list)
    for definition in snapshot.definitions:
        families[definition.account_id, definition.region, definition.family].append(definition)
    puts, deletes = [], []
    for revisions in families.values():
        highest = max(revision.revision for revision in revisions)
        for definition in revisions:
            if definition.status not in _DOOMED or definition.arn in snapshot.used:
                continue
            if definition.revision < highest:
                deletes.append(definition)
            elif definition.status != "DELETED":
                puts.append(_emptied(definition))
    return Plan(puts=tuple(puts), deletes=tuple(deletes))


def _emptied(definition: TaskDefinition) -> TaskDefinition:
    return definition.replace(status="DELETED", spec={"containerDefinitions": []}, tags={})
