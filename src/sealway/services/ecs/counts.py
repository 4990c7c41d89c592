"""How many tasks run and wait. Nothing is stored: every count is made of the tasks when it is asked for."""

from collections.abc import Iterable

from ...model.task import Task

WAITING = ("PROVISIONING", "PENDING", "ACTIVATING")


def running(tasks: Iterable[Task]) -> int:
    """Tasks that run and are meant to."""
    return sum(task.last_status == "RUNNING" and task.desired_status == "RUNNING" for task in tasks)


def pending(tasks: Iterable[Task]) -> int:
    """Tasks on their way to RUNNING."""
    return sum(task.last_status in WAITING and task.desired_status == "RUNNING" for task in tasks)


def alive(tasks: Iterable[Task]) -> list[Task]:
    """Tasks that hold resources still: all that are not STOPPED."""
    return [task for task in tasks if task.last_status != "STOPPED"]
