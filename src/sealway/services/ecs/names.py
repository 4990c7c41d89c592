"""What names and tokens may look like. Source: the service model's documentation of each member."""

import re

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
"""Clusters, services, families and containers: up to 255 letters, digits, underscores and hyphens."""
_TOKEN = re.compile(r"[\x21-\x7e]*")
_STARTED_BY = re.compile(r"[A-Za-z0-9/_ -]{0,128}")
"""The documentation does not mention the space; AWS takes it: ecs-deploy says ``ECS Deploy``."""


def is_name(text: str) -> bool:
    """Whether a cluster, service, family or container may be called so."""
    return NAME.fullmatch(text) is not None


def is_token(text: str, longest: int) -> bool:
    """Whether ``text`` can be a client token."""
    return len(text) <= longest and _TOKEN.fullmatch(text) is not None


def is_started_by(text: str) -> bool:
    """Whether a task can be marked as started by ``text``."""
    return _STARTED_BY.fullmatch(text) is not None
