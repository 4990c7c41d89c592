"""TagResource, UntagResource, ListTagsForResource: applications and deployment groups have tags."""

from ...model import arn as arns
from ...model.deployment_group import Application, DeploymentGroup
from ...model.request import Params
from ...store import Reader
from ..context import Context, Operation
from .errors import error, no_application, no_group

MOST = 50
_RESERVED = "aws:"


def to_mapping(tags: list[Params] | None) -> dict[str, str]:
    """Key -> value. Raises InvalidTagsToAddException."""
    found = {tag.get("Key") or "": tag.get("Value") or "" for tag in tags or ()}
    for key in found:
        if not key or len(key) > 128 or key.lower().startswith(_RESERVED):
            raise error(
                "InvalidTagsToAdd",
                f"A tag's key has 1 to 128 characters and does not begin with {_RESERVED}, unlike '{key}'",
            )
    if len(found) > MOST:
        raise error("InvalidTagsToAdd", f"A resource has at most {MOST} tags")
    return found


def tag_resource(ctx: Context, request: Params) -> Params:
    """TagResource."""
    with ctx.store.transaction() as tx:
        resource = _require(ctx, tx, request["ResourceArn"])
        tags = {**resource.tags, **to_mapping(request["Tags"])}
        if len(tags) > MOST:
            raise error("InvalidTagsToAdd", f"A resource has at most {MOST} tags")
        if tags != resource.tags:
            tx.put(resource.replace(tags=tags))
    return {}


def untag_resource(ctx: Context, request: Params) -> Params:
    """UntagResource."""
    with ctx.store.transaction() as tx:
        resource = _require(ctx, tx, request["ResourceArn"])
        tags = {key: value for key, value in resource.tags.items() if key not in request["TagKeys"]}
        if tags != resource.tags:
            tx.put(resource.replace(tags=tags))
    return {}


def list_tags_for_resource(ctx: Context, request: Params) -> Params:
    """ListTagsForResource."""
    tags = _require(ctx, ctx.store, request["ResourceArn"]).tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _require(ctx: Context, reader: Reader, text: str) -> Application | DeploymentGroup:
    parsed = arns.parse(text)
    if parsed is None or parsed.service != "codedeploy":
        raise error("InvalidArn", f"The ARN is not in a valid format: {text}")
    kind, _, name = parsed.resource.partition(":")
    kinds: dict[str, type[Application] | type[DeploymentGroup]] = {
        "application": Application,
        "deploymentgroup": DeploymentGroup,
    }
    if kind not in kinds or not name:
        raise error("ArnNotSupported", f"The ARN is of no application and no deployment group: {text}")
    own = (parsed.account_id, parsed.region) == (ctx.account_id, ctx.region)
    found = reader.get(kinds[kind], text) if own else None
    if found is None:
        raise no_application(name) if kind == "application" else no_group(name)
    return found


OPERATIONS: dict[str, Operation] = {
    "ListTagsForResource": list_tags_for_resource,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}
