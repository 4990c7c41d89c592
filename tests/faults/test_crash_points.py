"""kill -9 between any two writes of whole lives: nothing lost, nothing doubled, the same end.

A point costs a twentieth of a second. The suite takes those at which something happens for the first time in
every other step, and lives a step further; ``SEALWAY_ALL_CRASHES=1`` takes all, to the end, in minutes.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sealway.store.sqlite import SqliteStore
from tests.support.crash_points import ALL, Chosen, Point, Remains, Run, torn, write_files
from tests.support.lives import LIVES, PREPARATIONS

pytestmark = pytest.mark.timeout(900 if ALL else 120)


def chosen_of(life: str) -> Chosen:
    """Which points to try. What comes before the first service is the same in all lives: once is enough."""
    seen: set[tuple[str, str]] = set()
    steps: Counter[str] = Counter()

    def chosen(point: Point) -> bool:
        # Right after a write is right before the next one, unless somebody waits for the answer.
        matters = point.name.startswith("before") or not point.answered
        new = (point.step, point.name) not in seen
        seen.add((point.step, point.name))
        if new and matters and point.answered:
            steps[point.name] += 1
            new = steps[point.name] % 2 == 1
        known = life != "fargate" and point.step in PREPARATIONS
        return ALL or (new and matters and not known)

    return chosen


def go_on(life: str, directory: Path, remains: Remains, chosen: Chosen = lambda _: False) -> Run:
    """Another process, which says whose remains it began with when something is wrong."""
    try:
        return Run(LIVES[life](), directory, chosen, remains, further=None if ALL else 1)
    except BaseException as error:
        error.add_note(f"killed at {remains.point}")
        raise


def up_to(run: Run, whole: Run) -> dict[str, Any]:
    """What the whole life's steps led to, as far as the other one came."""
    return {step: whole.progress.shapes[step] for step in run.progress.shapes}


@pytest.mark.parametrize("life", LIVES)
def test_another_process_goes_on_from_any_point(life: str, tmp_path: Path) -> None:
    whole = Run(LIVES[life](), tmp_path / "whole", chosen_of(life))
    assert len(whole.remains) > 50
    for remains in whole.remains:
        again = go_on(life, tmp_path / "again", remains)
        assert again.progress.shapes == up_to(again, whole), remains.point


@pytest.mark.parametrize("life", LIVES)
def test_it_may_die_again_while_it_picks_up(life: str, tmp_path: Path) -> None:
    whole = Run(LIVES[life](), tmp_path / "whole", lambda p: p.number % 150 == 50)
    for remains in whole.remains:
        again = go_on(life, tmp_path / "again", remains, lambda p: p.number in (3, 11))
        for second in again.remains:
            end = go_on(life, tmp_path / "end", second)
            assert end.progress.shapes == up_to(end, whole), (remains.point, second.point)


def test_a_commit_cut_short_never_was(tmp_path: Path) -> None:
    whole = Run(LIVES["machines"](), tmp_path / "whole", lambda p: " commit " in p.name)
    pairs = list(zip(whole.remains[::2], whole.remains[1::2], strict=True))
    assert len(pairs) > 100
    for before, after in pairs if ALL else pairs[::8]:
        assert before.point.name.replace("before", "after") == after.point.name
        if before.files["state.db"] != after.files["state.db"]:
            continue  # a checkpoint came with it, which is only begun when the commit is safe
        for log in torn(before.files["state.db-wal"], after.files["state.db-wal"]):
            write_files(tmp_path / "torn", before.files | {"state.db-wal": log})
            store = SqliteStore(tmp_path / "torn")
            found = {(kind, r.key): r for kind in store._memory.indexes for r in store.list(kind)}
            store.close()
            assert found == before.resources, before.point
