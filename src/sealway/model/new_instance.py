"""A new instance: what it is made of, where it goes, and its primary network interface.

Shared by RunInstances and the planner of Auto Scaling groups, so that both make instances alike.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec

from .address_pool import capacity, first_free, mac_for
from .ids import IdSource
from .instance import Instance
from .network import InterfaceAttachment, NetworkInterface, Subnet

NewInstance = tuple[Instance, NetworkInterface]
"""An instance ready to be written, and its interface."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What every instance of a launch is made of. Checked; see ``Instance`` for the members."""

    image_id: str = ""
    """Empty in a launch template that leaves it to RunInstances."""
    instance_type: str = ""
    """Likewise."""
    description: str = ""
    user_data: str = ""
    key_name: str | None = None
    profile: dict[str, Any] | None = None
    disable_api_termination: bool = False
    tags: dict[str, str] = {}
    interface_tags: dict[str, str] = {}
    root_volume: dict[str, Any] = {}
    volume_tags: dict[str, str] = {}
    metadata_options: dict[str, Any] = {}


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where an instance goes: ``address`` is free in ``subnet``; ``groups`` are ids of its VPC's."""

    subnet: Subnet
    groups: tuple[str, ...]
    address: str


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What instances that are launched together share."""

    reservation_id: str
    client_token: str = ""
    client_request: str = ""


def free_address(subnet: Subnet, taken: Collection[str], ids: IdSource) -> str | None:
    """A free address of the subnet, or None. Where the search begins is random: see ``first_free``."""
    return first_free(subnet.cidr, taken, int(ids.hex(8), 16) % capacity(subnet.cidr))


def new_instance(
    recipe: Recipe, site: Site, batch: Batch, index: int, source: tuple[IdSource, datetime]
) -> NewInstance:
    """Instance number ``index`` of a batch, pending."""
    ids, now = source
    subnet = site.subnet
    instance = Instance(
        id=f"i-{ids.hex(17)}",
        account_id=subnet.account_id,
        region=subnet.region,
        image_id=recipe.image_id,
        instance_type=recipe.instance_type,
        subnet_id=subnet.id,
        vpc_id=subnet.vpc_id,
        availability_zone=subnet.availability_zone,
        private_ip=site.address,
        network_interface_id=f"eni-{ids.hex(17)}",
        security_groups=site.groups,
        reservation_id=batch.reservation_id,
        client_token=batch.client_token,
        client_request=batch.client_request,
        ami_launch_index=index,
        user_data=recipe.user_data,
        key_name=recipe.key_name,
        iam_instance_profile=recipe.profile,
        disable_api_termination=recipe.disable_api_termination,
        root_volume=recipe.root_volume,
        volume_tags=recipe.volume_tags,
        metadata_options=recipe.metadata_options,
        launched_at=now,
        tags=recipe.tags,
    )
    return instance, _interface(instance, recipe, ids, now)


def _interface(instance: Instance, recipe: Recipe, ids: IdSource, now: datetime) -> NetworkInterface:
    return NetworkInterface(
        id=instance.network_interface_id,
        account_id=instance.account_id,
        region=instance.region,
        vpc_id=instance.vpc_id,
        subnet_id=instance.subnet_id,
        availability_zone=instance.availability_zone,
        private_ip=instance.private_ip,
        mac=mac_for(instance.private_ip),
        description=recipe.description,
        security_groups=instance.security_groups,
        attachment=InterfaceAttachment(
            id=f"eni-attach-{ids.hex(17)}",
            attached_at=now,
            instance_id=instance.id,
            instance_owner_id=instance.account_id,
        ),
        created_at=now,
        tags=recipe.interface_tags,
    )
