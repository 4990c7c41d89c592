"""Describe and terminate instances. The node moves their state on; only the wish to end is written here."""

from itertools import groupby

from ...model.errors import AwsError
from ...model.instance import Instance
from ...model.request import Params
from ...store import Reader
from ..context import Context, Operation
from .filters import Getter, select
from .instance_shape import STATE_CODES, reservation_shape, state, state_reason
from .lookup import by_ids, described
from .network_interface import group_identifiers, private_dns_name
from .request import operation, paged
from .zones import zone_id


def _filters(reader: Reader) -> dict[str, Getter[Instance]]:
    def placed(getter: Getter[Instance]) -> Getter[Instance]:
        return lambda i: None if i.state == "terminated" else getter(i)

    def names(i: Instance) -> list[str]:
        return [group["GroupName"] for group in group_identifiers(reader, i.security_groups)]

    address, interface = placed(lambda i: i.private_ip), placed(lambda i: i.network_interface_id)
    dns_name, group_ids = (
        placed(lambda i: private_dns_name(i.region, i.private_ip)),
        placed(lambda i: i.security_groups),
    )
    return {
        "instance-id": lambda i: i.id,
        "instance-state-name": lambda i: i.state,
        "instance-state-code": lambda i: STATE_CODES[i.state],
        "instance-type": lambda i: i.instance_type,
        "image-id": lambda i: i.image_id,
        "availability-zone": lambda i: i.availability_zone,
        "availability-zone-id": lambda i: zone_id(i.availability_zone),
        "client-token": lambda i: i.client_token,
        "reservation-id": lambda i: i.reservation_id,
        "owner-id": lambda i: i.account_id,
        "key-name": lambda i: i.key_name,
        "launch-index": lambda i: i.ami_launch_index,
        "launch-time": lambda i: f"{i.launched_at:%Y-%m-%dT%H:%M:%S}.000Z",
        "iam-instance-profile.arn": lambda i: (i.iam_instance_profile or {}).get("Arn"),
        "state-reason-code": lambda i: (state_reason(i) or {}).get("Code"),
        "tenancy": lambda i: "default",
        "vpc-id": placed(lambda i: i.vpc_id),
        "subnet-id": placed(lambda i: i.subnet_id),
        "private-ip-address": address,
        "private-dns-name": dns_name,
        "instance.group-id": group_ids,
        "instance.group-name": placed(names),
        "network-interface.network-interface-id": interface,
        "network-interface.subnet-id": placed(lambda i: i.subnet_id),
        "network-interface.vpc-id": placed(lambda i: i.vpc_id),
        "network-interface.group-id": group_ids,
        "network-interface.addresses.private-ip-address": address,
        "network-interface.private-dns-name": dns_name,
    }


def describe_instances(ctx: Context, request: Params) -> Params:
    """DescribeInstances: by reservation; a page counts instances."""
    if request.get("InstanceIds") and request.get("MaxResults"):
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )
    found = described(ctx, Instance, request.get("InstanceIds"))
    chosen = {i.id: i for i in select(found, request.get("Filters"), _filters(ctx.store))}
    answer = paged(request, list(chosen.values()), lambda i: {"id": i.id}, "Reservations")
    page = sorted((chosen[entry["id"]] for entry in answer["Reservations"]), key=_launch_order)
    groups = [list(members) for _, members in groupby(page, key=lambda i: i.reservation_id)]
    return {**answer, "Reservations": [reservation_shape(ctx.store, members) for members in groups]}


def _launch_order(instance: Instance) -> tuple[object, ...]:
    return (instance.launched_at, instance.reservation_id, instance.ami_launch_index)


def terminate_instances(ctx: Context, request: Params) -> Params:
    """TerminateInstances: all or none; asking again changes nothing."""
    changes = []
    with ctx.store.transaction() as tx:
        for instance in by_ids(ctx, tx, Instance, request["InstanceIds"]):
            if instance.disable_api_termination:
                raise AwsError(
                    "OperationNotPermitted",
                    f"The instance '{instance.id}' may not be terminated. "
                    "Modify its 'disableApiTermination' instance attribute and try again.",
                )
            ending = instance
            if instance.terminate_requested_at is None and instance.state != "terminated":
                ending = tx.put(instance.replace(state="shutting-down", terminate_requested_at=ctx.now))
            changes.append(
                {
                    "InstanceId": instance.id,
                    "PreviousState": state(instance.state),
                    "CurrentState": state(ending.state),
                }
            )
    return {"TerminatingInstances": changes}


_STATUS_FILTERS: dict[str, Getter[Instance]] = {
    "instance-state-name": lambda i: i.state,
    "instance-state-code": lambda i: STATE_CODES[i.state],
    "availability-zone": lambda i: i.availability_zone,
    "availability-zone-id": lambda i: zone_id(i.availability_zone),
    "instance-status.status": lambda i: _summary(i)["Status"],
    "system-status.status": lambda i: _summary(i)["Status"],
    "instance-status.reachability": lambda i: "passed" if i.state == "running" else None,
    "system-status.reachability": lambda i: "passed" if i.state == "running" else None,
}


def _summary(instance: Instance) -> Params:
    if instance.state != "running":
        return {"Status": "not-applicable"}
    return {"Status": "ok", "Details": [{"Name": "reachability", "Status": "passed"}]}


def _status_shape(instance: Instance) -> Params:
    return {
        "InstanceId": instance.id,
        "AvailabilityZone": instance.availability_zone,
        "AvailabilityZoneId": zone_id(instance.availability_zone),
        "InstanceState": state(instance.state),
        "InstanceStatus": _summary(instance),
        "SystemStatus": _summary(instance),
    }


def describe_instance_status(ctx: Context, request: Params) -> Params:
    """DescribeInstanceStatus: the running ones, or all when asked."""
    found = described(ctx, Instance, request.get("InstanceIds"))
    if not request.get("IncludeAllInstances"):
        found = [instance for instance in found if instance.state == "running"]
    chosen = select(found, request.get("Filters"), _STATUS_FILTERS)
    return paged(request, chosen, _status_shape, "InstanceStatuses")


OPERATIONS: dict[str, Operation] = {
    "DescribeInstances": operation(
        describe_instances, "InstanceIds", "Filters", "MaxResults", "NextToken", "IncludeManagedResources"
    ),
    "TerminateInstances": operation(
        terminate_instances, "InstanceIds", neutral={"Force": [True], "SkipOsShutdown": [True]}
    ),
    "DescribeInstanceStatus": operation(
        describe_instance_status,
        "InstanceIds",
        "Filters",
        "MaxResults",
        "NextToken",
        "IncludeAllInstances",
        "IncludeManagedResources",
    ),
}
