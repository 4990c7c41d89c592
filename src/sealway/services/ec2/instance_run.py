"""RunInstances: instances and their primary network interfaces, in one transaction.

An instance is a container instance on this machine with an address of its own. The node sees it
``pending``, gives it its address, and moves it to ``running``. AWS launches as many as fit between
MinCount and MaxCount; so do we, up to a quota.
"""

from ipaddress import AddressValueError, IPv4Address, IPv4Network

from ...model.address_pool import is_reserved
from ...model.errors import AwsError
from ...model.instance import Instance
from ...model.network import NetworkInterface, SecurityGroup, Subnet
from ...model.new_instance import Batch, NewInstance, Site, free_address, new_instance
from ...model.request import Params
from ...store import Reader
from ..context import Context, Operation
from . import instance_launch, launch_template_source
from .instance_launch import Launch
from .instance_shape import reservation_shape
from .lookup import by_id, by_ids, default_vpc, owned
from .request import check_same_request, operation, token_of
from .security_group import by_name
from .subnet import free_addresses
from .zones import zone_names

_LONGEST_TOKEN = 64
MOST_INSTANCES = 1000
"""Of an account in a region that are not terminated: so that one slip does not take a whole subnet."""


def _subnet(ctx: Context, reader: Reader, launch: Launch) -> Subnet:
    if launch.zone and launch.zone not in zone_names(ctx.region):
        raise AwsError("InvalidParameterValue", f"Invalid availability zone: [{launch.zone}]")
    if launch.subnet_id:
        subnet = by_id(ctx, reader, Subnet, launch.subnet_id)
        if launch.zone and subnet.availability_zone != launch.zone:
            raise AwsError(
                "InvalidParameterValue",
                f"Value ({launch.zone}) for parameter availabilityZone is invalid: "
                f"subnet '{subnet.id}' is in {subnet.availability_zone}.",
            )
        return subnet
    return _default_subnet(ctx, reader, launch.zone)


def _default_subnet(ctx: Context, reader: Reader, zone: str | None) -> Subnet:
    """The emptiest default subnet, so that launches spread over the zones."""
    vpc = default_vpc(ctx, reader)
    if vpc is None:
        raise AwsError("VPCIdNotSpecified", "No default VPC for this user")
    subnets = [
        subnet
        for subnet in owned(ctx, reader, Subnet, vpc_id=vpc.id, default_for_az=True)
        if zone in (None, subnet.availability_zone)
    ]
    if not subnets:
        raise AwsError(
            "MissingInput", f"No subnets found for the default VPC '{vpc.id}'. Please specify a subnet."
        )
    return min(subnets, key=lambda s: (-free_addresses(reader, s), s.availability_zone))


def _groups(ctx: Context, reader: Reader, launch: Launch, subnet: Subnet) -> tuple[str, ...]:
    groups = by_ids(ctx, reader, SecurityGroup, launch.group_ids)
    groups += [by_name(ctx, reader, name) for name in launch.group_names]
    if not groups:
        groups = owned(ctx, reader, SecurityGroup, vpc_id=subnet.vpc_id, name="default")
    for group in groups:
        if group.vpc_id != subnet.vpc_id:
            raise AwsError(
                "InvalidParameter",
                f"Security group {group.id} and subnet {subnet.id} belong to different networks.",
            )
    return tuple(dict.fromkeys(group.id for group in groups))


def _check_wanted_address(subnet: Subnet, address: str, taken: set[str]) -> None:
    try:
        inside = IPv4Address(address) in IPv4Network(subnet.cidr)
    except AddressValueError as error:
        raise AwsError("InvalidParameterValue", f"Invalid IPv4 address: {address}") from error
    if not inside:
        raise AwsError(
            "InvalidParameterValue", f"Address {address} does not fall within the subnet's address range"
        )
    if is_reserved(subnet.cidr, address):
        raise AwsError("InvalidParameterValue", f"Address {address} is in subnet's reserved address range")
    if address in taken:
        raise AwsError("InvalidIPAddress.InUse", f"Address {address} is in use.")


def _addresses(ctx: Context, reader: Reader, launch: Launch, subnet: Subnet) -> list[str]:
    """Between MinCount and MaxCount free addresses."""
    most = min(launch.max_count, _room(ctx, reader, launch.min_count))
    taken = {eni.private_ip for eni in reader.list(NetworkInterface, subnet_id=subnet.id)}
    if launch.private_ip:
        _check_wanted_address(subnet, launch.private_ip, taken)
        return [launch.private_ip]
    found: list[str] = []
    while len(found) < most:
        address = free_address(subnet, taken, ctx.ids)
        if address is None:
            break
        taken.add(address)
        found.append(address)
    if len(found) < launch.min_count:
        raise AwsError(
            "InsufficientFreeAddressesInSubnet",
            "The specified subnet does not have enough free addresses to satisfy the request.",
        )
    return found


def _room(ctx: Context, reader: Reader, wanted: int) -> int:
    """How many instances there may be more."""
    room = MOST_INSTANCES - sum(one.state != "terminated" for one in owned(ctx, reader, Instance))
    if room < wanted:
        raise AwsError(
            "InstanceLimitExceeded",
            f"Your quota allows for {max(room, 0)} more running instance(s). You requested at least {wanted}",
        )
    return room


def _instances(ctx: Context, reader: Reader, launch: Launch, batch: Batch) -> list[NewInstance]:
    subnet = _subnet(ctx, reader, launch)
    groups = _groups(ctx, reader, launch, subnet)
    return [
        new_instance(
            launch.recipe,
            Site(subnet=subnet, groups=groups, address=address),
            batch,
            index,
            (ctx.ids, ctx.now),
        )
        for index, address in enumerate(_addresses(ctx, reader, launch, subnet))
    ]


def run_instances(ctx: Context, request: Params) -> Params:
    """RunInstances; what the request says goes over what its launch template says."""
    token, digest = token_of(request, _LONGEST_TOKEN)
    with ctx.store.transaction() as tx:
        launch = instance_launch.read(ctx, launch_template_source.merged(ctx, tx, request))
        launched = owned(ctx, tx, Instance, client_token=token) if token else []
        for instance in launched:
            check_same_request(instance.client_request, digest)
        if not launched:
            batch = Batch(
                reservation_id=f"r-{ctx.ids.hex(17)}", client_token=token, client_request=token and digest
            )
            for instance, interface in _instances(ctx, tx, launch, batch):
                launched.append(tx.put(instance))
                tx.put(interface)
        answer = reservation_shape(tx, sorted(launched, key=lambda instance: instance.ami_launch_index))
    return answer


OPERATIONS: dict[str, Operation] = {
    "RunInstances": operation(
        run_instances,
        "MinCount",
        "MaxCount",
        "SubnetId",
        "PrivateIpAddress",
        "ClientToken",
        "LaunchTemplate",
        *instance_launch.HONOURED,
        neutral=instance_launch.NEUTRAL,
    )
}
