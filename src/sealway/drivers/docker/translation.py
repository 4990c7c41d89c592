"""Docker's failures as the contract's errors, at the one boundary where both are known.

No connection, a broken one, or no answer in time: ``Unavailable``, as the engine's state is unknown.
Refused (4xx): asking again will not help. Failed inside the engine (5xx): it may.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from aiodocker.exceptions import DockerError

from ...model.errors import DriverError, ImageUnavailable, Unavailable

NO_CONNECTION = 900
"""The status aiodocker gives an error that is no answer of the engine's."""


@contextmanager
def docker_errors(what: str) -> Iterator[None]:
    """Translates what is raised inside. ``what`` was tried, for the message: "start abc"."""
    try:
        yield
    except DockerError as error:
        if error.status == NO_CONNECTION:
            raise Unavailable(error.message) from error
        raise DriverError(error.message, retryable=error.status >= 500) from error
    except TimeoutError as error:
        raise Unavailable(f"Docker Engine did not answer in time ({what})") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unavailable(f"Docker Engine went away ({what}): {error}") from error


@contextmanager
def pull_errors(image: str) -> Iterator[None]:
    """Translates a pull's failures: only an engine that is not there is ``Unavailable``."""
    try:
        yield
    except DockerError as error:
        if error.status == NO_CONNECTION:
            raise Unavailable(error.message) from error
        raise ImageUnavailable(error.message, retryable=error.status not in (400, 404)) from error
    except TimeoutError as error:
        raise ImageUnavailable(f"pulling {image}: the registry did not answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unavailable(f"Docker Engine went away (pulling {image}): {error}") from error
