"""Finding what a request names: by short name, id or ARN, of the caller's account and region.

An ARN of another account or region, or of another cluster than the request's, reads as missing.
"""

import re

from ...model import arn
from ...model.cluster import Cluster, ContainerInstance
from ...model.service import Service
from ...model.task import Task
from ...model.task_definition import TaskDefinition
from ...store import Reader
from ..context import Context
from . import errors
from .names import is_name

DEFAULT_CLUSTER = "default"
_DEFINITION = re.compile(r"(?P<family>[A-Za-z0-9_-]{1,255})(?::(?P<revision>[^:/]*))?")

_REVISION = re.compile(r"0*[1-9][0-9]{0,9}")


def own_resource(ctx: Context, text: str) -> str | None:
    """``text`` itself when it is no ARN; an ARN's resource part; None for another account's or region's."""
    if not text.startswith("arn:"):
        return text
    parsed = arn.parse(text)
    if parsed is None or (parsed.partition, parsed.service) != (arn.PARTITION, "ecs"):
        return None
    if (parsed.region, parsed.account_id) != (ctx.region, ctx.account_id):
        return None
    return parsed.resource


def cluster_arn(ctx: Context, name: str) -> str:
    """The ARN a cluster of that name has."""
    return arn.ecs(ctx.region, ctx.account_id, f"cluster/{name}")


def cluster_name(ctx: Context, given: str | None) -> str | None:
    """The short name in a request's ``cluster``; None when it can be no cluster of the caller's."""
    resource = own_resource(ctx, given or DEFAULT_CLUSTER)
    if resource is None:
        return None
    name = resource.removeprefix("cluster/") if given and given.startswith("arn:") else resource
    return name if is_name(name) else None


def find_cluster(ctx: Context, reader: Reader, given: str | None) -> Cluster | None:
    """The cluster, whatever its status, or None."""
    name = cluster_name(ctx, given)
    return reader.get(Cluster, cluster_arn(ctx, name)) if name else None


def require_cluster(ctx: Context, reader: Reader, given: str | None) -> Cluster:
    """The active cluster, or ClusterNotFoundException."""
    cluster = find_cluster(ctx, reader, given)
    if cluster is None or cluster.status != "ACTIVE":
        raise errors.cluster_not_found()
    return cluster


def member_arn(ctx: Context, cluster: Cluster, kind: str, given: str) -> str | None:
    """The ARN of ``service/...``, ``task/...`` or ``container-instance/...`` in the cluster.

    None when ``given`` is an ARN that belongs elsewhere.
    """
    resource = own_resource(ctx, given)
    if resource is None:
        return None
    if given.startswith("arn:"):
        return given if resource.startswith(f"{kind}/{cluster.name}/") else None
    name = resource.removeprefix(f"{cluster.name}/")
    return arn.ecs(ctx.region, ctx.account_id, f"{kind}/{cluster.name}/{name}")


def display_arn(ctx: Context, cluster: Cluster, kind: str, given: str) -> str:
    """What ``failures`` calls something that is missing."""
    return member_arn(ctx, cluster, kind, given) or given


def find_service(ctx: Context, reader: Reader, cluster: Cluster, given: str) -> Service | None:
    """The service by name or ARN, whatever its status."""
    key = member_arn(ctx, cluster, "service", given)
    return reader.get(Service, key) if key else None


def find_task(ctx: Context, reader: Reader, cluster: Cluster, given: str) -> Task | None:
    """The task by id or ARN."""
    key = member_arn(ctx, cluster, "task", given)
    return reader.get(Task, key) if key else None


def find_instance(ctx: Context, reader: Reader, cluster: Cluster, given: str) -> ContainerInstance | None:
    """The container instance by id or ARN; those deregistered too."""
    key = member_arn(ctx, cluster, "container-instance", given)
    return reader.get(ContainerInstance, key) if key else None


def family_revisions(ctx: Context, reader: Reader, family: str) -> list[TaskDefinition]:
    """All revisions of a family, oldest first; DELETED ones too."""
    found = reader.list(TaskDefinition, family=family, account_id=ctx.account_id, region=ctx.region)
    return sorted(found, key=lambda definition: definition.revision)


def find_definition(ctx: Context, reader: Reader, given: str) -> TaskDefinition | None:
    """By ``family`` (the latest active revision), ``family:revision`` or ARN (whatever its status).

    Raises InvalidParameterException when the revision is no number.
    """
    resource = own_resource(ctx, given)
    if resource is None:
        return None
    named = _DEFINITION.fullmatch(resource.removeprefix("task-definition/"))
    if named is None:
        return None
    family, revision = named["family"], named["revision"]
    if revision is None:
        active = [d for d in family_revisions(ctx, reader, family) if d.status == "ACTIVE"]
        return active[-1] if active else None
    if _REVISION.fullmatch(revision) is None:
        raise errors.invalid(f"Invalid revision number. Number: {revision}")
    key = arn.ecs(ctx.region, ctx.account_id, f"task-definition/{family}:{int(revision)}")
    found = reader.get(TaskDefinition, key)
    return None if found is None or found.status == "DELETED" else found


def definition_of(reader: Reader, key: str) -> TaskDefinition:
    """The definition that a task or service names: it is never deleted."""
    definition = reader.get(TaskDefinition, key)
    if definition is None:
        raise errors.task_definition_not_found()
    return definition


def require_definition(ctx: Context, reader: Reader, given: str) -> TaskDefinition:
    """An active definition to make tasks of, or AWS's ClientException."""
    definition = find_definition(ctx, reader, given)
    if definition is None:
        raise errors.task_definition_not_found()
    if definition.status != "ACTIVE":
        raise errors.client("TaskDefinition is inactive")
    return definition
