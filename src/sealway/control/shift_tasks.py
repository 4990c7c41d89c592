"""What a service starts and stops while a deployment takes over the traffic of another.

Target and source both have the whole desired count, each kept up as a rolling deployment keeps up its own;
the target from SCALE_UP on. Tasks of all other deployments, whose traffic is gone, are stopped at once.
"""

from collections.abc import Sequence

import msgspec

from ..model.task import Task
from ..model.traffic_shift import Shift
from .deployment_plan import Bounds, Decision, Rollout, decide


def shift_decision(rollout: Rollout, shift: Shift, *, source_may_start: bool = True) -> Decision:
    """See the module. ``Decision.kept`` are the target's."""
    target = _side(rollout, rollout.primary_id)
    if not shift.reached("SCALE_UP"):
        target = msgspec.structs.replace(target, bounds=Bounds(0, 0, 0))
    source = msgspec.structs.replace(_side(rollout, shift.source_id), may_start=source_may_start)
    green, blue = decide(target), decide(source)
    stale = [t for t in rollout.active if t.deployment_id not in (rollout.primary_id, shift.source_id)]
    return Decision(
        start=green.start,
        source_start=blue.start,
        stop=(*green.stop, *blue.stop, *(t for t in stale if t.arn not in rollout.protected)),
        spare=(*green.spare, *blue.spare),
        kept=green.kept,
    )


def _side(rollout: Rollout, deployment_id: str) -> Rollout:
    own: Sequence[Task] = [task for task in rollout.active if task.deployment_id == deployment_id]
    return msgspec.structs.replace(rollout, primary_id=deployment_id, active=own)
