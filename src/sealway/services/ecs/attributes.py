"""PutAttributes, DeleteAttributes, ListAttributes: what users say of container instances.

Placement reads attributes (``memberOf`` constraints, ``spread`` strategies). Names that begin with ``ecs.``
or ``com.amazonaws.ecs.`` are what the agent found, and not for users to change. An attribute without a
value is kept with an empty one.
Source: ECS Developer Guide, "Define which container instances Amazon ECS uses for tasks".
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ...model.cluster import Cluster, ContainerInstance
from ...model.errors import AwsError
from ...model.request import Params
from ...store import Reader
from ..context import Context, Operation
from . import errors
from .lookup import find_instance, require_cluster
from .pages import cut

_TARGET = "container-instance"
_MOST = 10
"""Of one call, and custom ones of one instance."""
_NAME = re.compile(r"[A-Za-z0-9_./\\-]{1,128}")
_VALUE = re.compile(r"(?! )[A-Za-z0-9_./\\@: -]{1,128}(?<! )")
_AGENTS = ("ecs.", "com.amazonaws.ecs.")


class _Asked(NamedTuple):
    """One attribute of a request; ``value`` None: not given."""

    target: str
    name: str
    value: str | None


def put_attributes(ctx: Context, request: Params) -> Params:
    """PutAttributes: sets them, all or none."""
    asked = _asked(request)
    for attribute in asked:
        if attribute.value and not _VALUE.fullmatch(attribute.value):
            raise errors.invalid(f"Attribute value '{attribute.value}' is not valid.")

    def put(attributes: Mapping[str, str], one: _Asked) -> dict[str, str]:
        return {**attributes, one.name: one.value or ""}

    return _change(ctx, request, asked, put)


def delete_attributes(ctx: Context, request: Params) -> Params:
    """DeleteAttributes, by name: one that is not there is no error."""
    asked = _asked(request)
    if any(attribute.value for attribute in asked):
        raise errors.invalid("Specify the attribute's name and target to delete it, not its value.")

    def delete(attributes: Mapping[str, str], one: _Asked) -> dict[str, str]:
        return {name: value for name, value in attributes.items() if name != one.name}

    return _change(ctx, request, asked, delete)


def list_attributes(ctx: Context, request: Params) -> Params:
    """ListAttributes: the agent's and the users', of all instances that are not deregistered."""
    cluster = require_cluster(ctx, ctx.store, request.get("cluster"))
    name, value = request.get("attributeName"), request.get("attributeValue")
    if value and not name:
        raise errors.invalid("To filter by value, specify the attribute's name too.")
    found = {
        f"{instance.arn} {attribute}": _show(instance, attribute, text)
        for instance in ctx.store.list(ContainerInstance, cluster_arn=cluster.arn)
        if instance.status != "INACTIVE"
        for attribute, text in instance.attributes.items()
        if name in (None, "", attribute) and value in (None, "", text)
    }
    chosen, token = cut(found, request)
    return {"attributes": [found[each] for each in chosen], **token}


def _asked(request: Params) -> list[_Asked]:
    given = request["attributes"]
    if not 1 <= len(given) <= _MOST:
        raise errors.invalid(f"Specify between 1 and {_MOST} attributes.")
    for attribute in given:
        if not _NAME.fullmatch(attribute["name"]):
            raise errors.invalid(f"Attribute name '{attribute['name']}' is not valid.")
        if attribute["name"].startswith(_AGENTS):
            raise errors.invalid(f"The attribute '{attribute['name']}' is reserved and cannot be modified.")
        target = attribute.get("targetId")
        if not target:
            raise errors.invalid("Attributes need a targetId.")
        if not target.startswith("arn:") and not attribute.get("targetType"):
            raise errors.invalid("Attributes with a short targetId need a targetType.")
    return [_Asked(a["targetId"], a["name"], a.get("value")) for a in given]


def _change(
    ctx: Context,
    request: Params,
    asked: list[_Asked],
    apply: Callable[[Mapping[str, str], _Asked], dict[str, str]],
) -> Params:
    with ctx.store.transaction() as tx:
        cluster = require_cluster(ctx, tx, request.get("cluster"))
        shown = []
        for one in asked:
            instance = _target(ctx, tx, cluster, one.target)
            attributes = apply(instance.attributes, one)
            _check_count(attributes)
            if attributes != instance.attributes:
                tx.put(instance.replace(attributes=attributes))
            shown.append(_show(instance, one.name, one.value or ""))
    return {"attributes": shown}


def _target(ctx: Context, reader: Reader, cluster: Cluster, given: str) -> ContainerInstance:
    instance = find_instance(ctx, reader, cluster, given)
    if instance is None or instance.status == "INACTIVE":
        raise AwsError("TargetNotFoundException", f"The specified target '{given}' was not found.")
    return instance


def _check_count(attributes: Mapping[str, str]) -> None:
    if sum(not name.startswith(_AGENTS) for name in attributes) > _MOST:
        raise AwsError(
            "AttributeLimitExceededException",
            f"You can apply up to {_MOST} custom attributes for each resource.",
        )


def _show(instance: ContainerInstance, name: str, value: str) -> Params:
    shown = {"name": name, "targetType": _TARGET, "targetId": instance.arn}
    return {**shown, "value": value} if value else shown


OPERATIONS: dict[str, Operation] = {
    "PutAttributes": put_attributes,
    "DeleteAttributes": delete_attributes,
    "ListAttributes": list_attributes,
}
