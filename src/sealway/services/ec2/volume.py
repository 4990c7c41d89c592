"""DescribeVolumes: the root volumes of instances, which live and end with them. There are no others."""

from ...model.errors import AwsError
from ...model.instance import Instance
from ...model.request import Params
from ...model.resource import Resource
from ..context import Context, Operation
from . import tags
from .filters import Getter, select
from .instance_options import IMAGE_VOLUME, ROOT_DEVICE
from .lookup import owned
from .request import operation, paged


class VolumeEntry(Resource, frozen=True, kw_only=True):
    """The root volume of an instance; computed, never stored by itself."""

    instance: Instance
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return volume_id(self.instance)

    @property
    def size(self) -> int:
        """GiB."""
        return int(self.ebs["VolumeSize"])

    @property
    def ebs(self) -> Params:
        """Its EBS members."""
        return self.instance.root_volume or IMAGE_VOLUME


def volume_id(instance: Instance) -> str:
    """The id of an instance's root volume: the instance's own digits."""
    return f"vol-{instance.id.removeprefix('i-')}"


def block_device_mappings(instance: Instance) -> list[Params]:
    """As DescribeInstances shows them."""
    if instance.state == "terminated":
        return []
    ebs = {"VolumeId": volume_id(instance), "Status": "attached", "AttachTime": instance.launched_at}
    return [{"DeviceName": ROOT_DEVICE, "Ebs": {**ebs, "DeleteOnTermination": True}}]


_FILTERS: dict[str, Getter[VolumeEntry]] = {
    "volume-id": lambda v: v.key,
    "volume-type": lambda v: v.ebs["VolumeType"],
    "size": lambda v: v.size,
    "status": lambda v: "in-use",
    "encrypted": lambda v: False,
    "availability-zone": lambda v: v.instance.availability_zone,
    "attachment.instance-id": lambda v: v.instance.id,
    "attachment.device": lambda v: ROOT_DEVICE,
    "attachment.status": lambda v: "attached",
    "attachment.delete-on-termination": lambda v: True,
}


def _shape(volume: VolumeEntry) -> Params:
    instance = volume.instance
    attachment = {
        "AttachTime": instance.launched_at,
        "DeleteOnTermination": True,
        "Device": ROOT_DEVICE,
        "InstanceId": instance.id,
        "State": "attached",
        "VolumeId": volume.key,
    }
    ebs = volume.ebs
    shape: Params = {
        "VolumeId": volume.key,
        "AvailabilityZone": instance.availability_zone,
        "Attachments": [attachment],
        "CreateTime": instance.launched_at,
        "Encrypted": False,
        "MultiAttachEnabled": False,
        "Size": volume.size,
        "State": "in-use",
        "Tags": tags.shape(volume.tags),
        "VolumeType": ebs["VolumeType"],
    }
    return shape | {name: ebs[name] for name in ("Iops", "Throughput") if name in ebs}


def describe_volumes(ctx: Context, request: Params) -> Params:
    """DescribeVolumes."""
    living = [i for i in owned(ctx, ctx.store, Instance) if i.state != "terminated"]
    volumes = {volume_id(i): VolumeEntry(instance=i, tags=i.volume_tags) for i in living}
    wanted = request.get("VolumeIds") or list(volumes)
    for name in wanted:
        if name not in volumes:
            raise AwsError("InvalidVolume.NotFound", f"The volume '{name}' does not exist.")
    chosen = select([volumes[name] for name in dict.fromkeys(wanted)], request.get("Filters"), _FILTERS)
    return paged(request, chosen, _shape, "Volumes")


OPERATIONS: dict[str, Operation] = {
    "DescribeVolumes": operation(describe_volumes, "VolumeIds", "Filters", "MaxResults", "NextToken")
}
