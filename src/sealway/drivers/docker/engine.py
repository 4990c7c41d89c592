"""The container runtime on a Docker Engine of this machine, through its Unix socket.

Every call opens its own connection (local, a fraction of a millisecond), so a restarted engine is met
without stale state. The engine must be on this machine: its containers' process ids and bridge are used.
A container is ours by its label ``sealway.managed``; the engine is never asked to change another.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import aiohttp
import msgspec
from aiodocker import Docker
from aiodocker.exceptions import DockerError
from aiodocker.volumes import DockerVolume

from ...model.errors import DriverError, ImageUnavailable
from ..contracts.container_runtime import (
    PAUSE_IMAGE,
    ContainerEvent,
    ContainerSpec,
    ContainerState,
    ContainerSummary,
)
from ..contracts.terminal import Terminal
from .answers import container_event, container_state, container_summary, repository_digest
from .create_body import create_body
from .pause_image import pause_archive
from .scope import Scope
from .terminal import DockerTerminal
from .translation import docker_errors, pull_errors

DEFAULT_SOCKET = "unix:///var/run/docker.sock"
T = TypeVar("T")

_PING_SECONDS = 5.0
_CALL_SECONDS = 120.0
_STOP_MARGIN_SECONDS = 30.0
_PULL_SILENCE_SECONDS = 60.0
_PULL_SECONDS = 3600.0

_IMAGE_REFERENCE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._:/-]*(@sha256:[0-9a-f]{64})?")


class DockerRuntime:
    """``contracts.container_runtime.ContainerRuntime`` on Docker. ``url``: ``unix://PATH``; by default
    ``DOCKER_HOST`` or the usual socket. Use it as an async context manager, or ``close()`` it.
    """

    def __init__(self, url: str | None = None, scope: Scope | None = None) -> None:
        self._scope = scope or Scope()
        self._url = url or os.environ.get("DOCKER_HOST") or DEFAULT_SOCKET
        if not self._url.startswith("unix://"):
            raise DriverError(
                f"the Docker Engine must be on this machine (unix://...), not {self._url}", retryable=False
            )
        self._client: Docker | None = None
        self._network_lock = asyncio.Lock()
        self._digests: dict[str, str | None] = {}

    async def __aenter__(self) -> "DockerRuntime":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Releases the client. A later call makes a new one."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
            await client.session.close()  # ours, so aiodocker leaves it open

    @property
    def _docker(self) -> Docker:
        """The client; made at first use, as it belongs to the running loop."""
        if self._client is None:
            connector = aiohttp.UnixConnector(self._url.removeprefix("unix://"), force_close=True, limit=0)
            session = aiohttp.ClientSession(connector=connector)
            timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
            self._client = Docker("unix://localhost", connector=connector, session=session, timeout=timeout)
        return self._client

    async def ping(self) -> None:
        with docker_errors("ping"):
            async with asyncio.timeout(_PING_SECONDS):
                await self._docker.version()

    # --- images -------------------------------------------------------------------------------

    async def ensure_image(self, image: str) -> None:
        if not _IMAGE_REFERENCE.fullmatch(image):
            raise ImageUnavailable("invalid reference format", retryable=False)
        if await self._inspect_image(image) is not None:
            return
        if image == PAUSE_IMAGE:
            await self._load(pause_archive())
        else:
            await self._pull(image)

    async def _inspect_image(self, image: str) -> dict[str, Any] | None:
        with docker_errors(f"inspect image {image}"):
            try:
                return await self._docker.images.inspect(image)
            except DockerError as error:
                if error.status == 404:
                    return None
                raise

    async def _load(self, archive: bytes) -> None:
        with docker_errors("load an image"):
            await self._docker.images.import_image(archive)

    async def _pull(self, image: str) -> None:
        """Bounded as a whole, and in how long the registry may be silent."""
        limits = aiohttp.ClientTimeout(total=_PULL_SECONDS, sock_read=_PULL_SILENCE_SECONDS)
        with pull_errors(image):
            # aiodocker takes a whole ClientTimeout too, though its signature does not say so.
            await self._docker.images.pull(image, timeout=limits)  # type: ignore[call-overload]
        if await self._inspect_image(image) is None:
            raise ImageUnavailable(f"{image} is not here after a pull that reported no error")

    async def _image_digest(self, image_id: str) -> str | None:
        if image_id not in self._digests:
            image = await self._inspect_image(image_id)
            self._digests[image_id] = repository_digest(image) if image is not None else None
        return self._digests[image_id]

    # --- a container's life -------------------------------------------------------------------

    async def create(self, spec: ContainerSpec) -> str:
        if spec.network == "bridge":
            await self.ensure_network()
        with docker_errors(f"create {spec.name}"):
            try:
                return (
                    await self._docker.containers.create(create_body(spec, self._scope), name=spec.name)
                ).id
            except DockerError as error:
                if error.status == 404 and "image" in error.message.lower():
                    raise ImageUnavailable(error.message) from error
                if error.status != 409:
                    raise
        existing = await self.inspect(spec.name)
        if existing is None:  # it went in between: being removed
            raise DriverError(f"the name {spec.name} is still taken by a container that is being removed")
        return existing.id

    async def start(self, container_id: str) -> None:
        with docker_errors(f"start {container_id}"):
            await self._docker.containers.container(container_id).start()

    async def stop(self, container_id: str, timeout: int) -> None:
        limits = aiohttp.ClientTimeout(total=timeout + _STOP_MARGIN_SECONDS)
        with docker_errors(f"stop {container_id}"):
            try:
                await self._docker.containers.container(container_id).stop(t=timeout, timeout=limits)
            except DockerError as error:
                if error.status != 404:
                    raise

    async def remove(self, container_id: str) -> None:
        with docker_errors(f"remove {container_id}"):
            try:
                await self._docker.containers.container(container_id).delete(force=True, v=True)
            except DockerError as error:
                if error.status != 404 and "already in progress" not in error.message:
                    raise

    async def inspect(self, container_id: str) -> ContainerState | None:
        with docker_errors(f"inspect {container_id}"):
            try:
                answer = await self._docker.containers.container(container_id).show()
            except DockerError as error:
                if error.status == 404:
                    return None
                raise
        state = container_state(answer, await self._image_digest(answer["Image"]))
        if state.labels.get(self._scope.label) != "true":
            raise DriverError(f"the container {state.name} is not Sealway's", retryable=False)
        return state

    async def list(self) -> list[ContainerSummary]:
        with docker_errors("list containers"):
            found = await self._docker.containers.list(all=True, filters=self._scope.filters)
        return [container_summary(each._container) for each in found]

    # --- events -------------------------------------------------------------------------------

    def events(self) -> AsyncIterator[ContainerEvent]:
        # The engine replays from this instant, so nothing is lost before the stream is open.
        return self._events(since=f"{time.time():.9f}")

    async def _events(self, since: str) -> AsyncIterator[ContainerEvent]:
        docker = self._docker
        await self.ping()
        filters = self._scope.filters | {"type": ["container"]}
        params = {"since": since, "filters": msgspec.json.encode(filters).decode()}
        endless = aiohttp.ClientTimeout(total=None)
        url = f"{docker.docker_host}/{docker.api_version}/events"
        with docker_errors("events"):
            response = await docker.session.get(url, params=params, timeout=endless)
        async with response:
            if response.status != 200:
                raise DriverError(f"events: {(await response.text()).strip()}")
            while line := await _next_line(response):
                event = container_event(msgspec.json.decode(line))
                if event is not None:
                    yield event

    # --- networks, volumes, the end -----------------------------------------------------------

    async def ensure_network(self) -> None:
        """The Docker network of bridge-mode tasks, with a bridge of a known name."""
        async with self._network_lock:
            with docker_errors("network"):
                try:
                    await self._docker.networks.get(self._scope.network)
                except DockerError as error:
                    if error.status != 404:
                        raise
                    await self._docker.networks.create(_network_body(self._scope))

    async def open_terminal(self, container_id: str, command: tuple[str, ...]) -> Terminal:
        if await self.inspect(container_id) is None:  # which also makes sure that it is ours
            raise DriverError(f"there is no container {container_id}", retryable=False)
        with docker_errors(f"open a terminal in {container_id}"):
            container = self._docker.containers.container(container_id)
            process = await container.exec(list(command), stdin=True, tty=True, environment={"TERM": "xterm"})
            stream = process.start(detach=False)
            await stream.__aenter__()  # connects; ``Terminal.close`` is the other half
        return DockerTerminal(process, stream)

    async def remove_volume(self, name: str) -> None:
        with docker_errors(f"remove volume {name}"):
            for found in await self._volumes():
                if found == name:
                    await self._delete_volume(found)

    async def _volumes(self) -> tuple[str, ...]:
        """The names of the volumes of ours."""
        answer = await self._docker.volumes.list(filters=self._scope.filters)  # type: ignore[no-untyped-call]
        return tuple(volume["Name"] for volume in answer.get("Volumes") or ())

    async def _delete_volume(self, name: str) -> None:
        await DockerVolume(self._docker, name).delete()  # type: ignore[no-untyped-call]

    async def teardown(self) -> None:
        with docker_errors("list containers"):
            containers = await self._docker.containers.list(all=True, filters=self._scope.filters)
        await _together([self.remove(container.id) for container in containers])
        with docker_errors("teardown"):
            for name in await self._volumes():
                await self._delete_volume(name)
            for network in await self._docker.networks.list(filters=self._scope.filters):
                await (await self._docker.networks.get(network["Id"])).delete()


async def _together(calls: list[Coroutine[Any, Any, T]]) -> list[T]:
    """All results; when some failed, the first failure, once every call has ended."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    answers: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        answers.append(result)
    return answers


async def _next_line(response: aiohttp.ClientResponse) -> bytes:
    """The stream's next line; empty at its end, however it ended."""
    try:
        return await response.content.readline()
    except (aiohttp.ClientError, OSError):
        return b""


def _network_body(scope: Scope) -> dict[str, Any]:
    return {
        "Name": scope.network,
        "Driver": "bridge",
        "CheckDuplicate": True,
        "Labels": {scope.label: "true"},
        "Options": {"com.docker.network.bridge.name": scope.bridge},
    }
