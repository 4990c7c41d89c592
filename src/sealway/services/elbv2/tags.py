"""Tags of load balancers, target groups and listeners: AddTags, RemoveTags, DescribeTags."""

from collections.abc import Sequence

from ...model import arn as arns
from ...model.errors import AwsError
from ...model.load_balancer import Listener, LoadBalancer
from ...model.request import Params
from ...model.target_group import TargetGroup
from ...store import Reader
from ..context import Context
from . import errors, limits, lookup

Tagged = LoadBalancer | TargetGroup | Listener
RESERVED_PREFIX = "aws:"


def parse(tags: Sequence[Params] | None) -> dict[str, str]:
    """``[{"Key": k, "Value": v}]`` as a dictionary. Raises ``DuplicateTagKeys``, ``TooManyTags``."""
    pairs = tags or ()
    parsed = {tag["Key"]: tag.get("Value") or "" for tag in pairs}
    if len(parsed) < len(pairs):
        raise AwsError("DuplicateTagKeys", "Duplicate tag keys have been specified")
    for key in parsed:
        if key.lower().startswith(RESERVED_PREFIX):
            raise errors.validation("aws: prefixed tag key names are not allowed for external use")
    return _checked(parsed)


def render(tags: dict[str, str]) -> list[Params]:
    """A dictionary as ``[{"Key": k, "Value": v}]``."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def add_tags(ctx: Context, request: Params) -> Params:
    """AddTags: of all the resources named, or of none."""
    added = parse(request["Tags"])
    with ctx.store.transaction() as tx:
        for item in _named(ctx, tx, request["ResourceArns"]):
            tx.put(item.replace(tags=_checked({**item.tags, **added})))
    return {}


def remove_tags(ctx: Context, request: Params) -> Params:
    """RemoveTags: keys that are not there are passed over."""
    removed = set(request["TagKeys"])
    with ctx.store.transaction() as tx:
        for item in _named(ctx, tx, request["ResourceArns"]):
            left = {key: value for key, value in item.tags.items() if key not in removed}
            tx.put(item.replace(tags=left))
    return {}


def describe_tags(ctx: Context, request: Params) -> Params:
    """DescribeTags, in the order asked for."""
    named = _named(ctx, ctx.store, request["ResourceArns"])
    return {"TagDescriptions": [{"ResourceArn": item.arn, "Tags": render(item.tags)} for item in named]}


def _named(ctx: Context, reader: Reader, asked: Sequence[str]) -> list[Tagged]:
    return [_resource(ctx, reader, arn) for arn in lookup.unique(asked)]


def _resource(ctx: Context, reader: Reader, arn: str) -> Tagged:
    parsed = arns.parse(arn)
    family = parsed.resource.partition("/")[0] if parsed else ""
    if family == "loadbalancer":
        return lookup.load_balancer(ctx, reader, arn)
    if family == "targetgroup":
        return lookup.target_group(ctx, reader, arn)
    if family == "listener":
        return lookup.listener(ctx, reader, arn)
    if family == "listener-rule":
        raise errors.rule_not_found()
    raise errors.validation(f"'{arn}' is not a valid Elastic Load Balancing ARN")


def _checked(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > limits.TAGS_PER_RESOURCE:
        raise AwsError("TooManyTags", f"The maximum number of tags is {limits.TAGS_PER_RESOURCE}")
    return tags
