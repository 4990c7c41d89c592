"""A capacity provider of one's own: an Auto Scaling group whose instances run a cluster's tasks.

Users own it, but for what ``control`` notes of scaling: since when it has had more than it needs, and when
it grew last.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from .resource import Resource

FARGATE_PROVIDERS = ("FARGATE", "FARGATE_SPOT")
"""Amazon's own; there is nothing of them to store."""


class ManagedScaling(msgspec.Struct, frozen=True, kw_only=True):
    """How the group follows what tasks need. ``target``: percent of the instances to be in use; steps: of
    instances, when it grows; ``warmup``: seconds, kept and described."""

    enabled: bool = False
    target: int = 100
    least_step: int = 1
    most_step: int = 10000
    warmup: int = 300


class CapacityProvider(Resource, frozen=True, kw_only=True):
    """Key: the ARN."""

    INDEXES: ClassVar[tuple[str, ...]] = ("group_arn",)

    arn: str
    account_id: str
    region: str
    name: str
    group_arn: str
    scaling: ManagedScaling = ManagedScaling()
    protects: bool = False
    """Managed termination protection: instances with tasks are protected from scale-in."""
    drains: bool = True
    """Managed draining: tasks move away from an instance before it is terminated."""
    updated: bool = False
    calm_since: datetime | None = None
    """Since when it has had more instances than it needs."""
    grown_at: datetime | None = None
    created_at: datetime
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.arn


def is_fargate(strategy: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a strategy, which is not empty, divides tasks between Amazon's own providers."""
    return strategy[0]["capacityProvider"] in FARGATE_PROVIDERS
