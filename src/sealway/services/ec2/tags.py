"""Tags: CreateTags, DeleteTags, DescribeTags, and TagSpecifications of the creating operations.

Limits: 50 tags a resource, keys 1-127 characters not starting with ``aws:``, values up to 255.
Source: Amazon EC2 User Guide, "Tag restrictions".
"""

from collections.abc import Iterable
from typing import Any

from ...model.errors import AwsError
from ...model.instance import Instance
from ...model.launch_template import LaunchTemplate
from ...model.network import NetworkInterface, SecurityGroup, Subnet, Vpc
from ...model.request import Params
from ...model.resource import Resource
from ...store import Transaction
from ..context import Context, Operation
from .filters import select
from .lookup import NAMING, by_id, owned
from .request import operation, paged, unsupported

MAX_TAGS = 50
_TYPE_NAMES: dict[type[Resource], str] = {
    Vpc: "vpc",
    Subnet: "subnet",
    SecurityGroup: "security-group",
    NetworkInterface: "network-interface",
    Instance: "instance",
    LaunchTemplate: "launch-template",
}
_BY_PREFIX = {naming.prefix: kind for kind, naming in NAMING.items()}


def shape(tags: dict[str, str]) -> list[Params]:
    """Tags as EC2 writes them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def checked(tags: Iterable[Params]) -> dict[str, str]:
    """Tags as a mapping. Raises for what AWS does not take."""
    wanted: dict[str, str] = {}
    for tag in tags:
        key, value = tag.get("Key") or "", tag.get("Value") or ""
        if not 1 <= len(key) <= 127:
            raise AwsError("InvalidParameterValue", "Tag key length must be between 1 and 127 characters")
        if len(value) > 255:
            raise AwsError("InvalidParameterValue", "Tag value exceeds the maximum length of 255 characters")
        if key.lower().startswith("aws:"):
            raise AwsError(
                "InvalidParameterValue",
                f"Tag keys starting with 'aws:' are reserved for internal use. Invalid tag key: {key}",
            )
        if key in wanted:
            raise AwsError("InvalidParameterValue", f"Duplicate tag key '{key}' specified.")
        wanted[key] = value
    if len(wanted) > MAX_TAGS:
        raise _too_many()
    return wanted


def _too_many() -> AwsError:
    return AwsError("TagLimitExceeded", f"The maximum number of Tags for a resource is {MAX_TAGS}.")


def specified(request: Params, *resource_types: str) -> dict[str, dict[str, str]]:
    """TagSpecifications by resource type; only the given types may be named."""
    found: dict[str, dict[str, str]] = {name: {} for name in resource_types}
    for specification in request.get("TagSpecifications") or ():
        name = specification.get("ResourceType")
        if name not in resource_types:
            raise AwsError(
                "InvalidParameterValue",
                f"'{name}' is not a valid taggable resource type for this operation.",
            )
        found[name] |= checked(specification.get("Tags") or ())
    return found


def _target(ctx: Context, tx: Transaction, resource_id: str) -> Any:
    kind = _BY_PREFIX.get(resource_id.rpartition("-")[0])
    if kind is None:
        raise AwsError("InvalidID", f"The ID '{resource_id}' is not valid")
    return by_id(ctx, tx, kind, resource_id)


def create_tags(ctx: Context, request: Params) -> Params:
    """CreateTags: adds or overwrites."""
    tags = checked(request["Tags"])
    with ctx.store.transaction() as tx:
        for resource_id in request["Resources"]:
            resource = _target(ctx, tx, resource_id)
            merged = resource.tags | tags
            if len(merged) > MAX_TAGS:
                raise _too_many()
            tx.put(resource.replace(tags=merged))
    return {}


def delete_tags(ctx: Context, request: Params) -> Params:
    """DeleteTags: all of them when none is named; with a value given, only if it is that value."""
    doomed = request.get("Tags")
    with ctx.store.transaction() as tx:
        for resource_id in request["Resources"]:
            resource = _target(ctx, tx, resource_id)
            kept = {} if doomed is None else _without(resource.tags, doomed)
            tx.put(resource.replace(tags=kept))
    return {}


def _without(tags: dict[str, str], doomed: Iterable[Params]) -> dict[str, str]:
    gone = set()
    for tag in doomed:
        key = tag.get("Key")
        if not key:
            raise AwsError("InvalidParameterValue", "Tag key length must be between 1 and 127 characters")
        if tag.get("Value") in (None, tags.get(key)):
            gone.add(key)
    return {key: value for key, value in tags.items() if key not in gone}


class TagEntry(Resource, frozen=True, kw_only=True):
    """One tag of one resource; computed, never stored."""

    resource_id: str
    resource_type: str
    name: str
    value: str
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return f"{self.resource_id}/{self.name}"


_FILTERS = {
    "key": lambda t: t.name,
    "value": lambda t: t.value,
    "resource-id": lambda t: t.resource_id,
    "resource-type": lambda t: t.resource_type,
}


def _entry_shape(entry: TagEntry) -> Params:
    return {
        "Key": entry.name,
        "Value": entry.value,
        "ResourceId": entry.resource_id,
        "ResourceType": entry.resource_type,
    }


def describe_tags(ctx: Context, request: Params) -> Params:
    """DescribeTags."""
    entries = [
        TagEntry(resource_id=resource.key, resource_type=type_name, name=name, value=value)
        for kind, type_name in _TYPE_NAMES.items()
        for resource in owned(ctx, ctx.store, kind)
        for name, value in getattr(resource, "tags").items()  # noqa: B009 - every kind here has tags
    ]
    for wanted in request.get("Filters") or ():
        if str(wanted.get("Name", "")).startswith("tag"):
            raise unsupported(f"The filter {wanted['Name']}")
    return paged(request, select(entries, request.get("Filters"), _FILTERS), _entry_shape, "Tags")


OPERATIONS: dict[str, Operation] = {
    "CreateTags": operation(create_tags, "Resources", "Tags"),
    "DeleteTags": operation(delete_tags, "Resources", "Tags"),
    "DescribeTags": operation(describe_tags, "Filters", "MaxResults", "NextToken"),
}
