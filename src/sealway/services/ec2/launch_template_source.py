"""Launch templates as others use them: found by id or name, a version resolved, its data checked.

Errors are AWS's, by Amazon EC2 API Reference, "Error codes".
"""

from typing import Any

import msgspec

from ...model.errors import AwsError
from ...model.launch_template import (
    ID_TAG,
    VERSION_TAG,
    LaunchTemplate,
    LaunchTemplateVersion,
    numbered,
    version_key,
)
from ...model.request import Params
from ...store import Reader
from ..context import Context
from . import instance_launch
from .lookup import owned, well_formed
from .request import refuse_unknown

_ANY_IMAGE = "ami-00000000000000000"
"""Stands for the image where a template names none, while the rest is checked."""


def find(ctx: Context, reader: Reader, named: Params) -> LaunchTemplate:
    """The caller's template by ``LaunchTemplateId`` or ``LaunchTemplateName``, exactly one of them."""
    key, name = named.get("LaunchTemplateId"), named.get("LaunchTemplateName")
    if key and name:
        raise AwsError(
            "InvalidParameterCombination",
            "Specify either a launch template ID or a launch template name, not both.",
        )
    if key:
        return _by_id(ctx, reader, key)
    if not name:
        raise AwsError(
            "MissingParameter", "The request must contain a launch template ID or a launch template name."
        )
    found = owned(ctx, reader, LaunchTemplate, name=name)
    if not found:
        raise AwsError(
            "InvalidLaunchTemplateName.NotFoundException",
            f"The specified launch template, with template name {name}, does not exist.",
        )
    return found[0]


def _by_id(ctx: Context, reader: Reader, key: str) -> LaunchTemplate:
    if not well_formed("lt", key):
        raise AwsError("InvalidLaunchTemplateId.Malformed", f"The launch template ID '{key}' is malformed.")
    found = reader.get(LaunchTemplate, key)
    if found is None or (found.account_id, found.region) != (ctx.account_id, ctx.region):
        raise AwsError(
            "InvalidLaunchTemplateId.NotFound",
            f"The specified launch template, with template ID {key}, does not exist.",
        )
    return found


def version_of(reader: Reader, template: LaunchTemplate, asked: str | None) -> LaunchTemplateVersion:
    """A version by its number, ``$Latest`` or ``$Default`` (the default)."""
    number = numbered(template, asked or "")
    found = reader.get(LaunchTemplateVersion, version_key(template.id, number)) if number else None
    if found is None:
        raise AwsError(
            "InvalidLaunchTemplateId.VersionNotFound",
            f"Could not find the specified version {asked} for the launch template with ID {template.id}.",
        )
    return found


def merged(ctx: Context, reader: Reader, request: Params) -> Params:
    """A RunInstances request with what it leaves to its launch template filled in."""
    named = request.get("LaunchTemplate")
    if not named:
        return request
    template = find(ctx, reader, named)
    version = version_of(reader, template, named.get("Version"))
    given = {name: value for name, value in request.items() if value not in (None, [], {}, "")}
    # Security groups in any writing take the place of those in another.
    data = dict(version.data)
    if given.get("SecurityGroupIds") or given.get("SecurityGroups"):
        data.pop("SecurityGroupIds", None)
        data.pop("SecurityGroups", None)
    own = {ID_TAG: template.id, VERSION_TAG: str(version.number)}
    return {**data, **given, **_tags(data, given), instance_launch.OWN_TAGS: own}


def _tags(data: Params, given: Params) -> Params:
    """The request's tags of a resource type take the place of the template's."""
    if not data.get("TagSpecifications") or not given.get("TagSpecifications"):
        return {}
    renewed = {specification.get("ResourceType") for specification in given["TagSpecifications"]}
    kept = [s for s in data["TagSpecifications"] if s.get("ResourceType") not in renewed]
    return {"TagSpecifications": [*kept, *given["TagSpecifications"]]}


def read_data(ctx: Context, data: Params) -> dict[str, Any]:
    """What of a version follows from its data. Raises for what RunInstances would refuse."""
    refuse_unknown(data, instance_launch.HONOURED, instance_launch.NEUTRAL, "LaunchTemplateData.")
    whole = {**data, "ImageId": data.get("ImageId") or _ANY_IMAGE, "MinCount": 1, "MaxCount": 1}
    launch = instance_launch.read(ctx, whole)
    left_open = {"image_id": data.get("ImageId") or "", "instance_type": data.get("InstanceType") or ""}
    return {
        "recipe": msgspec.structs.replace(launch.recipe, **left_open),
        "group_ids": launch.group_ids,
        "group_names": launch.group_names,
    }
