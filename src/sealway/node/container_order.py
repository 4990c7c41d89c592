"""Which containers of a task may start now, and which may be stopped now. Pure.

``dependsOn`` conditions (ECS API Reference, ContainerDependency): START, the other has started;
COMPLETE, it has ended; SUCCESS, it has ended with code 0; HEALTHY, its health check passes.
A container's ``startTimeout`` bounds how long others wait for its COMPLETE, SUCCESS or HEALTHY.
``links`` and ``volumesFrom`` wait like START. Stopping goes the other way round:
first those that nothing running depends on.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from ..drivers.contracts.container_runtime import ContainerState
from ..model.container_dependency import dependencies_of

DEFAULT_START_TIMEOUT = 180
ENDED = frozenset({"exited", "dead"})
Definition = dict[str, Any]
States = Mapping[str, ContainerState | None]
Verdict = Literal["met", "waiting", "never"]


class StartPlan(msgspec.Struct, frozen=True, kw_only=True):
    """``start``: names, now. ``failure``: a dependency that can never be met. ``check_in``: seconds
    until a start timeout may be up."""

    start: tuple[str, ...] = ()
    failure: str | None = None
    check_in: float | None = None


def has_started(state: ContainerState | None) -> bool:
    """Whether the container runs or has run."""
    return state is not None and state.status != "created"


def has_ended(state: ContainerState | None) -> bool:
    """Whether the container has run and ended."""
    return state is not None and state.status in ENDED


def plan_start(definitions: list[Definition], states: States, now: datetime) -> StartPlan:
    """What to start, given what is there."""
    by_name = {d["name"]: d for d in definitions}
    start: list[str] = []
    check_in: float | None = None
    for definition in definitions:
        name = definition["name"]
        if has_started(states.get(name)):
            continue
        waiting = False
        for dependency in dependencies_of(definition):
            other, condition = dependency["containerName"], dependency["condition"]
            verdict, left = judge(by_name[other], condition, states.get(other), now)
            if verdict == "never":
                return StartPlan(failure=_never(name, other, condition))
            waiting = waiting or verdict == "waiting"
            if left is not None:
                check_in = left if check_in is None else min(check_in, left)
        if not waiting:
            start.append(name)
    return StartPlan(start=tuple(start), check_in=check_in)


def judge(
    other: Definition, condition: str, state: ContainerState | None, now: datetime
) -> tuple[Verdict, float | None]:
    """Whether the dependency on ``other`` is met; while waiting, the seconds left before it times out."""
    if condition == "START":
        return ("met" if has_started(state) else "waiting"), None
    if state is None or not has_started(state):
        return "waiting", None
    if has_ended(state):
        met = condition == "COMPLETE" or (condition == "SUCCESS" and state.exit_code == 0)
        return ("met" if met else "never"), None
    if condition == "HEALTHY" and state.health == "HEALTHY":
        return "met", None
    left = _time_left(other, state, now)
    return ("waiting", left) if left > 0 else ("never", None)


def next_to_stop(definitions: list[Definition], running: Collection[str]) -> list[str]:
    """Those of ``running`` that no other running container depends on."""
    needed = {
        dependency["containerName"]
        for definition in definitions
        if definition["name"] in running
        for dependency in dependencies_of(definition)
    }
    return sorted(name for name in running if name not in needed) or sorted(running)


def _time_left(other: Definition, state: ContainerState, now: datetime) -> float:
    timeout = float(other.get("startTimeout") or DEFAULT_START_TIMEOUT)
    started = engine_time(state.started_at)
    return timeout if started is None else timeout - (now - started).total_seconds()


def engine_time(text: str | None) -> datetime | None:
    """The engine's ISO 8601 time; None for its zero value (year 1), which means never."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text)


def _never(name: str, other: str, condition: str) -> str:
    return (
        f"CannotStartContainerError: container {name} depends on {other} reaching {condition}, "
        "which it did not"
    )
