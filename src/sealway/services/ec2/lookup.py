"""Finding what a request names: of the caller's account and region, or AWS's NotFound error.

An id of another account or region is not found, exactly as an id nobody has.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from ...model.errors import AwsError
from ...model.instance import Instance
from ...model.launch_template import LaunchTemplate
from ...model.network import NetworkInterface, SecurityGroup, Subnet, Vpc
from ...model.resource import Resource
from ...store import Reader
from ..context import Context

R = TypeVar("R", bound=Resource)
_ID = r"(?:[0-9a-f]{8}|[0-9a-f]{17})"


class Naming(NamedTuple):
    """How AWS speaks of a kind: the id's prefix, the error code's stem, the noun in its message."""

    prefix: str
    code: str
    noun: str


NAMING: dict[type[Resource], Naming] = {
    Vpc: Naming("vpc", "InvalidVpcID", "vpc ID"),
    Subnet: Naming("subnet", "InvalidSubnetID", "subnet ID"),
    SecurityGroup: Naming("sg", "InvalidGroup", "security group"),
    NetworkInterface: Naming("eni", "InvalidNetworkInterfaceID", "networkInterface ID"),
    Instance: Naming("i", "InvalidInstanceID", "instance ID"),
    LaunchTemplate: Naming("lt", "InvalidLaunchTemplateId", "launch template ID"),
}


def well_formed(prefix: str, text: str) -> bool:
    """Whether ``text`` is an id of that prefix, in the short or the long writing."""
    return re.fullmatch(f"{prefix}-{_ID}", text) is not None


def malformed(code: str, text: str, prefix: str) -> AwsError:
    """AWS's answer to an id that could be nobody's."""
    return AwsError(f"{code}.Malformed", f'Invalid id: "{text}" (expecting "{prefix}-...")')


def owned(ctx: Context, reader: Reader, kind: type[R], **equals: Any) -> list[R]:
    """All the caller's resources of a kind in this region."""
    return reader.list(kind, account_id=ctx.account_id, region=ctx.region, **equals)


def _not_found(kind: type[Resource], missing: Sequence[str]) -> AwsError:
    naming = NAMING[kind]
    names = ", ".join(missing)
    words = (
        f"The {naming.noun} '{names}' does not exist"
        if len(missing) == 1
        else f"The {naming.noun}s '{names}' do not exist"
    )
    return AwsError(f"{naming.code}.NotFound", words)


def by_ids(ctx: Context, reader: Reader, kind: type[R], ids: Iterable[str]) -> list[R]:
    """The resources named, in that order. Raises NotFound naming those that are missing."""
    found: list[R] = []
    missing: list[str] = []
    for key in dict.fromkeys(ids):
        item: Any = reader.get(kind, key)
        if item is not None and (item.account_id, item.region) == (ctx.account_id, ctx.region):
            found.append(item)
            continue
        if kind is Instance and not well_formed("i", key):
            raise malformed("InvalidInstanceID", key, "i")
        missing.append(key)
    if missing:
        raise _not_found(kind, missing)
    return found


def by_id(ctx: Context, reader: Reader, kind: type[R], key: str) -> R:
    """The one resource named. Raises NotFound."""
    return by_ids(ctx, reader, kind, [key])[0]


def described(ctx: Context, kind: type[R], ids: Sequence[str] | None) -> list[R]:
    """What a Describe operation starts from: those named, or all the caller's."""
    return by_ids(ctx, ctx.store, kind, ids) if ids else owned(ctx, ctx.store, kind)


def default_vpc(ctx: Context, reader: Reader) -> Vpc | None:
    """The caller's default VPC in this region, if there is one."""
    return next(iter(owned(ctx, reader, Vpc, is_default=True)), None)


def vpc_or_default(ctx: Context, reader: Reader, vpc_id: str | None) -> Vpc:
    """The VPC named, else the default one. Raises VPCIdNotSpecified when there is neither."""
    if vpc_id:
        return by_id(ctx, reader, Vpc, vpc_id)
    vpc = default_vpc(ctx, reader)
    if vpc is None:
        raise AwsError("VPCIdNotSpecified", "No default VPC for this user")
    return vpc
