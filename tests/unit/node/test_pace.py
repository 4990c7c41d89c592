import asyncio
import time

import pytest

from sealway.model.network import Vpc
from sealway.node.pace import LONGEST_REST, SHORT, Pace, Resync, measured
from sealway.node.settings import NodeSettings
from tests.support.node_world import World, vpc
from tests.support.virtual_time import play


def test_pauses_double_up_to_the_limit_and_start_over() -> None:
    pace = Pace(NodeSettings(retry_first=0.25, retry_limit=2))
    assert [pace.failed() for _ in range(6)] == [0.25, 0.5, 1, 2, 2, 2]
    pace.succeeded()
    assert pace.failed() == 0.25


def test_years_of_failures_stay_at_the_limit() -> None:
    pace = Pace(NodeSettings())
    assert {pace.failed() for _ in range(10_000)} <= {0.25, 0.5, 1, 2, 4, 5}


def test_a_resync_comes_due_however_often_one_asks() -> None:
    async def scenario() -> None:
        resync = Resync(NodeSettings(resync=15))
        due = []
        for second in range(1, 46):
            await asyncio.sleep(1)
            if resync.due():
                due.append(second)
                assert resync.remaining == 15
        assert due == [15, 30, 45]

    play(scenario())


@pytest.mark.parametrize(
    ("took", "rest", "rests"),
    [(0.01, 1, 0.03), (SHORT / 2, 1, 0), (0.01, 0, 0), (60, 1, LONGEST_REST)],
    ids=["long", "short", "never", "very long"],
)
def test_a_long_pass_is_followed_by_a_rest(
    took: float, rest: float, rests: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked = iter([5.0, 5.0 + took])
    monkeypatch.setattr(time, "process_time", lambda: next(worked))

    async def scenario() -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        async with measured(NodeSettings(rest=rest), 3):
            pass
        assert clock() - began == pytest.approx(rests)

    play(scenario())


def test_what_is_urgent_ends_the_rest(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    worked = iter([5.0, 5.1, 6.0, 6.1])
    monkeypatch.setattr(time, "process_time", lambda: next(worked))

    async def scenario() -> None:
        clock = asyncio.get_running_loop().time
        urgent = world.store.watch(Vpc)
        asyncio.get_running_loop().call_later(0.1, world.put, *vpc())
        async with measured(NodeSettings(), 3, urgent):
            pass
        assert clock() == pytest.approx(0.1)
        async with measured(NodeSettings(), 3, urgent):
            pass
        assert clock() == pytest.approx(0.4), "an old change is no reason"

    play(scenario())
