"""The operations of EC2 that are built. What is not here answers AWS's error for an unknown operation."""

from ..context import Operation
from . import (
    account,
    catalogue,
    default_vpc,
    instance,
    instance_attribute,
    instance_run,
    ipv6,
    launch_template,
    network_interface,
    security_group,
    security_group_permission,
    subnet,
    tags,
    volume,
    vpc,
    zones,
)

OPERATIONS: dict[str, Operation] = {
    **account.OPERATIONS,
    **catalogue.OPERATIONS,
    **default_vpc.OPERATIONS,
    **instance.OPERATIONS,
    **instance_attribute.OPERATIONS,
    **instance_run.OPERATIONS,
    **ipv6.OPERATIONS,
    **launch_template.OPERATIONS,
    **network_interface.OPERATIONS,
    **security_group.OPERATIONS,
    **security_group_permission.OPERATIONS,
    **subnet.OPERATIONS,
    **tags.OPERATIONS,
    **volume.OPERATIONS,
    **vpc.OPERATIONS,
    **zones.OPERATIONS,
}
