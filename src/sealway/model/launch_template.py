"""A launch template: what instances are to be made of, kept under a name, in numbered versions."""

from datetime import datetime
from typing import Any, ClassVar

from .new_instance import Recipe
from .resource import Resource

ID_TAG, VERSION_TAG = "aws:ec2launchtemplate:id", "aws:ec2launchtemplate:version"
"""Tags of the instances that were made from one."""


class LaunchTemplate(Resource, frozen=True, kw_only=True):
    """Key: ``lt-...``. Versions are numbered from 1; a number is never used again."""

    id: str
    account_id: str
    region: str
    name: str
    default_version: int = 1
    latest_version: int = 1
    """The newest that there is, not the newest there ever was."""
    last_number: int = 1
    """The highest number given out."""
    client_token: str = ""
    client_request: str = ""
    """A digest of the request that the token stands for."""
    created_at: datetime
    created_by: str
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id


class LaunchTemplateVersion(Resource, frozen=True, kw_only=True):
    """Key: the template's id and the number. Never changes.

    ``data``: RequestLaunchTemplateData as given; ``recipe``: what follows from it for an instance.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("template_id",)

    template_id: str
    account_id: str
    region: str
    number: int
    description: str = ""
    data: dict[str, Any]
    recipe: Recipe
    group_ids: tuple[str, ...] = ()
    group_names: tuple[str, ...] = ()
    client_token: str = ""
    client_request: str = ""
    created_at: datetime
    created_by: str

    @property
    def key(self) -> str:
        return version_key(self.template_id, self.number)


def version_key(template_id: str, number: int) -> str:
    """The key of a version."""
    return f"{template_id}/{number:010}"


def numbered(template: LaunchTemplate, asked: str) -> int | None:
    """The number that ``asked`` means: a number, ``$Latest`` or ``$Default`` (also when empty)."""
    if asked == "$Latest":
        return template.latest_version
    if asked in ("", "$Default"):
        return template.default_version
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 10 else None
