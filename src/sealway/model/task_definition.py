"""A task definition revision: the user's text, kept as given."""

from datetime import datetime
from typing import Any, ClassVar

from .resource import Resource


class TaskDefinition(Resource, frozen=True, kw_only=True):
    """Key: the ARN. ``spec`` is RegisterTaskDefinition's input shape, with AWS's defaults filled in.

    ``spec["containerDefinitions"]`` holds botocore ``ContainerDefinition`` shapes, camelCase members.
    ``status``: ACTIVE, INACTIVE, DELETE_IN_PROGRESS (while tasks or services use it), then DELETED: what
    stays of a family's highest revision, so that its number is not given out again. Nobody is shown it.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("family",)

    arn: str
    account_id: str
    region: str
    family: str
    revision: int
    spec: dict[str, Any]
    compatibilities: tuple[str, ...] = ()
    requires_attributes: tuple[dict[str, Any], ...] = ()
    status: str = "ACTIVE"
    registered_at: datetime
    registered_by: str = ""
    deregistered_at: datetime | None = None
    delete_requested_at: datetime | None = None
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.arn

    @property
    def containers(self) -> list[dict[str, Any]]:
        """The container definitions."""
        definitions: list[dict[str, Any]] = self.spec["containerDefinitions"]
        return definitions

    @property
    def network_mode(self) -> str:
        """bridge (the default), awsvpc, host or none."""
        mode: str = self.spec.get("networkMode") or "bridge"
        return mode
