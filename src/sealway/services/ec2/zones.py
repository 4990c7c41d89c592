"""Availability zones and the region: a, b and c of the region the request was signed for.

Zone ids are the region's short name with az1..az3 (``use1-az1``), the same for every account.
"""

from collections.abc import Sequence

from ...model.errors import AwsError
from ...model.request import Params
from ...model.resource import Resource
from ..context import Context, Operation
from .filters import select
from .request import operation

ZONE_LETTERS = "abc"
_DIRECTIONS = {"northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw"}


def zone_names(region: str) -> tuple[str, ...]:
    """``us-east-1a``, ``us-east-1b``, ``us-east-1c``."""
    return tuple(region + letter for letter in ZONE_LETTERS)


def zone_id(zone: str) -> str:
    """``use1-az1`` for ``us-east-1a``, ``apne1-az2`` for ``ap-northeast-1b``."""
    *area, direction, number = zone[:-1].split("-")
    short = "".join(area) + _DIRECTIONS.get(direction, direction[:1]) + number
    return f"{short}-az{ord(zone[-1]) - ord('a') + 1}"


class Zone(Resource, frozen=True, kw_only=True):
    """An availability zone; computed, never stored."""

    name: str
    region: str
    tags: dict[str, str] = {}


class Region(Resource, frozen=True, kw_only=True):
    """The region; computed, never stored."""

    name: str
    tags: dict[str, str] = {}


def _shape(zone: Zone) -> Params:
    return {
        "ZoneName": zone.name,
        "ZoneId": zone_id(zone.name),
        "RegionName": zone.region,
        "GroupName": f"{zone.region}-zg-1",
        "NetworkBorderGroup": zone.region,
        "ZoneType": "availability-zone",
        "State": "available",
        "OptInStatus": "opt-in-not-required",
        "Messages": [],
    }


_ZONE_FILTERS = {
    "zone-name": lambda z: z.name,
    "zone-id": lambda z: zone_id(z.name),
    "region-name": lambda z: z.region,
    "group-name": lambda z: f"{z.region}-zg-1",
    "state": lambda z: "available",
    "zone-type": lambda z: "availability-zone",
    "opt-in-status": lambda z: "opt-in-not-required",
    "message": lambda z: None,
}


def _named(zones: Sequence[Zone], wanted: Sequence[str], by_id: bool) -> list[Zone]:
    known = {zone_id(zone.name) if by_id else zone.name: zone for zone in zones}
    for name in wanted:
        if name not in known:
            kind = "availability zone-id" if by_id else "availability zone"
            raise AwsError("InvalidParameterValue", f"Invalid {kind}: [{name}]")
    return [known[name] for name in wanted]


def describe_availability_zones(ctx: Context, request: Params) -> Params:
    """DescribeAvailabilityZones."""
    zones = [Zone(name=name, region=ctx.region) for name in zone_names(ctx.region)]
    if names := request.get("ZoneNames"):
        zones = _named(zones, names, by_id=False)
    if ids := request.get("ZoneIds"):
        zones = _named(zones, ids, by_id=True)
    chosen = select(zones, request.get("Filters"), _ZONE_FILTERS)
    return {"AvailabilityZones": [_shape(zone) for zone in chosen]}


_REGION_FILTERS = {
    "region-name": lambda r: r.name,
    "opt-in-status": lambda r: "opt-in-not-required",
}


def describe_regions(ctx: Context, request: Params) -> Params:
    """DescribeRegions: the one region there is for this request."""
    for name in request.get("RegionNames") or ():
        if name != ctx.region:
            raise AwsError("InvalidParameterValue", f"Invalid region names: [{name}]")
    regions = select([Region(name=ctx.region)], request.get("Filters"), _REGION_FILTERS)
    return {"Regions": [{"RegionName": r.name, "OptInStatus": "opt-in-not-required"} for r in regions]}


OPERATIONS: dict[str, Operation] = {
    "DescribeAvailabilityZones": operation(
        describe_availability_zones,
        "ZoneNames",
        "ZoneIds",
        "Filters",
        "AllAvailabilityZones",
    ),
    "DescribeRegions": operation(describe_regions, "RegionNames", "Filters", "AllRegions"),
}
