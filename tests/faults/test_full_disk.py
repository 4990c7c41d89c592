"""No room on the disk: what cannot be written is refused or waits, and nothing is half done."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from structlog.testing import capture_logs

from sealway.model.cluster import Cluster
from sealway.model.errors import StoreError
from tests.support.api_server import ApiServer
from tests.support.crash_points import Run
from tests.support.full_disk import full_disk
from tests.support.life import Progress, live
from tests.support.lives import LIVES
from tests.support.process import Outside, Process
from tests.support.promises import Promises
from tests.support.virtual_time import play


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[dict[str, object]]]:
    """What is logged meanwhile; not written to a file, which could not grow either."""
    with capture_logs() as entries:
        yield entries


@pytest.mark.parametrize("life", LIVES)
def test_a_call_that_cannot_be_stored_changes_nothing(life: str, tmp_path: Path) -> None:
    steps = LIVES[life]()
    unharmed = Run(steps, tmp_path / "unharmed").progress

    async def scenario() -> None:
        process, progress = Process(tmp_path / "full", Outside()), Progress()
        async with process.running():
            for number, step in enumerate(steps, 1):
                before = process.store.committed
                with full_disk(tmp_path / "full"), pytest.raises(StoreError):
                    process.call(step.service, step.operation, step.params(process))
                assert process.store.committed == before
                await live(process, steps[:number], progress)
        assert progress.shapes == unharmed.shapes

    play(scenario())


@pytest.mark.parametrize("seconds", [0.3, 3, 40])
@pytest.mark.parametrize("life", LIVES)
def test_what_goes_on_by_itself_waits_for_room(
    life: str, seconds: float, tmp_path: Path, logs: list[dict[str, object]]
) -> None:
    steps = LIVES[life]()
    unharmed = Run(steps, tmp_path / "unharmed").progress

    async def scenario() -> None:
        process, progress = Process(tmp_path / "full", Outside()), Progress()
        Promises().watch(process)
        async with process.running():
            for number, step in enumerate(steps, 1):
                progress.answers[step.name] = process.call(step.service, step.operation, step.params(process))
                with full_disk(tmp_path / "full"):
                    await asyncio.sleep(seconds)
                await live(process, steps[:number], progress)
        assert progress.shapes == unharmed.shapes

    play(scenario())
    assert any("cannot write the state" in str(entry) for entry in logs)
    assert not [entry for entry in logs if "bug" in str(entry["event"])]


def test_a_client_is_told_to_come_back(tmp_path: Path) -> None:
    with ApiServer(tmp_path) as server:
        ecs = server.client("ecs")
        ecs.create_cluster(clusterName="before")
        with full_disk(tmp_path), pytest.raises(ClientError) as refused:
            ecs.create_cluster(clusterName="blue")
        assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert [c.name for c in server.run(lambda: server.store.list(Cluster))] == ["before"]
        assert len(ecs.list_clusters()["clusterArns"]) == 1

        ecs.create_cluster(clusterName="blue")
        assert len(ecs.list_clusters()["clusterArns"]) == 2
