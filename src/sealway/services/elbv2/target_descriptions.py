"""What a ``TargetDescription`` stands for: an instance, or an address; its port; its zone.

Source: RegisterTargets; TargetDescription; "Register targets for your Network Load Balancer".
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import msgspec

from ...model.instance import Instance
from ...model.network import Subnet, Vpc
from ...model.peer import host_of
from ...model.request import Params
from ...model.target_group import TargetGroup
from ...store import Reader
from ..context import Context
from . import errors, lookup

EVERY_ZONE = "all"
"""The zone of a target that belongs to each."""
OUTSIDE = tuple(
    IPv4Network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
"""Where an address outside the VPC may be: on AWS: RFC 1918 and RFC 6598."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A target as asked for, checked. ``availability_zone``: the name of its own zone."""

    id: str
    port: int
    availability_zone: str


def port_of(group: TargetGroup, description: Params) -> int:
    """The port override, else the group's port."""
    port: int = description.get("Port") or group.port
    return port


def id_of(group: TargetGroup, description: Params) -> str:
    """The id; of an IPv6 address the one way to write it. Raises ValidationError where it must be one and is
    not."""
    text: str = description["Id"]
    if group.target_type != "ip" or group.ip_address_type != "ipv6":
        return text
    try:
        address = IPv6Address(text)
    except AddressValueError as error:
        raise errors.validation(f"The IP address '{text}' is not a valid IPv6 address") from error
    if address.scope_id is not None:
        raise errors.validation(f"The IP address '{text}' is not a valid IPv6 address")
    return str(address)


def place(ctx: Context, reader: Reader, group: TargetGroup, description: Params) -> Place:
    """The target described, fit to be registered in the group. Raises ``InvalidTarget`` and the like."""
    if description.get("QuicServerId"):
        raise errors.validation("A QUIC server ID can only be specified for target groups with protocol QUIC")
    locate = _instance_zone if group.target_type == "instance" else _address_zone
    return Place(
        id=id_of(group, description),
        port=port_of(group, description),
        availability_zone=locate(ctx, reader, group, description),
    )


def _instance_zone(ctx: Context, reader: Reader, group: TargetGroup, description: Params) -> str:
    instance_id = description["Id"]
    if description.get("AvailabilityZone"):
        raise errors.validation("You cannot specify an Availability Zone for targets of type 'instance'")
    instance = lookup.find(ctx, reader, Instance, instance_id)
    if instance is None or not re.fullmatch(r"i-[0-9a-f]+", instance_id):
        raise errors.invalid_target(f"Instance ID '{instance_id}' is not valid")
    if instance.vpc_id != group.vpc_id:
        raise errors.invalid_target(
            f"The following targets are not in the target group VPC '{group.vpc_id}': '{instance_id}'"
        )
    if instance.state != "running":
        raise errors.invalid_target(
            f"The following targets are not in a running state and cannot be registered: '{instance_id}'"
        )
    return instance.availability_zone


def _address_zone(ctx: Context, reader: Reader, group: TargetGroup, description: Params) -> str:
    text, asked = description["Id"], description.get("AvailabilityZone")
    if group.ip_address_type == "ipv6":
        return _wide_zone(ctx, reader, group, (id_of(group, description), asked))
    try:
        address = IPv4Address(text)
    except AddressValueError as error:
        raise errors.validation(f"The IP address '{text}' is not a valid IPv4 address") from error
    vpc = lookup.find(ctx, reader, Vpc, group.vpc_id)
    if vpc is not None and address in IPv4Network(vpc.cidr):
        return _zone_inside(reader, vpc, address, asked)
    if not any(address in network for network in OUTSIDE):
        raise errors.validation(
            f"The IP address '{text}' is not within the CIDR of the VPC '{group.vpc_id}'"
            f" or one of {', '.join(map(str, OUTSIDE))}"
        )
    if not host_of(ctx.peers, text):
        raise errors.not_supported(
            f"A target outside the VPC ('{text}')",
            "use an address of the VPC's subnets, or of a network that `sealway up --peer` names",
        )
    return _every_zone(text, asked)


def _every_zone(text: str, asked: str | None) -> str:
    if not asked:
        raise errors.validation(
            f"The Availability Zone is required for IP address '{text}' because it is not in the VPC"
        )
    if asked != EVERY_ZONE:
        raise errors.validation(
            "You must specify a valid Availability Zone or select 'all' for all enabled Availability zones,"
            f" since the IP address '{text}' is outside the VPC"
        )
    return EVERY_ZONE


def _wide_zone(ctx: Context, reader: Reader, group: TargetGroup, given: tuple[str, str | None]) -> str:
    text, asked = given
    address = IPv6Address(text)
    vpc = lookup.find(ctx, reader, Vpc, group.vpc_id)
    if vpc is None or not vpc.ipv6_cidr or address not in IPv6Network(vpc.ipv6_cidr):
        raise errors.validation(
            f"The IP address '{text}' is not within the IPv6 CIDR of the VPC '{group.vpc_id}'"
        )
    return _zone_inside(reader, vpc, address, asked)


def _zone_inside(reader: Reader, vpc: Vpc, address: IPv4Address | IPv6Address, asked: str | None) -> str:
    for subnet in reader.list(Subnet, vpc_id=vpc.id):
        if any(address in ip_network(block) for block in subnet.blocks):
            if asked not in {None, subnet.availability_zone}:
                raise errors.validation(
                    f"The Availability Zone '{asked}' is not that of the IP address '{address}':"
                    f" '{subnet.availability_zone}'"
                )
            return subnet.availability_zone
    raise errors.invalid_target(f"The IP address '{address}' is not in a subnet of the VPC '{vpc.id}'")
