"""What can be launched: instance types, and the one image.

The types and their sizes are in ``model/instance_type``. The image stands for the ECS-optimised one: an
instance here runs no operating system of its own, so any well-formed ``ami-`` id is taken by RunInstances.
"""

from ...model import instance_type
from ...model.errors import AwsError
from ...model.request import Params
from ...model.resource import Resource
from ..context import Context, Operation
from . import instance_shape
from .filters import Getter, select
from .instance_options import IMAGE_VOLUME, ROOT_DEVICE
from .lookup import malformed, well_formed
from .request import operation, paged

IMAGE_ID = "ami-0ea1f0000000ec500"
IMAGE_OWNER = "591542846629"
"""The account of Amazon ECS's own images."""
IMAGE_NAME = "al2023-ami-ecs-hvm-2023.0.20260101-kernel-6.1-{}"
"""Named as AWS names the ECS-optimised image, so that a template's own search finds it."""


class TypeEntry(Resource, frozen=True, kw_only=True):
    """An instance type; computed, never stored."""

    name: str
    vcpus: int
    memory_mib: int
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def _entry(name: str) -> TypeEntry:
    known = instance_type.find(name)
    if known is None:
        raise AwsError("InvalidInstanceType", f"The following supplied instance types do not exist: [{name}]")
    return TypeEntry(name=known.name, vcpus=known.vcpus, memory_mib=known.memory_mib)


def _type_shape(entry: TypeEntry) -> Params:
    return {
        "InstanceType": entry.name,
        "CurrentGeneration": True,
        "SupportedUsageClasses": ["on-demand"],
        "BareMetal": False,
        "VCpuInfo": {"DefaultVCpus": entry.vcpus},
        "MemoryInfo": {"SizeInMiB": entry.memory_mib},
        "InstanceStorageSupported": False,
        "BurstablePerformanceSupported": False,
        "HibernationSupported": False,
        "DedicatedHostsSupported": False,
        "AutoRecoverySupported": False,
        "NetworkInfo": {
            "MaximumNetworkInterfaces": 1,
            "Ipv4AddressesPerInterface": 1,
            "Ipv6Supported": False,
        },
    }


_TYPE_FILTERS: dict[str, Getter[TypeEntry]] = {
    "instance-type": lambda t: t.name,
    "vcpu-info.default-vcpus": lambda t: t.vcpus,
    "memory-info.size-in-mib": lambda t: t.memory_mib,
    "current-generation": lambda t: True,
    "bare-metal": lambda t: False,
    "supported-usage-class": lambda t: "on-demand",
    "burstable-performance-supported": lambda t: False,
}


def describe_instance_types(ctx: Context, request: Params) -> Params:
    """DescribeInstanceTypes."""
    del ctx
    entries = [_entry(name) for name in request.get("InstanceTypes") or instance_type.names()]
    return paged(
        request, select(entries, request.get("Filters"), _TYPE_FILTERS), _type_shape, "InstanceTypes"
    )


class ImageEntry(Resource, frozen=True, kw_only=True):
    """The image; computed, never stored."""

    id: str = IMAGE_ID
    name: str = IMAGE_NAME.format(instance_shape.host_architecture())
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id


def _image_shape(image: ImageEntry) -> Params:
    return {
        "ImageId": image.id,
        "Name": image.name,
        "Description": "Stands for the ECS-optimized image: a container instance on this machine",
        "ImageLocation": f"amazon/{image.name}",
        "ImageOwnerAlias": "amazon",
        "ImageType": "machine",
        "State": "available",
        "Public": True,
        "CreationDate": "2026-01-01T00:00:00.000Z",
        "OwnerId": IMAGE_OWNER,
        "Architecture": instance_shape.host_architecture(),
        "PlatformDetails": "Linux/UNIX",
        "VirtualizationType": "hvm",
        "Hypervisor": "xen",
        "EnaSupport": True,
        "RootDeviceType": "ebs",
        "RootDeviceName": ROOT_DEVICE,
        "BlockDeviceMappings": [
            {
                "DeviceName": ROOT_DEVICE,
                "Ebs": {**IMAGE_VOLUME, "DeleteOnTermination": True, "Encrypted": False},
            }
        ],
        "Tags": [],
    }


_IMAGE_FILTERS: dict[str, Getter[ImageEntry]] = {
    "image-id": lambda i: i.id,
    "name": lambda i: i.name,
    "state": lambda i: "available",
    "owner-alias": lambda i: "amazon",
    "is-public": lambda i: True,
    "image-type": lambda i: "machine",
    "owner-id": lambda i: IMAGE_OWNER,
    "architecture": lambda i: instance_shape.host_architecture(),
    "virtualization-type": lambda i: "hvm",
    "hypervisor": lambda i: "xen",
    "ena-support": lambda i: True,
    "root-device-type": lambda i: "ebs",
    "root-device-name": lambda i: ROOT_DEVICE,
    "block-device-mapping.volume-type": lambda i: IMAGE_VOLUME["VolumeType"],
    "platform-details": lambda i: "Linux/UNIX",
}


def describe_images(ctx: Context, request: Params) -> Params:
    """DescribeImages: the one there is, unless owners are named that it does not belong to."""
    del ctx
    for wanted in request.get("ImageIds") or ():
        if not well_formed("ami", wanted):
            raise malformed("InvalidAMIID", wanted, "ami")
        if wanted != IMAGE_ID:
            raise AwsError("InvalidAMIID.NotFound", f"The image id '[{wanted}]' does not exist")
    owners = request.get("Owners") or ["amazon"]
    images = [ImageEntry()] if {"amazon", IMAGE_OWNER} & set(owners) else []
    return paged(request, select(images, request.get("Filters"), _IMAGE_FILTERS), _image_shape, "Images")


OPERATIONS: dict[str, Operation] = {
    "DescribeInstanceTypes": operation(
        describe_instance_types,
        "InstanceTypes",
        "Filters",
        "MaxResults",
        "NextToken",
        "IncludeUnsupportedInRegion",
    ),
    "DescribeImages": operation(
        describe_images,
        "ImageIds",
        "Owners",
        "Filters",
        "MaxResults",
        "NextToken",
        "IncludeDeprecated",
        "IncludeDisabled",
        neutral={"ExecutableUsers": [["all"], ["self"], ["self", "all"], ["all", "self"]]},
    ),
}
