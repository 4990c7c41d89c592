"""DescribeNetworkInterfaces: addresses of tasks, instances and load balancer nodes.

Load balancer nodes show as on AWS: description ``ELB net/NAME/ID``, requester ``amazon-elb``.
"""

from ...model.network import NetworkInterface, SecurityGroup
from ...model.request import Params
from ...store import Reader
from ..context import Context, Operation
from . import tags
from .filters import Getter, select
from .lookup import described
from .request import operation, paged
from .zones import zone_id


def private_dns_name(region: str, address: str) -> str:
    """``ip-172-31-0-10.ec2.internal``, and ``ip-....REGION.compute.internal`` outside us-east-1.

    Source: Amazon VPC User Guide, "DNS attributes for your VPC". Sealway's resolver answers these names.
    """
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return f"ip-{address.replace('.', '-')}.{domain}"


def group_identifiers(reader: Reader, ids: tuple[str, ...]) -> list[Params]:
    """Ids and names of security groups; a group that is gone is left out."""
    groups = [reader.get(SecurityGroup, group_id) for group_id in ids]
    return [{"GroupId": group.id, "GroupName": group.name} for group in groups if group]


def status(eni: NetworkInterface) -> str:
    """``in-use`` when attached."""
    return "in-use" if eni.attachment else "available"


def _attachment(eni: NetworkInterface) -> Params | None:
    attachment = eni.attachment
    if attachment is None:
        return None
    shape: Params = {
        "AttachmentId": attachment.id,
        "AttachTime": attachment.attached_at,
        "DeleteOnTermination": attachment.instance_id is not None,
        "DeviceIndex": attachment.device_index,
        "NetworkCardIndex": 0,
        "InstanceOwnerId": attachment.instance_owner_id,
        "Status": "attached",
    }
    return shape | ({"InstanceId": attachment.instance_id} if attachment.instance_id else {})


def address_shape(eni: NetworkInterface) -> Params:
    """The one private address."""
    return {
        "PrivateIpAddress": eni.private_ip,
        "PrivateDnsName": private_dns_name(eni.region, eni.private_ip),
        "Primary": True,
    }


def _shape(reader: Reader, eni: NetworkInterface) -> Params:
    shape: Params = {
        "NetworkInterfaceId": eni.id,
        "InterfaceType": eni.interface_type,
        "Description": eni.description,
        "Status": status(eni),
        "OwnerId": eni.account_id,
        "RequesterManaged": eni.requester_managed,
        "SourceDestCheck": eni.interface_type == "interface",
        "VpcId": eni.vpc_id,
        "SubnetId": eni.subnet_id,
        "AvailabilityZone": eni.availability_zone,
        "AvailabilityZoneId": zone_id(eni.availability_zone),
        "MacAddress": eni.mac,
        "PrivateIpAddress": eni.private_ip,
        "PrivateDnsName": private_dns_name(eni.region, eni.private_ip),
        "PrivateIpAddresses": [address_shape(eni)],
        "Ipv6Addresses": [{"Ipv6Address": address, "IsPrimaryIpv6": False} for address in eni.ipv6_addresses],
        "Groups": group_identifiers(reader, eni.security_groups),
        "TagSet": tags.shape(eni.tags),
    }
    if eni.requester_id:
        shape["RequesterId"] = eni.requester_id
    if attachment := _attachment(eni):
        shape["Attachment"] = attachment
    return shape


def _filters(reader: Reader) -> dict[str, Getter[NetworkInterface]]:
    def attached(name: str) -> Getter[NetworkInterface]:
        return lambda eni: getattr(eni.attachment, name, None)

    return {
        "network-interface-id": lambda e: e.id,
        "description": lambda e: e.description,
        "requester-id": lambda e: e.requester_id,
        "requester-managed": lambda e: e.requester_managed,
        "owner-id": lambda e: e.account_id,
        "subnet-id": lambda e: e.subnet_id,
        "vpc-id": lambda e: e.vpc_id,
        "availability-zone": lambda e: e.availability_zone,
        "availability-zone-id": lambda e: zone_id(e.availability_zone),
        "group-id": lambda e: e.security_groups,
        "group-name": lambda e: [g["GroupName"] for g in group_identifiers(reader, e.security_groups)],
        "private-ip-address": lambda e: e.private_ip,
        "addresses.private-ip-address": lambda e: e.private_ip,
        "ipv6-addresses.ipv6-address": lambda e: e.ipv6_addresses,
        "addresses.primary": lambda e: True,
        "private-dns-name": lambda e: private_dns_name(e.region, e.private_ip),
        "mac-address": lambda e: e.mac,
        "interface-type": lambda e: e.interface_type,
        "source-dest-check": lambda e: e.interface_type == "interface",
        "status": status,
        "attachment.attachment-id": attached("id"),
        "attachment.instance-id": attached("instance_id"),
        "attachment.instance-owner-id": attached("instance_owner_id"),
        "attachment.device-index": attached("device_index"),
        "attachment.status": lambda e: "attached" if e.attachment else None,
        "attachment.delete-on-termination": lambda e: (
            e.attachment.instance_id is not None if e.attachment else None
        ),
    }


def describe_network_interfaces(ctx: Context, request: Params) -> Params:
    """DescribeNetworkInterfaces."""
    found = described(ctx, NetworkInterface, request.get("NetworkInterfaceIds"))
    chosen = select(found, request.get("Filters"), _filters(ctx.store))
    return paged(request, chosen, lambda eni: _shape(ctx.store, eni), "NetworkInterfaces")


OPERATIONS: dict[str, Operation] = {
    "DescribeNetworkInterfaces": operation(
        describe_network_interfaces,
        "NetworkInterfaceIds",
        "Filters",
        "MaxResults",
        "NextToken",
        "IncludeManagedResources",
    ),
}
