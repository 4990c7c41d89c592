"""Finding what a request names: only of the caller's account and region, else AWS's NotFound.

A malformed ARN is a ``ValidationError``; one of another account or region is as unknown as one of nobody.
"""

import re
from collections.abc import Iterable
from typing import Any, TypeVar

from ...model import arn as arns
from ...model import pagination
from ...model.errors import AwsError
from ...model.load_balancer import Listener, LoadBalancer
from ...model.request import Params
from ...model.resource import Resource
from ...model.target_group import TargetGroup
from ...store import Reader
from ..context import Context
from . import errors

R = TypeVar("R", bound=Resource)
PAGE_SIZE = 400

_FORMS: dict[type[Resource], tuple[str, str]] = {
    LoadBalancer: ("load balancer", r"loadbalancer/(net|app|gwy)/[^/]+/[0-9a-f]+"),
    TargetGroup: ("target group", r"targetgroup/[^/]+/[0-9a-f]+"),
    Listener: ("listener", r"listener/(net|app|gwy)/[^/]+/[0-9a-f]+/[0-9a-f]+"),
}


def owned(ctx: Context, reader: Reader, kind: type[R], **equals: Any) -> list[R]:
    """All the caller's resources of a kind in this region."""
    return reader.list(kind, account_id=ctx.account_id, region=ctx.region, **equals)


def find(ctx: Context, reader: Reader, kind: type[R], key: str) -> R | None:
    """The caller's resource of that key, or None."""
    item: Any = reader.get(kind, key)
    if item is None or (item.account_id, item.region) != (ctx.account_id, ctx.region):
        return None
    found: R = item
    return found


def check_arn(kind: type[Resource], arn: str) -> None:
    """Raises ``ValidationError`` when ``arn`` cannot be one of that kind."""
    noun, form = _FORMS[kind]
    parsed = arns.parse(arn)
    if parsed is None or parsed.service != "elasticloadbalancing" or not re.fullmatch(form, parsed.resource):
        raise errors.validation(f"'{arn}' is not a valid {noun} ARN")


def by_arns(kind: type[R], found: list[R], asked: list[str], unknown: AwsError) -> list[R]:
    """Those of ``found`` that are asked for, in that order. Raises ``unknown`` unless all are there."""
    known = {item.key: item for item in found}
    for arn in asked:
        check_arn(kind, arn)
    if any(arn not in known for arn in asked):
        raise unknown
    return [known[arn] for arn in unique(asked)]


def load_balancer(ctx: Context, reader: Reader, arn: str) -> LoadBalancer:
    """The load balancer. Raises ``LoadBalancerNotFound``."""
    check_arn(LoadBalancer, arn)
    found = find(ctx, reader, LoadBalancer, arn)
    if found is None:
        raise AwsError("LoadBalancerNotFound", f"Load balancer '{arn}' not found")
    return found


def target_group(ctx: Context, reader: Reader, arn: str) -> TargetGroup:
    """The target group. Raises ``TargetGroupNotFound``."""
    check_arn(TargetGroup, arn)
    found = find(ctx, reader, TargetGroup, arn)
    if found is None:
        raise errors.target_group_not_found()
    return found


def listener(ctx: Context, reader: Reader, arn: str) -> Listener:
    """The listener. Raises ``ListenerNotFound``."""
    check_arn(Listener, arn)
    found = find(ctx, reader, Listener, arn)
    if found is None:
        raise errors.listener_not_found()
    return found


def listeners_of(reader: Reader, target_group_arn: str) -> list[Listener]:
    """The listeners that forward to a target group."""
    account = arns.parse(target_group_arn)
    if account is None:
        return []
    everyone = reader.list(Listener, account_id=account.account_id, region=account.region)
    return [one for one in everyone if target_group_arn in one.target_group_weights]


def load_balancer_arns_of(reader: Reader, target_group_arn: str) -> list[str]:
    """The load balancers a target group is in use by: none or one."""
    return sorted({one.load_balancer_arn for one in listeners_of(reader, target_group_arn)})


def unique(names: Iterable[str]) -> list[str]:
    """Without repetitions, in the order of first mention."""
    return list(dict.fromkeys(names))


def page(items: list[R], request: Params) -> tuple[list[R], Params]:
    """The page that ``Marker`` and ``PageSize`` ask for, and ``{"NextMarker": ...}`` if there is more."""
    try:
        chosen, following = pagination.page(
            items, lambda item: item.key, request.get("Marker"), request.get("PageSize") or PAGE_SIZE
        )
    except ValueError as error:
        raise errors.validation("The specified marker is not valid") from error
    return chosen, {"NextMarker": following} if following else {}
