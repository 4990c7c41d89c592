"""RegisterTaskDefinition, DescribeTaskDefinition, DeregisterTaskDefinition, DeleteTaskDefinitions, the lists.

A family's revisions count up and are never reused; deregistering one makes it INACTIVE, and tasks and
services that use it go on. Of an INACTIVE one deletion can be asked: ``control`` does it when nothing uses
it any more.
"""

from collections import defaultdict

import msgspec

from ...model import arn
from ...model.request import Params
from ...model.task_definition import TaskDefinition
from ..context import Context, Operation
from . import errors, tag_list
from .lookup import family_revisions, find_definition
from .pages import cut
from .task_definition_rules import check_architecture, checked_spec, compatibilities
from .task_definition_view import show

_MOST_DELETED = 10
_LARGEST = 64 * 1024
"""Bytes of a definition."""


def register_task_definition(ctx: Context, request: Params) -> Params:
    """RegisterTaskDefinition: the family's next revision."""
    spec = checked_spec(request)
    check_architecture(spec, ctx.architecture)
    _check_size(spec)
    tags = tag_list.to_mapping(request.get("tags"))
    with ctx.store.transaction() as tx:
        known = family_revisions(ctx, tx, spec["family"])
        revision = known[-1].revision + 1 if known else 1
        definition = tx.put(
            TaskDefinition(
                arn=arn.ecs(ctx.region, ctx.account_id, f"task-definition/{spec['family']}:{revision}"),
                account_id=ctx.account_id,
                region=ctx.region,
                family=spec["family"],
                revision=revision,
                spec=spec,
                compatibilities=compatibilities(spec),
                registered_at=ctx.now,
                registered_by=arn.make("iam", "", ctx.account_id, "root"),
                tags=tags,
            )
        )
    answer: Params = {"taskDefinition": show(definition)}
    return {**answer, "tags": tag_list.to_list(tags)} if tags else answer


def _check_size(spec: Params) -> None:
    size = len(msgspec.json.encode(spec))
    if size > _LARGEST:
        raise errors.client(f"Actual length: '{size}'. Max allowed length is '{_LARGEST}' bytes.")


def describe_task_definition(ctx: Context, request: Params) -> Params:
    """DescribeTaskDefinition: by family its latest active revision, else exactly what is named."""
    definition = find_definition(ctx, ctx.store, request["taskDefinition"])
    if definition is None:
        raise errors.client("Unable to describe task definition.")
    answer: Params = {"taskDefinition": show(definition)}
    if tag_list.wanted(request):
        answer["tags"] = tag_list.to_list(definition.tags)
    return answer


def deregister_task_definition(ctx: Context, request: Params) -> Params:
    """DeregisterTaskDefinition: one revision becomes INACTIVE."""
    given = request["taskDefinition"]
    if ":" not in arn.last(given):
        raise errors.client("Revision is missing.")
    with ctx.store.transaction() as tx:
        definition = find_definition(ctx, tx, given)
        if definition is None:
            raise errors.client("The specified task definition does not exist.")
        if definition.status == "ACTIVE":
            definition = tx.put(definition.replace(status="INACTIVE", deregistered_at=ctx.now))
    return {"taskDefinition": show(definition)}


def delete_task_definitions(ctx: Context, request: Params) -> Params:
    """DeleteTaskDefinitions: INACTIVE revisions; the others under ``failures``. Safe to repeat."""
    given = list(dict.fromkeys(request["taskDefinitions"]))
    if not 1 <= len(given) <= _MOST_DELETED:
        raise errors.invalid(f"Specify between 1 and {_MOST_DELETED} task definitions.")
    shown, failures = [], []
    with ctx.store.transaction() as tx:
        for text in given:
            definition = find_definition(ctx, tx, text) if ":" in arn.last(text) else None
            problem = _undeletable(definition)
            if definition is None or problem:
                failures.append(errors.failure(text, problem or ""))
                continue
            if definition.status == "INACTIVE":
                changes: Params = {"status": "DELETE_IN_PROGRESS", "delete_requested_at": ctx.now}
                definition = tx.put(definition.replace(**changes))
            shown.append(show(definition))
    return {"taskDefinitions": shown, "failures": failures}


def _undeletable(definition: TaskDefinition | None) -> str | None:
    if definition is None:
        return (
            "The specified task definition does not exist. Specify a valid account, family, revision and"
            " try again."
        )
    if definition.status == "ACTIVE":
        return (
            "The specified task definition is still in ACTIVE status. Please deregister the target and try"
            " again."
        )
    return None


def list_task_definitions(ctx: Context, request: Params) -> Params:
    """ListTaskDefinitions: by family and revision; ACTIVE ones unless asked otherwise."""
    status, family = request.get("status") or "ACTIVE", request.get("familyPrefix")
    own = ctx.store.list(TaskDefinition, account_id=ctx.account_id, region=ctx.region)
    # Revisions sort as numbers, which their ARNs as text do not.
    arns = {
        f"{d.family}:{d.revision:010d}": d.arn
        for d in own
        if d.status == status and (not family or d.family == family)
    }
    chosen, token = cut(arns, request, descending=request.get("sort") == "DESC")
    return {"taskDefinitionArns": [arns[name] for name in chosen], **token}


def list_task_definition_families(ctx: Context, request: Params) -> Params:
    """ListTaskDefinitionFamilies: ACTIVE ones have an active revision, INACTIVE ones have none."""
    wanted, prefix = request.get("status") or "ALL", request.get("familyPrefix") or ""
    statuses: dict[str, set[str]] = defaultdict(set)
    for definition in ctx.store.list(TaskDefinition, account_id=ctx.account_id, region=ctx.region):
        if definition.status != "DELETED":
            statuses[definition.family].add(definition.status)
    families = [
        family
        for family, known in statuses.items()
        if family.startswith(prefix) and wanted in ("ALL", "ACTIVE" if "ACTIVE" in known else "INACTIVE")
    ]
    chosen, token = cut(families, request)
    return {"families": chosen, **token}


OPERATIONS: dict[str, Operation] = {
    "RegisterTaskDefinition": register_task_definition,
    "DescribeTaskDefinition": describe_task_definition,
    "DeregisterTaskDefinition": deregister_task_definition,
    "DeleteTaskDefinitions": delete_task_definitions,
    "ListTaskDefinitions": list_task_definitions,
    "ListTaskDefinitionFamilies": list_task_definition_families,
}
