"""How a deployment of strategy BLUE_GREEN, LINEAR or CANARY takes over the traffic of the one before.

The *source* (blue) is the deployment that serves, the deployment that has the shift is the *target* (green).
Source: ECS API Reference, ``ServiceDeployment.lifecycleStage``, ``DeploymentLifecycleHook``.
"""

from datetime import datetime
from typing import Any

import msgspec

STRATEGIES = ("BLUE_GREEN", "LINEAR", "CANARY")
STAGES = (
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
)
WHOLE = 100.0


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A PAUSE hook that was come to. ``status``: AWAITING_ACTION, SUCCEEDED, FAILED, TIMED_OUT.

    ``stage``: the stage it was configured for; ``step``: how many times production traffic had been shifted.
    """

    id: str
    stage: str
    step: int
    status: str = "AWAITING_ACTION"
    expires_at: datetime
    timeout_action: str


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """``percent``: of the production traffic, the target's; ``testing``: whether test traffic is its.

    ``configuration``: the service's ``deploymentConfiguration`` as the deployment began.
    """

    strategy: str
    source_id: str
    configuration: dict[str, Any] = {}
    stage: str = "PRE_SCALE_UP"
    stage_since: datetime
    percent: float = 0.0
    steps: int = 0
    stepped_at: datetime | None = None
    testing: bool = False
    pauses: tuple[Pause, ...] = ()

    def reached(self, stage: str) -> bool:
        """Whether it is in that stage, or beyond."""
        return STAGES.index(self.stage) >= STAGES.index(stage)

    @property
    def under_way(self) -> bool:
        """Whether the source's tasks are still needed."""
        return self.stage != "CLEAN_UP"
