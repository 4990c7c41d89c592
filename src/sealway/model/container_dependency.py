"""Which containers of a task a container waits for: what ``dependsOn`` says, and what follows from other
members. A container must have started before others link to it or mount its volumes.
"""

from collections.abc import Mapping
from typing import Any


def dependencies_of(container: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``ContainerDependency`` shapes."""
    given = list(container.get("dependsOn") or ())
    others = [link_of(text)[0] for text in container.get("links") or ()]
    others += [source["sourceContainer"] for source in container.get("volumesFrom") or ()]
    return given + [{"containerName": name, "condition": "START"} for name in dict.fromkeys(others)]


def link_of(text: str) -> tuple[str, str]:
    """Container and alias of ``name:alias`` or ``name``."""
    name, _, alias = text.partition(":")
    return name, alias or name
