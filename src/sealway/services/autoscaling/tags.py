"""Tags of groups: CreateOrUpdateTags, DeleteTags, DescribeTags.

A tag says whether the group's new instances get it too. Limits: 50 tags a group, keys of 1-128 characters
that do not begin with ``aws:``. Source: Amazon EC2 Auto Scaling User Guide, "Tag Auto Scaling groups".
"""

from collections.abc import Sequence

from ...model.auto_scaling import AutoScalingGroup, GroupTag
from ...model.request import Params
from ..context import Context
from ..ec2.filters import matches
from .errors import unsupported, validation
from .lookup import owned, require_group
from .request import paged

TYPE = "auto-scaling-group"
_MOST = 50


def parse(tags: Sequence[Params] | None, group: str) -> tuple[GroupTag, ...]:
    """The tags of a CreateAutoScalingGroup of that name."""
    for tag in tags or ():
        if tag.get("ResourceId") not in (None, "", group):
            raise validation(f"The tag's resource '{tag['ResourceId']}' is not the group '{group}'.")
    parsed = tuple(_parsed(tag) for tag in tags or ())
    if len({tag.key for tag in parsed}) < len(parsed):
        raise validation("Duplicate tag keys found. Please note that tag keys are case sensitive.")
    return _counted(parsed)


def _parsed(tag: Params) -> GroupTag:
    key = tag["Key"]
    if key.lower().startswith("aws:"):
        raise validation("Tag keys starting with 'aws:' are reserved for internal use.")
    _check_type(tag)
    return GroupTag(key=key, value=tag.get("Value") or "", propagate=bool(tag.get("PropagateAtLaunch")))


def _check_type(tag: Params) -> None:
    if tag.get("ResourceType") not in (None, "", TYPE):
        raise validation(f"The tag's resource type '{tag['ResourceType']}' is not {TYPE}.")


def _counted(tags: tuple[GroupTag, ...]) -> tuple[GroupTag, ...]:
    if len(tags) > _MOST:
        raise validation(f"An Auto Scaling group has at most {_MOST} tags.")
    return tuple(sorted(tags, key=lambda tag: tag.key))


def render(group: AutoScalingGroup) -> list[Params]:
    """``TagDescription`` shapes."""
    return [
        {
            "ResourceId": group.name,
            "ResourceType": TYPE,
            "Key": tag.key,
            "Value": tag.value,
            "PropagateAtLaunch": tag.propagate,
        }
        for tag in group.tags
    ]


def create_or_update_tags(ctx: Context, request: Params) -> Params:
    """CreateOrUpdateTags: adds tags, or replaces those with their keys; all of them or none."""
    with ctx.store.transaction() as tx:
        for tag in request["Tags"]:
            group = require_group(ctx, tx, tag.get("ResourceId") or "")
            new = _parsed(tag)
            others = tuple(kept for kept in group.tags if kept.key != new.key)
            tx.put(group.replace(tags=_counted((*others, new))))
    return {}


def delete_tags(ctx: Context, request: Params) -> Params:
    """DeleteTags: by key, whatever the value."""
    with ctx.store.transaction() as tx:
        for tag in request["Tags"]:
            _check_type(tag)
            group = require_group(ctx, tx, tag.get("ResourceId") or "")
            tx.put(group.replace(tags=tuple(kept for kept in group.tags if kept.key != tag["Key"])))
    return {}


_FILTERS = {
    "auto-scaling-group": "ResourceId",
    "key": "Key",
    "value": "Value",
    "propagate-at-launch": "PropagateAtLaunch",
}


def describe_tags(ctx: Context, request: Params) -> Params:
    """DescribeTags, by group, key, value or whether they propagate."""
    found = [tag for group in owned(ctx, ctx.store) for tag in render(group)]
    for wanted in request.get("Filters") or ():
        member = _FILTERS.get(wanted.get("Name") or "")
        if member is None:
            raise unsupported(f"The filter {wanted.get('Name')}", f"use one of {', '.join(_FILTERS)}")
        found = [tag for tag in found if _text(tag[member]) in (wanted.get("Values") or ())]
    chosen, token = paged(request, found, lambda tag: f"{tag['ResourceId']}:{tag['Key']}")
    return {"Tags": chosen, **token}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def select(groups: list[AutoScalingGroup], filters: Sequence[Params] | None) -> list[AutoScalingGroup]:
    """The groups whose tags every filter of DescribeAutoScalingGroups matches."""
    for wanted in filters or ():
        name, values = wanted.get("Name") or "", wanted.get("Values") or []
        groups = [g for g in groups if any(matches(v, fact) for fact in _facts(g, name) for v in values)]
    return groups


def _facts(group: AutoScalingGroup, name: str) -> list[str]:
    if name == "tag-key":
        return [tag.key for tag in group.tags]
    if name == "tag-value":
        return [tag.value for tag in group.tags]
    if name.startswith("tag:"):
        return [tag.value for tag in group.tags if tag.key == name[4:]]
    raise unsupported(f"The filter {name}", "use tag-key, tag-value or tag:KEY")
