"""Somebody sets the clock, forward or back, in the midst of everything: it converges, and soon."""

import asyncio
import itertools
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.crash_points import ALL, Run
from tests.support.life import Progress, Step, live
from tests.support.lives import LIVES, PREPARATIONS
from tests.support.process import Outside, Process
from tests.support.promises import Promises
from tests.support.virtual_time import play

NEARLY_AN_HOUR = timedelta(minutes=50)
"""After an hour stopped tasks are forgotten."""
SOON = 480
"""Seconds: the six minutes of CodeDeploy's canary, a delay that begins anew, and a look at everything."""

pytestmark = pytest.mark.timeout(900 if ALL else 120)


@pytest.mark.parametrize("step", [NEARLY_AN_HOUR, -NEARLY_AN_HOUR], ids=["forward", "back"])
@pytest.mark.parametrize("life", LIVES)
def test_a_clock_that_is_set_changes_nothing(life: str, step: timedelta, tmp_path: Path) -> None:
    steps = LIVES[life]()
    unharmed = Run(steps, tmp_path / "unharmed").progress
    names = [each.name for each in steps if each.name not in PREPARATIONS]
    moments = (0.02, 2.5, 70) if life == "shifted" else (0.02, 2.5)
    chosen = itertools.product(names, moments) if ALL else zip(names, itertools.cycle(moments))
    for number, (name, after) in enumerate(chosen):
        progress = Progress()
        play(_live(tmp_path / str(number), steps, progress, (name, after, step)), 1000)
        assert progress.shapes == {each: unharmed.shapes[each] for each in progress.shapes}, (name, after)


async def _live(
    directory: Path, steps: list[Step], progress: Progress, moment: tuple[str, float, timedelta]
) -> None:
    name, after, step = moment
    process = Process(directory, Outside())
    Promises().watch(process)
    async with process.running():
        at = next(n for n, each in enumerate(steps) if each.name == name)
        await live(process, steps[:at], progress)
        progress.answers[name] = process.call(
            steps[at].service, steps[at].operation, steps[at].params(process)
        )
        await asyncio.sleep(after)
        process.skew = step
        began = asyncio.get_running_loop().time()
        await live(process, steps[: at + 1], progress)
        assert asyncio.get_running_loop().time() - began < SOON, (name, after)
        await live(process, steps[: at + 2], progress)
