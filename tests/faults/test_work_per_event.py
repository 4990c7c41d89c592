"""What an event costs does not depend on how much there is beside it: rows looked at by control and agent."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sealway.model.cluster import ContainerInstance
from sealway.model.load_balancer import Listener
from sealway.model.target_group import Target
from sealway.model.task import Task
from tests.support.estate import Estate, listener_arn
from tests.support.node_world import until
from tests.support.virtual_time import play

FEW, MANY = 6, 60
"""Services. An event is its service's, on one of its instances: nobody else has anything to do with it."""
Event = Callable[[Estate, int], None]


def a_death(estate: Estate, number: int) -> None:
    estate.crash(estate.victim(number))


def a_listener(estate: Estate, number: int) -> None:
    estate.change(Listener, listener_arn(number), attributes={"tcp.idle_timeout.seconds": str(400 + number)})


def an_instance(estate: Estate, number: int) -> None:
    """One with few tasks: it is all of them that have to do with it."""
    tasks = Counter(task.container_instance_arn for task in estate.store.list(Task))
    arn = min(tasks, key=lambda arn: (tasks[arn], arn))
    estate.store.rows.clear()
    estate.change(ContainerInstance, arn or "", attributes={"colour": str(number)})


def a_target(estate: Estate, number: int) -> None:
    victim = estate.victim(number)
    [target] = estate.store.list(Target, task_arn=victim.arn)
    estate.change(Target, target.key, draining_since=estate.now)


def rows_of(event: Event, directory: Path, services: int, mode: str) -> dict[str, int]:
    """Until all is as it should be again, the second time; no resync comes in between."""
    estate = Estate(directory, services, mode)
    counted: dict[str, int] = {}

    async def scenario() -> None:
        async with estate.run():
            for number in range(2):
                estate.store.rows.clear()
                event(estate, number)
                await asyncio.sleep(4)
                counted.clear()
                counted.update(estate.store.rows)
                await until(lambda: estate.steady, 400)

    play(scenario())
    estate.close()
    return counted


@pytest.mark.parametrize(
    ("event", "mode"),
    [
        (a_death, "bridge"),
        (a_death, "awsvpc"),
        (a_listener, "bridge"),
        (a_listener, "awsvpc"),
        (an_instance, "bridge"),
        (a_target, "awsvpc"),
    ],
)
def test_an_event_costs_the_same_among_ten_times_as_many_services(
    tmp_path: Path, event: Event, mode: str
) -> None:
    few, many = (rows_of(event, tmp_path / f"{n}", n, mode) for n in (FEW, MANY))
    assert few, "nothing was done at all"
    if event is an_instance:  # the host's addresses, one an instance, are set as a whole
        del many["Instance"], many["ContainerInstance"]
    # How the service's own tasks lie on the instances, and which loop comes first, makes a little difference.
    more = {
        kind: (few.get(kind, 0), rows) for kind, rows in many.items() if rows > few.get(kind, 0) * 1.3 + 10
    }
    assert not more, f"rows looked at among {FEW} services, and among {MANY}: {more}"
