"""RunTask's ``overrides``: what of a task definition one task may have otherwise."""

import json

from ...model.request import Params
from ...model.task_definition import TaskDefinition
from .errors import invalid
from .honoured import asks_nothing, refuse_others
from .task_size_rules import check_container_sizes, fargate_size_problem, normal_cpu, normal_memory

_LONGEST = 8192
_TASK = ("containerOverrides", "cpu", "memory", "taskRoleArn", "executionRoleArn", "ephemeralStorage")
_CONTAINER = ("name", "command", "environment", "cpu", "memory", "memoryReservation")


def checked_overrides(definition: TaskDefinition, given: Params, launch_type: str) -> Params:
    """The overrides to keep, without members that ask for nothing. Raises for what is wrong."""
    if len(json.dumps(given)) > _LONGEST:
        raise invalid(f"Container Overrides length must be at most {_LONGEST}")
    refuse_others(given, _TASK, "overrides")
    names = {container["name"] for container in definition.containers}
    for override in given.get("containerOverrides") or ():
        name = override.get("name")
        if name not in names:
            raise invalid(f"Override for container named {name} is not a container in the TaskDefinition.")
        refuse_others(override, _CONTAINER, f"the override of container '{name}'")
    kept = {member: value for member, value in given.items() if not asks_nothing(value)}
    kept |= {
        member: size
        for member, size in (
            ("cpu", normal_cpu(given.get("cpu"))),
            ("memory", normal_memory(given.get("memory"))),
        )
        if size
    }
    if "containerOverrides" in kept:
        kept["containerOverrides"] = [_container(o) for o in kept["containerOverrides"]]
    _check_sizes(definition, kept, launch_type)
    return kept


def _container(override: Params) -> Params:
    kept = {member: value for member, value in override.items() if not asks_nothing(value)}
    if "environment" in kept:
        if any(not pair.get("name") for pair in kept["environment"]):
            raise invalid(f"The environment override of container '{override['name']}' lacks a name.")
        kept["environment"] = [
            {"name": p["name"], "value": p.get("value") or ""} for p in kept["environment"]
        ]
    return kept


def _check_sizes(definition: TaskDefinition, overrides: Params, launch_type: str) -> None:
    """The task with its overrides still has a size that there is, and its containers fit in."""
    by_name = {o["name"]: o for o in overrides.get("containerOverrides") or ()}
    merged: Params = {
        **definition.spec,
        **{member: overrides[member] for member in ("cpu", "memory") if member in overrides},
        "containerDefinitions": [{**c, **by_name.get(c["name"], {})} for c in definition.containers],
    }
    check_container_sizes(merged)
    problem = fargate_size_problem(merged) if launch_type == "FARGATE" else None
    if problem:
        raise invalid(problem)
    storage = (overrides.get("ephemeralStorage") or {}).get("sizeInGiB")
    if storage is not None and not 21 <= storage <= 200:
        raise invalid("The ephemeralStorage override's sizeInGiB must be between 21 and 200.")
