"""The stages of a BLUE_GREEN, LINEAR or CANARY deployment, one after the other. Pure.

No step gives traffic to tasks that do not all serve, and the source is given up only when they do. AWS waits
ten minutes around each shift on a Network Load Balancer; here weights take effect at once, so nothing waits.
PAUSE hooks are gates: the stage is not left (before production traffic moves: the step is not made) until
each is answered, by ContinueServiceDeployment or by its time running out.
Source: ECS Developer Guide, "Amazon ECS blue/green service deployments workflow" and "Lifecycle hooks";
ECS API Reference, ``LinearConfiguration``, ``CanaryConfiguration``.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from ..model.ids import IdSource
from ..model.traffic_shift import STAGES, WHOLE, Pause, Shift
from .plan import earliest

HOOK_FAILED = "Service deployment rolled back because the lifecycle hook {} was answered with ROLLBACK."
HOOK_TIMED_OUT = "Service deployment rolled back because the lifecycle hook {} timed out."
_DAY = 24 * 60


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """``ready``: the target has all its tasks, and they serve. ``alone``: no third deployment has any."""

    ready: bool
    alone: bool


class Step(NamedTuple):
    """``failure``: why the deployment is to be rolled back. ``wake_at``: when time alone moves it on."""

    shift: Shift
    wake_at: datetime | None = None
    failure: str | None = None


def advance(shift: Shift, facts: Facts, now: datetime, ids: IdSource) -> Step:
    """As far as it goes now."""
    shift = _aged(shift, now)
    while shift.under_way:
        step = _WAYS.get(shift.stage, _through)(shift, facts, now, ids)
        if step.failure is not None or step.shift == shift:
            return step
        shift = step.shift
    return Step(shift)


def _to_next(shift: Shift, now: datetime) -> Shift:
    following = STAGES[STAGES.index(shift.stage) + 1]
    return msgspec.structs.replace(shift, stage=following, stage_since=now)


def _through(shift: Shift, facts: Facts, now: datetime, ids: IdSource) -> Step:
    """A stage that is nothing but its gate."""
    gate = _gate(shift, shift.stage, now, ids)
    if gate is not None:
        return gate
    return Step(_to_next(shift, now))


def _reconcile(shift: Shift, facts: Facts, now: datetime, ids: IdSource) -> Step:
    return _through(shift, facts, now, ids) if facts.alone else Step(shift)


def _scale_up(shift: Shift, facts: Facts, now: datetime, ids: IdSource) -> Step:
    return Step(_to_next(shift, now)) if facts.ready else Step(shift)


def _test(shift: Shift, facts: Facts, now: datetime, ids: IdSource) -> Step:
    if not facts.ready:
        return Step(shift)
    return Step(_to_next(msgspec.structs.replace(shift, testing=True), now))


def _produce(shift: Shift, facts: Facts, now: datetime, ids: IdSource) -> Step:
    """One step of production traffic, when its time has come and nothing holds it."""
    if shift.percent >= WHOLE:
        return Step(_to_next(shift, now))
    due = now if shift.stepped_at is None else shift.stepped_at + _pause_between(shift)
    if now < due:
        return Step(shift, due)
    gate = _gate(shift, "PRE_PRODUCTION_TRAFFIC_SHIFT", now, ids)
    if gate is not None:
        return gate
    if not facts.ready:
        return Step(shift)
    changes: dict[str, Any] = {"percent": _next_percent(shift), "steps": shift.steps + 1, "stepped_at": now}
    return Step(msgspec.structs.replace(shift, **changes))


def _bake(shift: Shift, facts: Facts, now: datetime, ids: IdSource) -> Step:
    end = shift.stage_since + timedelta(minutes=shift.configuration.get("bakeTimeInMinutes") or 0)
    if now < end:
        return Step(shift, end)
    return Step(_to_next(shift, now)) if facts.ready else Step(shift)


_Way = Callable[[Shift, Facts, datetime, IdSource], Step]
_WAYS: dict[str, _Way] = {
    "RECONCILE_SERVICE": _reconcile,
    "SCALE_UP": _scale_up,
    "TEST_TRAFFIC_SHIFT": _test,
    "PRODUCTION_TRAFFIC_SHIFT": _produce,
    "BAKE_TIME": _bake,
}


def _next_percent(shift: Shift) -> float:
    if shift.strategy == "LINEAR":
        step: float = (shift.configuration.get("linearConfiguration") or {}).get("stepPercent") or 10.0
        return min(WHOLE, round(shift.percent + step, 1))
    if shift.strategy == "CANARY" and not shift.steps:
        first: float = (shift.configuration.get("canaryConfiguration") or {}).get("canaryPercent") or 5.0
        return first
    return WHOLE


def _pause_between(shift: Shift) -> timedelta:
    linear = shift.strategy == "LINEAR"
    given = shift.configuration.get("linearConfiguration" if linear else "canaryConfiguration") or {}
    minutes = given.get("stepBakeTimeInMinutes" if linear else "canaryBakeTimeInMinutes")
    return timedelta(minutes=(6 if linear else 10) if minutes is None else minutes)


def _gate(shift: Shift, stage: str, now: datetime, ids: IdSource) -> Step | None:
    """What holds the deployment before or in a stage; None: nothing."""
    hooks = [h for h in shift.configuration.get("lifecycleHooks") or () if stage in h["lifecycleStages"]]
    come_to = [p for p in shift.pauses if (p.stage, p.step) == (stage, shift.steps)]
    new = tuple(_pause(hook, stage, shift.steps, now, ids) for hook in hooks[len(come_to) :])
    if new:
        return Step(msgspec.structs.replace(shift, pauses=(*shift.pauses, *new)))
    for pause in come_to:
        if pause.status == "FAILED":
            return Step(shift, failure=HOOK_FAILED.format(pause.id))
        if pause.status == "TIMED_OUT" and pause.timeout_action == "ROLLBACK":
            return Step(shift, failure=HOOK_TIMED_OUT.format(pause.id))
    waiting = [p.expires_at for p in come_to if p.status == "AWAITING_ACTION"]
    return Step(shift, earliest(*waiting)) if waiting else None


def _pause(hook: dict[str, Any], stage: str, step: int, now: datetime, ids: IdSource) -> Pause:
    given = hook.get("timeoutConfiguration") or {}
    return Pause(
        id=ids.hex(32),
        stage=stage,
        step=step,
        expires_at=now + timedelta(minutes=given.get("timeoutInMinutes") or _DAY),
        timeout_action=given.get("action") or "ROLLBACK",
    )


def _aged(shift: Shift, now: datetime) -> Shift:
    """With the pauses whose time has run out. A time in the future is one of before the clock was set back:
    it counts from now on."""
    return msgspec.structs.replace(
        shift,
        stage_since=min(shift.stage_since, now),
        stepped_at=earliest(shift.stepped_at, now) if shift.stepped_at else None,
        pauses=tuple(
            msgspec.structs.replace(p, status="TIMED_OUT")
            if p.status == "AWAITING_ACTION" and p.expires_at <= now
            else p
            for p in shift.pauses
        ),
    )
