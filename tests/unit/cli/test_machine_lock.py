from pathlib import Path

import pytest

from sealway.cli.machine_lock import MachineLock, MachineTaken

MINE, THEIRS = Path("/data/mine"), Path("/data/theirs")


def test_only_one_at_a_time(tmp_path: Path) -> None:
    held = MachineLock(MINE, path=tmp_path / "lock")
    with pytest.raises(MachineTaken, match="another `sealway up` runs"):
        MachineLock(MINE, path=tmp_path / "lock")
    held.release()
    MachineLock(MINE, path=tmp_path / "lock").release()


def test_tasks_of_another_data_directory_are_left_alone(tmp_path: Path) -> None:
    theirs = MachineLock(THEIRS, path=tmp_path / "lock")
    theirs.claim(THEIRS)
    theirs.release()

    with pytest.raises(MachineTaken, match="/data/theirs") as caught:
        MachineLock(MINE, path=tmp_path / "lock")
    assert caught.value.next_step.endswith("sealway down --data-dir /data/theirs")
    MachineLock(THEIRS, path=tmp_path / "lock").release()


def test_after_down_anybody_may_come(tmp_path: Path) -> None:
    theirs = MachineLock(THEIRS, path=tmp_path / "lock")
    theirs.claim(THEIRS)
    theirs.give_up()
    theirs.release()
    MachineLock(MINE, path=tmp_path / "lock").release()
