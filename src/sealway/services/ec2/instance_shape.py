"""An instance as EC2 describes it. A terminated one has lost its place in the network, as on AWS."""

import platform

from ...model.instance import Instance
from ...model.network import NetworkInterface
from ...model.request import Params
from ...store import Reader
from . import tags, volume
from .instance_options import METADATA_DEFAULTS, ROOT_DEVICE
from .network_interface import address_shape, group_identifiers, private_dns_name


def host_architecture() -> str:
    """This machine's processor, as EC2 calls it."""
    return "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"


STATE_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48}
USER_TERMINATED = "Client.UserInitiatedShutdown"


def state(name: str) -> Params:
    """EC2's ``InstanceState``."""
    return {"Code": STATE_CODES[name], "Name": name}


def state_reason(instance: Instance) -> Params | None:
    """Why it goes or went: what the node found, else the user's own request."""
    if instance.state_reason:
        code, _, message = instance.state_reason.partition(": ")
        return {"Code": code, "Message": message or code}
    if instance.terminate_requested_at:
        return {"Code": USER_TERMINATED, "Message": f"{USER_TERMINATED}: User initiated shutdown"}
    return None


def _transition_reason(instance: Instance) -> str:
    when = instance.terminate_requested_at
    return f"User initiated ({when:%Y-%m-%d %H:%M:%S} GMT)" if when else ""


def _interface(reader: Reader, eni: NetworkInterface) -> Params:
    shape: Params = {
        "NetworkInterfaceId": eni.id,
        "InterfaceType": eni.interface_type,
        "Description": eni.description,
        "OwnerId": eni.account_id,
        "MacAddress": eni.mac,
        "Status": "in-use",
        "SourceDestCheck": True,
        "SubnetId": eni.subnet_id,
        "VpcId": eni.vpc_id,
        "PrivateIpAddress": eni.private_ip,
        "PrivateDnsName": private_dns_name(eni.region, eni.private_ip),
        "PrivateIpAddresses": [address_shape(eni)],
        "Ipv6Addresses": [],
        "Groups": group_identifiers(reader, eni.security_groups),
    }
    if eni.attachment:
        shape["Attachment"] = {
            "AttachmentId": eni.attachment.id,
            "AttachTime": eni.attachment.attached_at,
            "DeleteOnTermination": True,
            "DeviceIndex": 0,
            "NetworkCardIndex": 0,
            "Status": "attached",
        }
    return shape


def _place(reader: Reader, instance: Instance) -> Params:
    """What a living instance has and a terminated one has lost."""
    if instance.state == "terminated":
        return {"NetworkInterfaces": [], "SecurityGroups": [], "PrivateDnsName": "", "PublicDnsName": ""}
    eni = reader.get(NetworkInterface, instance.network_interface_id)
    return {
        "VpcId": instance.vpc_id,
        "SubnetId": instance.subnet_id,
        "PrivateIpAddress": instance.private_ip,
        "PrivateDnsName": private_dns_name(instance.region, instance.private_ip),
        "PublicDnsName": "",
        "SecurityGroups": group_identifiers(reader, instance.security_groups),
        "NetworkInterfaces": [_interface(reader, eni)] if eni else [],
        "SourceDestCheck": True,
    }


def instance_shape(reader: Reader, instance: Instance) -> Params:
    """EC2's ``Instance``."""
    shape: Params = {
        "InstanceId": instance.id,
        "ImageId": instance.image_id,
        "InstanceType": instance.instance_type,
        "State": state(instance.state),
        "StateTransitionReason": _transition_reason(instance),
        "LaunchTime": instance.launched_at,
        "AmiLaunchIndex": instance.ami_launch_index,
        "Placement": {
            "AvailabilityZone": instance.availability_zone,
            "GroupName": "",
            "Tenancy": "default",
        },
        "Monitoring": {"State": "disabled"},
        "Architecture": host_architecture(),
        "Hypervisor": "xen",
        "VirtualizationType": "hvm",
        "RootDeviceType": "ebs",
        "RootDeviceName": ROOT_DEVICE,
        "BlockDeviceMappings": volume.block_device_mappings(instance),
        "MetadataOptions": metadata_shape(instance),
        "ProductCodes": [],
        "ClientToken": instance.client_token,
        "EbsOptimized": False,
        "Tags": tags.shape(instance.tags),
        **_place(reader, instance),
    }
    if reason := state_reason(instance):
        shape["StateReason"] = reason
    if instance.key_name:
        shape["KeyName"] = instance.key_name
    if instance.iam_instance_profile:
        shape["IamInstanceProfile"] = instance.iam_instance_profile
    return shape


def metadata_shape(instance: Instance) -> Params:
    """EC2's ``InstanceMetadataOptionsResponse``."""
    return {"State": "applied", **(instance.metadata_options or METADATA_DEFAULTS)}


def reservation_shape(reader: Reader, instances: list[Instance]) -> Params:
    """EC2's ``Reservation`` of instances that were launched together."""
    return {
        "ReservationId": instances[0].reservation_id,
        "OwnerId": instances[0].account_id,
        "Groups": [],
        "Instances": [instance_shape(reader, instance) for instance in instances],
    }
