"""Single attributes of instances: read any, change what can change while an instance runs."""

from ...model.errors import AwsError
from ...model.instance import Instance
from ...model.network import NetworkInterface, SecurityGroup
from ...model.request import Params
from ..context import Context, Operation
from .instance_options import ROOT_DEVICE, metadata_options
from .instance_shape import metadata_shape
from .lookup import by_id, by_ids
from .network_interface import group_identifiers
from .request import operation, unsupported
from .volume import block_device_mappings


def _attribute(ctx: Context, instance: Instance, name: str) -> Params:
    values: Params = {
        "userData": {"UserData": {"Value": instance.user_data} if instance.user_data else {}},
        "instanceType": {"InstanceType": {"Value": instance.instance_type}},
        "disableApiTermination": {"DisableApiTermination": {"Value": instance.disable_api_termination}},
        "disableApiStop": {"DisableApiStop": {"Value": False}},
        "instanceInitiatedShutdownBehavior": {"InstanceInitiatedShutdownBehavior": {"Value": "stop"}},
        "ebsOptimized": {"EbsOptimized": {"Value": False}},
        "sourceDestCheck": {"SourceDestCheck": {"Value": True}},
        "enclaveOptions": {"EnclaveOptions": {"Enabled": False}},
        "groupSet": {"Groups": group_identifiers(ctx.store, instance.security_groups)},
        "blockDeviceMapping": {"BlockDeviceMappings": block_device_mappings(instance)},
        "rootDeviceName": {"RootDeviceName": {"Value": ROOT_DEVICE}},
        "productCodes": {"ProductCodes": []},
        "kernel": {"KernelId": {}},
        "ramdisk": {"RamdiskId": {}},
    }
    if name not in values:
        raise unsupported(f"The attribute {name}")
    found: Params = values[name]
    return found


def describe_instance_attribute(ctx: Context, request: Params) -> Params:
    """DescribeInstanceAttribute."""
    instance = by_id(ctx, ctx.store, Instance, request["InstanceId"])
    return {"InstanceId": instance.id, **_attribute(ctx, instance, request["Attribute"])}


def _wish(request: Params) -> Params:
    """The new values by member, from either writing: the member itself, or Attribute and Value."""
    wish: Params = {}
    if isinstance(request.get("DisableApiTermination"), dict):
        wish["DisableApiTermination"] = bool(request["DisableApiTermination"].get("Value"))
    if request.get("Groups"):
        wish["Groups"] = request["Groups"]
    if request.get("Value") is not None and not request.get("Attribute"):
        raise AwsError("MissingParameter", "The request must contain the parameter attribute")
    if attribute := request.get("Attribute"):
        if attribute != "disableApiTermination":
            raise unsupported(f"Changing the attribute {attribute}")
        wish["DisableApiTermination"] = str(request.get("Value")).lower() == "true"
    if len(wish) != 1:
        raise AwsError("InvalidParameterCombination", "Exactly one attribute must be given.")
    return wish


def modify_instance_attribute(ctx: Context, request: Params) -> Params:
    """ModifyInstanceAttribute: DisableApiTermination or Groups."""
    wish = _wish(request)
    with ctx.store.transaction() as tx:
        instance = by_id(ctx, tx, Instance, request["InstanceId"])
        if "DisableApiTermination" in wish:
            tx.put(instance.replace(disable_api_termination=wish["DisableApiTermination"]))
            return {}
        groups = by_ids(ctx, tx, SecurityGroup, wish["Groups"])
        for group in groups:
            if group.vpc_id != instance.vpc_id:
                raise AwsError(
                    "InvalidGroup.NotFound",
                    f"The security group '{group.id}' does not exist in VPC '{instance.vpc_id}'",
                )
        ids = tuple(group.id for group in groups)
        tx.put(instance.replace(security_groups=ids))
        if eni := tx.get(NetworkInterface, instance.network_interface_id):
            tx.put(eni.replace(security_groups=ids))
    return {}


def modify_instance_metadata_options(ctx: Context, request: Params) -> Params:
    """ModifyInstanceMetadataOptions: what is given changes, at once."""
    asked = {name: value for name, value in request.items() if name not in ("InstanceId", "DryRun")}
    with ctx.store.transaction() as tx:
        instance = by_id(ctx, tx, Instance, request["InstanceId"])
        options = metadata_options(asked, instance.metadata_options)
        instance = tx.put(instance.replace(metadata_options=options))
        answer = metadata_shape(instance)
    return {"InstanceId": instance.id, "InstanceMetadataOptions": answer}


OPERATIONS: dict[str, Operation] = {
    "DescribeInstanceAttribute": operation(describe_instance_attribute, "InstanceId", "Attribute"),
    "ModifyInstanceMetadataOptions": operation(
        modify_instance_metadata_options,
        "InstanceId",
        "HttpTokens",
        "HttpPutResponseHopLimit",
        "HttpEndpoint",
        "HttpProtocolIpv6",
        "InstanceMetadataTags",
    ),
    "ModifyInstanceAttribute": operation(
        modify_instance_attribute,
        "InstanceId",
        "Attribute",
        "Value",
        "DisableApiTermination",
        "Groups",
        neutral={
            "SourceDestCheck": [{"Value": True}],
            "EbsOptimized": [{"Value": False}],
            "DisableApiStop": [{"Value": False}],
        },
    ),
}
