"""Launch templates: create, describe, choose the default version, delete.

A template's data is checked as RunInstances would check it, so no template waits with what can never be
launched. Limits: names of 3-128 characters, 10,000 versions. Source: Amazon EC2 User Guide, "Launch template
restrictions"; API Reference, CreateLaunchTemplate.
"""

import re

from ...model import arn
from ...model.errors import AwsError
from ...model.launch_template import LaunchTemplate, LaunchTemplateVersion
from ...model.request import Params
from ...store import Transaction
from ..context import Context, Operation
from . import tags
from .filters import Getter, select
from .launch_template_source import find, read_data, version_of
from .lookup import owned
from .request import check_same_request, operation, paged, token_of

MOST_VERSIONS = 10_000
_LONGEST_TOKEN = 128
_NAME = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}")


def create_launch_template(ctx: Context, request: Params) -> Params:
    """CreateLaunchTemplate: version 1, which is the default. A client token again answers the same."""
    name, (token, digest) = request["LaunchTemplateName"], token_of(request, _LONGEST_TOKEN)
    if _NAME.fullmatch(name) is None:
        raise AwsError(
            "InvalidLaunchTemplateName.MalformedException",
            "A launch template name must be between 3 and 128 characters, and may contain letters, numbers,"
            " and the following characters: - ( ) . / _.",
        )
    labels = tags.specified(request, "launch-template")
    template = LaunchTemplate(
        id=f"lt-{ctx.ids.hex(17)}",
        account_id=ctx.account_id,
        region=ctx.region,
        name=name,
        client_token=token,
        client_request=token and digest,
        created_at=ctx.now,
        created_by=_root(ctx),
        tags=labels["launch-template"],
    )
    version = _version(ctx, template, 1, request, request["LaunchTemplateData"])
    with ctx.store.transaction() as tx:
        known = owned(ctx, tx, LaunchTemplate, name=name)
        if known and token and known[0].client_token == token:
            check_same_request(known[0].client_request, digest)
            return {"LaunchTemplate": _shape(known[0])}
        if known:
            raise AwsError(
                "InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use."
            )
        tx.put(version)
        return {"LaunchTemplate": _shape(tx.put(template))}


def create_launch_template_version(ctx: Context, request: Params) -> Params:
    """CreateLaunchTemplateVersion: with a source version, what the data does not say stays as there."""
    token, digest = token_of(request, _LONGEST_TOKEN)
    with ctx.store.transaction() as tx:
        template = find(ctx, tx, request)
        versions = tx.list(LaunchTemplateVersion, template_id=template.id)
        earlier = [v for v in versions if token and v.client_token == token]
        if earlier:
            check_same_request(earlier[0].client_request, digest)
            return {"LaunchTemplateVersion": _version_shape(template, earlier[0])}
        if len(versions) >= MOST_VERSIONS:
            raise AwsError("VersionLimitExceeded", f"A launch template has at most {MOST_VERSIONS} versions.")
        source = request.get("SourceVersion")
        base = version_of(tx, template, source).data if source else {}
        number = template.last_number + 1
        made = _version(ctx, template, number, request, {**base, **request["LaunchTemplateData"]})
        version = tx.put(made.replace(client_request=token and digest))
        template = tx.put(template.replace(latest_version=number, last_number=number))
        return {"LaunchTemplateVersion": _version_shape(template, version)}


def _version(
    ctx: Context, template: LaunchTemplate, number: int, request: Params, data: Params
) -> LaunchTemplateVersion:
    if not data:
        raise AwsError("InvalidRequest", "The request must contain a launch template data that is not empty.")
    return LaunchTemplateVersion(
        template_id=template.id,
        account_id=ctx.account_id,
        region=ctx.region,
        number=number,
        description=request.get("VersionDescription") or "",
        data=data,
        client_token=request.get("ClientToken") or "",
        created_at=ctx.now,
        created_by=_root(ctx),
        **read_data(ctx, data),
    )


def _root(ctx: Context) -> str:
    return arn.make("iam", "", ctx.account_id, "root")


def _shape(template: LaunchTemplate) -> Params:
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "CreateTime": template.created_at,
        "CreatedBy": template.created_by,
        "DefaultVersionNumber": template.default_version,
        "LatestVersionNumber": template.latest_version,
        "Tags": tags.shape(template.tags),
    }


def _version_shape(template: LaunchTemplate, version: LaunchTemplateVersion) -> Params:
    described = {"VersionDescription": version.description} if version.description else {}
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionNumber": version.number,
        "CreateTime": version.created_at,
        "CreatedBy": version.created_by,
        "DefaultVersion": version.number == template.default_version,
        "LaunchTemplateData": version.data,
        **described,
    }


_FILTERS: dict[str, Getter[LaunchTemplate]] = {
    "launch-template-name": lambda t: t.name,
    "create-time": lambda t: f"{t.created_at:%Y-%m-%dT%H:%M:%S}.000Z",
}


def describe_launch_templates(ctx: Context, request: Params) -> Params:
    """DescribeLaunchTemplates: those named, or all the caller's."""
    ids, names = request.get("LaunchTemplateIds") or [], request.get("LaunchTemplateNames") or []
    named = [{"LaunchTemplateId": key} for key in ids] + [{"LaunchTemplateName": name} for name in names]
    found = [find(ctx, ctx.store, one) for one in named] if named else owned(ctx, ctx.store, LaunchTemplate)
    unique = list({template.id: template for template in found}.values())
    return paged(request, select(unique, request.get("Filters"), _FILTERS), _shape, "LaunchTemplates")


_VERSION_FILTERS: dict[str, Getter[LaunchTemplateVersion]] = {
    "create-time": lambda v: f"{v.created_at:%Y-%m-%dT%H:%M:%S}.000Z",
    "image-id": lambda v: v.recipe.image_id or None,
    "instance-type": lambda v: v.recipe.instance_type or None,
    "iam-instance-profile": lambda v: (v.recipe.profile or {}).get("Arn"),
}


def describe_launch_template_versions(ctx: Context, request: Params) -> Params:
    """DescribeLaunchTemplateVersions: of one template; or, by $Latest and $Default, of all."""
    asked = request.get("Versions") or []
    if request.get("LaunchTemplateId") or request.get("LaunchTemplateName"):
        templates = [find(ctx, ctx.store, request)]
    elif asked and all(version in ("$Latest", "$Default") for version in asked):
        templates = owned(ctx, ctx.store, LaunchTemplate)
    else:
        raise AwsError(
            "MissingParameter", "The request must contain a launch template ID or a launch template name."
        )
    by_id = {template.id: template for template in templates}
    found = [version for template in templates for version in _versions(ctx, template, asked)]
    unique = list({version.key: version for version in found}.values())
    low, high = (_bound(request.get(member)) for member in ("MinVersion", "MaxVersion"))
    between = [v for v in unique if (low or 1) <= v.number <= (high or v.number)]
    chosen = select(between, request.get("Filters"), _VERSION_FILTERS)
    return paged(request, chosen, lambda v: _version_shape(by_id[v.template_id], v), "LaunchTemplateVersions")


def _versions(ctx: Context, template: LaunchTemplate, asked: list[str]) -> list[LaunchTemplateVersion]:
    if not asked:
        return ctx.store.list(LaunchTemplateVersion, template_id=template.id)
    return [version_of(ctx.store, template, version) for version in asked]


def _bound(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise AwsError("InvalidParameterValue", f"The version '{text}' is not a number.")
    return int(text)


def modify_launch_template(ctx: Context, request: Params) -> Params:
    """ModifyLaunchTemplate: another default version."""
    wanted = request.get("DefaultVersion")
    if not wanted:
        raise AwsError("MissingParameter", "The request must contain the parameter DefaultVersion")
    with ctx.store.transaction() as tx:
        template = find(ctx, tx, request)
        number = version_of(tx, template, wanted).number
        return {"LaunchTemplate": _shape(tx.put(template.replace(default_version=number)))}


def delete_launch_template(ctx: Context, request: Params) -> Params:
    """DeleteLaunchTemplate: with all its versions."""
    with ctx.store.transaction() as tx:
        template = find(ctx, tx, request)
        for version in tx.list(LaunchTemplateVersion, template_id=template.id):
            tx.delete(version)
        tx.delete(template)
    return {"LaunchTemplate": _shape(template)}


def delete_launch_template_versions(ctx: Context, request: Params) -> Params:
    """DeleteLaunchTemplateVersions: all but the default one; the answer says which could not be."""
    done, failed = [], []
    with ctx.store.transaction() as tx:
        template = find(ctx, tx, request)
        for asked in dict.fromkeys(request["Versions"]):
            entry = {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name}
            problem = _delete(tx, template, asked)
            number = {"VersionNumber": int(asked)} if asked.isascii() and asked.isdigit() else {}
            if problem:
                failed.append({**entry, **number, "ResponseError": problem})
            else:
                done.append({**entry, **number})
        left = tx.list(LaunchTemplateVersion, template_id=template.id)
        tx.put(template.replace(latest_version=max(version.number for version in left)))
    return {
        "SuccessfullyDeletedLaunchTemplateVersions": done,
        "UnsuccessfullyDeletedLaunchTemplateVersions": failed,
    }


def _delete(tx: Transaction, template: LaunchTemplate, asked: str) -> Params | None:
    """Deletes a version by its number; or why it stays."""
    if not (asked.isascii() and asked.isdigit()):
        return {"Code": "unexpectedError", "Message": f"Specify versions by number, not '{asked}'."}
    if int(asked) == template.default_version:
        words = "The default version cannot be deleted: make another version the default first."
        return {"Code": "unexpectedError", "Message": words}
    try:
        tx.delete(version_of(tx, template, asked))
    except AwsError as error:
        return {"Code": "launchTemplateVersionDoesNotExist", "Message": error.message}
    return None


_NAMED = ("LaunchTemplateId", "LaunchTemplateName")
OPERATIONS: dict[str, Operation] = {
    "CreateLaunchTemplate": operation(
        create_launch_template,
        "LaunchTemplateName",
        "LaunchTemplateData",
        "VersionDescription",
        "ClientToken",
        "TagSpecifications",
    ),
    "CreateLaunchTemplateVersion": operation(
        create_launch_template_version,
        *_NAMED,
        "LaunchTemplateData",
        "SourceVersion",
        "VersionDescription",
        "ClientToken",
    ),
    "DescribeLaunchTemplates": operation(
        describe_launch_templates,
        "LaunchTemplateIds",
        "LaunchTemplateNames",
        "Filters",
        "MaxResults",
        "NextToken",
        "IncludeManagedResources",
    ),
    "DescribeLaunchTemplateVersions": operation(
        describe_launch_template_versions,
        *_NAMED,
        "Versions",
        "MinVersion",
        "MaxVersion",
        "Filters",
        "MaxResults",
        "NextToken",
        "ResolveAlias",  # images are named by their ids, so there is nothing to resolve
        "IncludeManagedResources",
    ),
    "ModifyLaunchTemplate": operation(modify_launch_template, *_NAMED, "DefaultVersion", "ClientToken"),
    "DeleteLaunchTemplate": operation(delete_launch_template, *_NAMED),
    "DeleteLaunchTemplateVersions": operation(delete_launch_template_versions, *_NAMED, "Versions"),
}
