"""A disk without room for one more write: the kernel cuts off what would make the store's journal grow."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FEW_BYTES = 100
"""They fit still, so that a record is begun and cannot be ended."""


@contextmanager
def full_disk(directory: Path) -> Iterator[None]:
    """No file of this process grows beyond the store's journal, wherever it is; Python ignores the signal."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    room = (directory / "state.db-wal").stat().st_size + FEW_BYTES
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
