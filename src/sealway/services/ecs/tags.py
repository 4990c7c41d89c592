"""TagResource, UntagResource, ListTagsForResource: of clusters, services, task sets, tasks, container
instances, capacity providers and task definitions, by their ARN."""

from ...model import arn
from ...model.capacity_provider import CapacityProvider
from ...model.cluster import Cluster, ContainerInstance
from ...model.errors import AwsError
from ...model.request import Params
from ...model.service import Service
from ...model.task import Task
from ...model.task_definition import TaskDefinition
from ...model.task_set import TaskSet
from ...store import Reader
from ..context import Context, Operation
from . import errors, tag_list
from .lookup import own_resource

Tagged = CapacityProvider | Cluster | Service | TaskSet | Task | ContainerInstance | TaskDefinition
_KINDS: dict[str, type[Tagged]] = {
    "cluster": Cluster,
    "service": Service,
    "task-set": TaskSet,
    "task": Task,
    "container-instance": ContainerInstance,
    "capacity-provider": CapacityProvider,
    "task-definition": TaskDefinition,
}
_CAN_BE_INACTIVE = ("cluster", "service")


def _tagged(ctx: Context, reader: Reader, given: str) -> Tagged:
    parsed = arn.parse(given)
    word = parsed.resource.split("/", 1)[0] if parsed else ""
    if word not in _KINDS:
        raise errors.invalid(
            f"Invalid ARN '{given}': specify the ARN of a cluster, service, task set, task, container"
            " instance, capacity provider or task definition."
        )
    # Another account's or region's ARN is looked for nowhere: it reads as missing.
    found = reader.get(_KINDS[word], given) if own_resource(ctx, given) else None
    if found is None or getattr(found, "status", "") == "DELETED":
        raise _missing(word)
    if word in _CAN_BE_INACTIVE and getattr(found, "status", "") == "INACTIVE":
        raise errors.invalid(f"The specified {word} is inactive. Specify an active {word} and try again.")
    return found


def _missing(word: str) -> AwsError:
    if word == "cluster":
        return errors.cluster_not_found()
    kind = word.replace("-", " ")
    return errors.invalid(f"The specified {kind} was not found. Specify a valid {kind} and try again.")


def tag_resource(ctx: Context, request: Params) -> Params:
    """TagResource: adds tags, and replaces the values of keys there are."""
    added = tag_list.to_mapping(request["tags"])
    with ctx.store.transaction() as tx:
        resource = _tagged(ctx, tx, request["resourceArn"])
        tags = {**resource.tags, **added}
        tag_list.check_count(tags)
        tx.put(resource.replace(tags=tags))
    return {}


def untag_resource(ctx: Context, request: Params) -> Params:
    """UntagResource: keys that are not there are no error."""
    gone = set(request["tagKeys"])
    for key in gone:
        tag_list.check_key(key)
    with ctx.store.transaction() as tx:
        resource = _tagged(ctx, tx, request["resourceArn"])
        tx.put(resource.replace(tags={k: v for k, v in resource.tags.items() if k not in gone}))
    return {}


def list_tags_for_resource(ctx: Context, request: Params) -> Params:
    """ListTagsForResource."""
    return {"tags": tag_list.to_list(_tagged(ctx, ctx.store, request["resourceArn"]).tags)}


OPERATIONS: dict[str, Operation] = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}
