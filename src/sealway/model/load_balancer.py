"""Load balancers and their listeners (Elastic Load Balancing V2)."""

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from .resource import Resource


class LoadBalancerZone(msgspec.Struct, frozen=True, kw_only=True):
    """A load balancer node: one enabled subnet, with a virtual address (VIP) out of it."""

    subnet_id: str
    availability_zone: str
    vip: str
    vip6: str = ""
    """Its IPv6 address; empty where the load balancer has none (``ip_address_type``)."""
    network_interface_id: str
    address_given: bool = False
    """Whether the user chose the VIP (SubnetMappings.PrivateIPv4Address): only then it is described."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of each IP version one, or of IPv4 alone."""
        return (self.vip, self.vip6) if self.vip6 else (self.vip,)


class LoadBalancer(Resource, frozen=True, kw_only=True):
    """Key: the ARN. ``state``: provisioning, active, failed."""

    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    arn: str
    account_id: str
    region: str
    name: str
    type: str
    scheme: str
    vpc_id: str
    ip_address_type: str = "ipv4"
    ipv6_source_nat: bool = False
    """EnablePrefixForIpv6SourceNat: what lets a dualstack load balancer have UDP listeners."""
    dns_name: str
    canonical_hosted_zone_id: str
    zones: tuple[LoadBalancerZone, ...]
    security_groups: tuple[str, ...] = ()
    state: str = "provisioning"
    state_reason: str = ""
    attributes: dict[str, str] = {}
    created_at: datetime
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.arn


class Listener(Resource, frozen=True, kw_only=True):
    """Key: the ARN. ``default_actions`` are ELBv2 ``Action`` shapes."""

    INDEXES: ClassVar[tuple[str, ...]] = ("load_balancer_arn",)

    arn: str
    account_id: str
    region: str
    load_balancer_arn: str
    port: int
    protocol: str
    default_actions: tuple[dict[str, Any], ...]
    attributes: dict[str, str] = {}
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.arn

    @property
    def target_group_weights(self) -> dict[str, int]:
        """Target group ARN -> weight, of the forward action."""
        weights: dict[str, int] = {}
        for action in self.default_actions:
            groups = action.get("ForwardConfig", {}).get("TargetGroups") or []
            for group in groups:
                weights[group["TargetGroupArn"]] = group.get("Weight", 1)
            if not groups and "TargetGroupArn" in action:
                weights[action["TargetGroupArn"]] = 1
        return weights
