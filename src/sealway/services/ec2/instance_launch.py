"""What a RunInstances request asks for, read and checked: ``Launch``. No store, no ids.

Source: Amazon EC2 API Reference, RunInstances; EC2 User Guide, "Run commands at launch" (16 KB of user data).
"""

import base64
import re
from typing import Any

import msgspec

from ...model import instance_type
from ...model.errors import AwsError
from ...model.new_instance import Recipe
from ...model.request import Params
from ..context import Context
from . import instance_options, tags
from .lookup import malformed, well_formed
from .request import refuse_unknown

DEFAULT_TYPE = "t3.micro"
"""AWS's default, m1.small, is a type of 2006 that is not offered here."""
MAX_USER_DATA = 16384
OWN_TAGS = "aws:tags"
"""Where ``launch_template_source`` leaves AWS's own tags for the instance: no member of any request."""
_INTERFACE_MEMBERS = ("SubnetId", "Groups", "PrivateIpAddress", "Description")
_INTERFACE_NEUTRAL: dict[str, list[Any]] = {
    "DeviceIndex": [0],
    "DeleteOnTermination": [True],
    "NetworkCardIndex": [0],
    "InterfaceType": ["interface"],
}


HONOURED = (
    "ImageId",
    "InstanceType",
    "SecurityGroupIds",
    "SecurityGroups",
    "NetworkInterfaces",
    "Placement",
    "UserData",
    "KeyName",
    "IamInstanceProfile",
    "DisableApiTermination",
    "TagSpecifications",
    "BlockDeviceMappings",
    "MetadataOptions",
)
"""Members that RunInstances and a launch template's data have in common."""
NEUTRAL: dict[str, list[Any]] = {
    "Monitoring": [{"Enabled": False}],
    "InstanceInitiatedShutdownBehavior": ["stop", "terminate"],
    "CapacityReservationSpecification": [{"CapacityReservationPreference": "open"}],
    "EnclaveOptions": [{"Enabled": False}],
    "HibernationOptions": [{"Configured": False}],
    "MaintenanceOptions": [{"AutoRecovery": "default"}],
    "CreditSpecification": [{"CpuCredits": "unlimited"}],  # AWS's default; nothing is throttled here
}


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """A checked request. Groups and the subnet are still only named."""

    recipe: Recipe
    min_count: int
    max_count: int
    subnet_id: str | None
    zone: str | None
    group_ids: tuple[str, ...]
    group_names: tuple[str, ...]
    private_ip: str | None


def read(ctx: Context, request: Params) -> Launch:
    """Raises for what can be seen to be wrong without looking into the store."""
    _check_counts(request["MinCount"], request["MaxCount"])
    interface = _interface(request)
    placement = request.get("Placement") or {}
    refuse_unknown(placement, ("AvailabilityZone",), {"Tenancy": ["default"]}, "Placement.")
    private_ip = interface.get("PrivateIpAddress") or request.get("PrivateIpAddress")
    if private_ip and request["MaxCount"] > 1:
        raise AwsError(
            "InvalidParameterCombination",
            "A private IP address may not be specified when launching more than one instance.",
        )
    return Launch(
        recipe=_recipe(ctx, request, interface),
        min_count=request["MinCount"],
        max_count=request["MaxCount"],
        subnet_id=interface.get("SubnetId") or request.get("SubnetId"),
        zone=placement.get("AvailabilityZone") or None,
        group_ids=tuple(interface.get("Groups") or request.get("SecurityGroupIds") or ()),
        group_names=tuple(request.get("SecurityGroups") or ()),
        private_ip=private_ip,
    )


def _recipe(ctx: Context, request: Params, interface: Params) -> Recipe:
    labels = tags.specified(request, "instance", "network-interface", "volume")
    return Recipe(
        image_id=_image(request.get("ImageId")),
        instance_type=_type(request.get("InstanceType") or DEFAULT_TYPE),
        description=interface.get("Description") or "",
        user_data=_user_data(request.get("UserData") or ""),
        key_name=request.get("KeyName"),
        profile=_profile(ctx, request.get("IamInstanceProfile")),
        disable_api_termination=bool(request.get("DisableApiTermination")),
        tags={**labels["instance"], **request.get(OWN_TAGS, {})},
        interface_tags=labels["network-interface"],
        root_volume=instance_options.root_volume(request),
        volume_tags=labels["volume"],
        metadata_options=instance_options.metadata_options(request.get("MetadataOptions")),
    )


def _check_counts(low: int, high: int) -> None:
    if low < 1:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({low}) for parameter minCount is invalid. Minimum count must be greater than 0.",
        )
    if high < low:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({low}) for parameter minCount is invalid. It must not be above maxCount ({high}).",
        )


def _interface(request: Params) -> Params:
    interfaces = request.get("NetworkInterfaces") or []
    if not interfaces:
        return {}
    if len(interfaces) > 1:
        raise AwsError("AttachmentLimitExceeded", "Sealway attaches one network interface to an instance.")
    if request.get("SubnetId"):
        raise AwsError(
            "InvalidParameterCombination",
            "Network interfaces and an instance-level subnet ID may not be specified on the same request",
        )
    if request.get("SecurityGroupIds") or request.get("SecurityGroups"):
        raise AwsError(
            "InvalidParameterCombination",
            "Network interfaces and an instance-level security groups may not be specified "
            "on the same request",
        )
    interface: Params = interfaces[0]
    refuse_unknown(interface, _INTERFACE_MEMBERS, _INTERFACE_NEUTRAL, "NetworkInterfaces[0].")
    return interface


def _image(image_id: str | None) -> str:
    if not image_id:
        raise AwsError("MissingParameter", "The request must contain the parameter ImageId")
    if not well_formed("ami", image_id):
        raise malformed("InvalidAMIID", image_id, "ami")
    return image_id


def _type(name: str) -> str:
    if instance_type.find(name) is None:
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid value '{name}' for InstanceType. Sealway offers: {', '.join(instance_type.names())}.",
        )
    return name


def _user_data(text: str) -> str:
    compact = re.sub(r"\s", "", text)
    try:
        data = base64.b64decode(compact, validate=True)
    except ValueError as error:
        raise AwsError("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from error
    if len(data) > MAX_USER_DATA:
        raise AwsError("InvalidParameterValue", f"User data is limited to {MAX_USER_DATA} bytes")
    return compact


def _profile(ctx: Context, given: Params | None) -> dict[str, Any] | None:
    """Kept and described; Sealway has no IAM roles to hand out."""
    if not given:
        return None
    arn = given.get("Arn") or f"arn:aws:iam::{ctx.account_id}:instance-profile/{given.get('Name')}"
    return {"Arn": arn}
