"""Tags between ECS's writing (a list of ``key`` and ``value``) and the model's (a mapping).

Limits: Amazon ECS Developer Guide, "Tagging Amazon ECS resources".
"""

from collections.abc import Collection, Mapping
from typing import Any

from .errors import invalid

MOST = 50
_RESERVED = "aws:"


def to_mapping(tags: list[dict[str, str]] | None) -> dict[str, str]:
    """The mapping; later values win. Raises InvalidParameterException for a reserved key, or too many."""
    found = {tag.get("key", ""): tag.get("value", "") for tag in tags or ()}
    for key in found:
        if not key:
            raise invalid("Tag key cannot be empty.")
        check_key(key)
    check_count(found)
    return found


def check_key(key: str) -> None:
    """``aws:`` is Amazon's."""
    if key.lower().startswith(_RESERVED):
        raise invalid(f"Tag key '{key}': 'aws:' is a reserved prefix for tag keys.")


def check_count(tags: Collection[str]) -> None:
    """AWS's own tags do not count."""
    if sum(not key.startswith(_RESERVED) for key in tags) > MOST:
        raise invalid(f"The number of tags exceeds the limit of {MOST}.")


def to_list(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """As an answer shows them."""
    return [{"key": key, "value": value} for key, value in tags.items()]


def wanted(request: Mapping[str, Any]) -> bool:
    """Whether a Describe asked for tags."""
    return "TAGS" in (request.get("include") or ())
