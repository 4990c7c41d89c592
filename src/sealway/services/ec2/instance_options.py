"""The root volume and the metadata options of an instance: read, checked, kept and described.

Every real template carries them. The host's own disk holds what an instance writes, and there is no
metadata service; so what would be a promise about either (encryption, a volume that outlives its instance,
a second volume) is refused by name. Source: EC2 API Reference, EbsBlockDevice and
InstanceMetadataOptionsRequest; EBS User Guide, "EBS volume types".
"""

from typing import Any

from ...model.errors import AwsError
from ...model.request import Params
from .request import refuse_unknown, unsupported

ROOT_DEVICE = "/dev/xvda"
IMAGE_VOLUME: Params = {"VolumeSize": 30, "VolumeType": "gp3", "Iops": 3000, "Throughput": 125}
"""What the ECS-optimised image has, in GiB, operations a second and MiB a second."""
_SIZES = {
    "gp2": (1, 16384),
    "gp3": (1, 16384),
    "io1": (4, 16384),
    "io2": (4, 65536),
    "standard": (1, 1024),
}
METADATA_DEFAULTS: Params = {
    "HttpTokens": "required",
    "HttpPutResponseHopLimit": 2,
    "HttpEndpoint": "enabled",
    "HttpProtocolIpv6": "disabled",
    "InstanceMetadataTags": "disabled",
}
"""Of the image, which is one of Amazon Linux 2023."""


def root_volume(request: Params) -> dict[str, Any]:
    """RunInstances' BlockDeviceMappings as the root volume's EBS members."""
    mappings = request.get("BlockDeviceMappings") or []
    if any(mapping.get("DeviceName") != ROOT_DEVICE for mapping in mappings) or len(mappings) > 1:
        raise unsupported(f"A block device mapping other than the one of {ROOT_DEVICE}")
    if not mappings:
        return dict(IMAGE_VOLUME)
    refuse_unknown(mappings[0], ("DeviceName", "Ebs"), {}, "BlockDeviceMappings[0].")
    return _volume(mappings[0].get("Ebs") or {})


def _volume(asked: Params) -> dict[str, Any]:
    neutral = {"DeleteOnTermination": [True]}
    if asked.get("DeleteOnTermination") is False:
        raise unsupported("A volume that outlives its instance (DeleteOnTermination=false)")
    refuse_unknown(asked, tuple(IMAGE_VOLUME), neutral, "BlockDeviceMappings[0].Ebs.")
    kind = asked.get("VolumeType") or "gp3"
    if kind not in _SIZES:
        raise unsupported(f"A root volume of type {kind}")
    size = asked.get("VolumeSize") or IMAGE_VOLUME["VolumeSize"]
    low, high = _SIZES[kind]
    if not max(low, IMAGE_VOLUME["VolumeSize"]) <= size <= high:
        raise AwsError(
            "InvalidBlockDeviceMapping",
            f"Volume of size {size}GB is smaller than snapshot, expect size>= {IMAGE_VOLUME['VolumeSize']}GB"
            if low <= size < IMAGE_VOLUME["VolumeSize"]
            else f"The volume size must be between {low} and {high} GiB for volumes of type {kind}",
        )
    volume: dict[str, Any] = {"VolumeType": kind, "VolumeSize": size}
    if kind == "gp3":
        return {
            **volume,
            "Iops": asked.get("Iops") or IMAGE_VOLUME["Iops"],
            "Throughput": asked.get("Throughput") or IMAGE_VOLUME["Throughput"],
        }
    if asked.get("Throughput"):
        raise AwsError(
            "InvalidParameterCombination",
            f"The parameter throughput is not supported for {kind} volumes",
        )
    if kind.startswith("io") and not asked.get("Iops"):
        raise AwsError(
            "MissingParameter", f"The request must contain the parameter iops for a volume of type {kind}"
        )
    default = min(16000, max(100, 3 * size)) if kind == "gp2" else 0
    iops = asked.get("Iops") or default
    return {**volume, "Iops": iops} if iops else volume


def metadata_options(asked: Params | None, current: Params | None = None) -> dict[str, Any]:
    """MetadataOptions, completed from ``current`` or the defaults. The wire has checked the enums."""
    given = {name: value for name, value in (asked or {}).items() if value is not None}
    unknown = sorted(given.keys() - METADATA_DEFAULTS.keys())
    if unknown:
        raise unsupported(f"The parameter MetadataOptions.{unknown[0]}")
    hops = given.get("HttpPutResponseHopLimit", 1)
    if not 1 <= hops <= 64:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({hops}) for parameter HttpPutResponseHopLimit is invalid. It must be between 1 and 64.",
        )
    return {**METADATA_DEFAULTS, **(current or {}), **given}
