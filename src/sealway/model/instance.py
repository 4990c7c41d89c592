"""An EC2 instance: here, a container instance on this machine with an address of its own."""

import base64
from datetime import datetime
from typing import Any, ClassVar

from .resource import Resource


class Instance(Resource, frozen=True, kw_only=True):
    """Key: ``i-...``. ``state``: pending, running, shutting-down, terminated (node moves it on)."""

    INDEXES: ClassVar[tuple[str, ...]] = ("state",)

    id: str
    account_id: str
    region: str
    image_id: str
    instance_type: str
    subnet_id: str
    vpc_id: str
    availability_zone: str
    private_ip: str
    network_interface_id: str
    security_groups: tuple[str, ...] = ()
    reservation_id: str
    client_token: str = ""
    client_request: str = ""
    """A digest of the RunInstances request that the token stands for."""
    ami_launch_index: int = 0
    user_data: str = ""
    """Base64, as given."""
    key_name: str | None = None
    iam_instance_profile: dict[str, Any] | None = None
    disable_api_termination: bool = False
    root_volume: dict[str, Any] = {}
    """EBS members of the root volume, as EC2 writes them; kept and described."""
    volume_tags: dict[str, str] = {}
    metadata_options: dict[str, Any] = {}
    state: str = "pending"
    state_reason: str = ""
    terminate_requested_at: datetime | None = None
    terminated_at: datetime | None = None
    launched_at: datetime
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id

    @property
    def user_data_text(self) -> str:
        """The user data decoded; bytes that are no UTF-8 are replaced."""
        return base64.b64decode(self.user_data).decode(errors="replace")
