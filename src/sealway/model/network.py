"""VPC, subnet, security group and network interface: the network as EC2 describes it."""

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from .resource import Resource


class Vpc(Resource, frozen=True, kw_only=True):
    """Key: ``vpc-...``. ``ipv6_cidr``: empty, or the one IPv6 block."""

    id: str
    account_id: str
    region: str
    cidr: str
    ipv6_cidr: str = ""
    is_default: bool = False
    attributes: dict[str, bool] = {}
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id

    @property
    def blocks(self) -> tuple[str, ...]:
        """Of each IP version that it has."""
        return (self.cidr, self.ipv6_cidr) if self.ipv6_cidr else (self.cidr,)


class Subnet(Resource, frozen=True, kw_only=True):
    """Key: ``subnet-...``. AWS keeps the first four addresses and the last of each for itself.
    ``ipv6_cidr``: empty, or the one IPv6 block."""

    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id",)

    id: str
    account_id: str
    region: str
    vpc_id: str
    cidr: str
    ipv6_cidr: str = ""
    availability_zone: str
    availability_zone_id: str
    default_for_az: bool = False
    map_public_ip_on_launch: bool = False
    assign_ipv6_address_on_creation: bool = False
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id

    @property
    def blocks(self) -> tuple[str, ...]:
        """Of each IP version that it has."""
        return (self.cidr, self.ipv6_cidr) if self.ipv6_cidr else (self.cidr,)


class SecurityGroup(Resource, frozen=True, kw_only=True):
    """Key: ``sg-...``. Rules are EC2's ``IpPermission`` shapes, as given."""

    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id",)

    id: str
    account_id: str
    region: str
    vpc_id: str
    name: str
    description: str
    ingress: tuple[dict[str, Any], ...] = ()
    egress: tuple[dict[str, Any], ...] = ()
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id


class InterfaceAttachment(msgspec.Struct, frozen=True, kw_only=True):
    """What a network interface is attached to."""

    id: str
    attached_at: datetime
    instance_id: str | None = None
    instance_owner_id: str = "amazon-aws"
    device_index: int = 0


class NetworkInterface(Resource, frozen=True, kw_only=True):
    """An address in a subnet: of a task, an instance or a load balancer node. Key: ``eni-...``."""

    INDEXES: ClassVar[tuple[str, ...]] = ("subnet_id",)

    id: str
    account_id: str
    region: str
    vpc_id: str
    subnet_id: str
    availability_zone: str
    private_ip: str
    ipv6_addresses: tuple[str, ...] = ()
    mac: str
    interface_type: str = "interface"
    description: str = ""
    requester_id: str | None = None
    requester_managed: bool = False
    security_groups: tuple[str, ...] = ()
    attachment: InterfaceAttachment | None = None
    created_at: datetime
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of both IP versions."""
        return (self.private_ip, *self.ipv6_addresses)
