"""A Sealway API in this process, on a free loopback port, for tests that speak to it as clients do.

    with ApiServer(tmp_path) as server:
        server.client("ecs").create_cluster(clusterName="blue")

The server runs in a thread with an event loop of its own; the store lives in that thread. ``run`` calls a
function there: ``server.run(lambda: server.store.list(Cluster))``.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from sealway.model.credential import Credential
from sealway.model.ids import CountingIds, IdSource
from sealway.model.request import Handler, Operations
from sealway.store import Store
from sealway.store.sqlite import SqliteStore
from sealway.wire.connections import serving
from sealway.wire.server import make_app

T = TypeVar("T")
REGION = "us-east-1"
ACCOUNT = "000000000000"
ACCESS_KEY = "AKIDTEST000000000000"
SECRET_KEY = "test-secret-key/with+signs="
OTHER_ACCOUNT = "111111111111"
OTHER_ACCESS_KEY = "AKIDTEST111111111111"
CREDENTIALS = {
    key: Credential(
        access_key_id=key,
        secret_access_key=SECRET_KEY,
        account_id=account,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    for key, account in ((ACCESS_KEY, ACCOUNT), (OTHER_ACCESS_KEY, OTHER_ACCOUNT))
}


def utc_now() -> datetime:
    return datetime.now(UTC)


class ApiServer:
    """``operations``: in place of the services' own (tests of ``wire`` register stubs)."""

    def __init__(
        self,
        data_dir: Path,
        *,
        operations: Operations | None = None,
        clock: Callable[[], datetime] = utc_now,
        ids: IdSource | None = None,
    ) -> None:
        self.ids = ids or CountingIds()
        self.ready = True
        self._data_dir = data_dir
        self._given = operations
        self._clock = clock
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="api-server", daemon=True)
        self.store: Store
        self.operations: Operations
        self.endpoint: str

    def __enter__(self) -> "ApiServer":
        self._thread.start()
        try:
            self._await(self._start())
        except BaseException:
            self._end_thread()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._await(self._stop())
        self._end_thread()

    def run(self, function: Callable[[], T]) -> T:
        """Calls it in the server's thread, where the store may be written."""

        async def call() -> T:
            return function()

        return self._await(call())

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of this server. ``options`` go over the defaults (``region_name=``, say)."""
        defaults: dict[str, Any] = {
            "endpoint_url": self.endpoint,
            "region_name": REGION,
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": SECRET_KEY,
            "config": Config(retries={"max_attempts": 1}, read_timeout=10, connect_timeout=5),
        }
        return boto3.client(service, **(defaults | options))

    def environment(self) -> Mapping[str, str]:
        """What a child process (the AWS CLI, say) needs to call this server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        }

    def _await(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _start(self) -> None:
        self.store = SqliteStore(self._data_dir)
        self.operations = _bound(self.store, self.ids) if self._given is None else self._given
        app = make_app(
            self.operations, CREDENTIALS.get, self._clock, self.ids, lambda: self.ready, strict_output=True
        )
        self._serving = AsyncExitStack()
        host, port = await self._serving.enter_async_context(serving(app, "127.0.0.1", 0))
        self.endpoint = f"http://{host}:{port}"

    async def _stop(self) -> None:
        await self._serving.aclose()
        self.store.close()

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


def stub(output: Mapping[str, Any]) -> Handler:
    """A handler that always answers this."""
    return lambda _caller, _params: dict(output)


def _bound(store: Store, ids: IdSource) -> Operations:
    # Imported here, so that tests of the wire alone do not load, or fail for, any service.
    from sealway.app.operations import bind_operations  # noqa: PLC0415

    return bind_operations(store, ids)
