"""The store's contract. ``sqlite.py`` implements it; ``tests/contract/test_store.py`` is its suite.

Reads see committed state. A transaction sees its own writes, commits whole or not at all, and holds
no ``await``: it begins and ends in one turn of the event loop. After a commit every watch is told.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from ..model.resource import Resource

R = TypeVar("R", bound=Resource)
Change = tuple[type[Resource], str]
"""The kind and key of a resource that was written or deleted."""


class Reader(Protocol):
    """Read access: the store itself (committed state) or a transaction (its own writes too)."""

    def get(self, kind: type[R], key: str) -> R | None:
        """The resource of that kind and key, or None."""
        ...

    def list(self, kind: type[R], **equals: Any) -> list[R]:
        """All resources of a kind whose fields equal the given values, in order of their keys.

        A field in the kind's ``INDEXES`` is looked up; others are compared one by one.
        """
        ...


class Transaction(Reader, Protocol):
    """Reads and writes that take effect together."""

    def put(self, resource: R) -> R:
        """Write; answers the resource with its new version.

        Raises ``Conflict`` when ``resource.version`` is not the stored version (0: not stored).
        """
        ...

    def delete(self, resource: Resource) -> None:
        """Remove; raises ``Conflict`` when the stored version is another."""
        ...


class Watch(Protocol):
    """A subscription: which resources changed since the last call."""

    async def changes(self, timeout: float | None = None) -> frozenset[Change]:
        """Waits for a change; answers all that happened since. Empty after ``timeout`` seconds."""
        ...

    def pending(self) -> frozenset[Change]:
        """All that happened since the last call, without waiting."""
        ...

    def close(self) -> None:
        """Ends the subscription."""
        ...


class Store(Reader, Protocol):
    """Where state lives."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Commits at the block's end; an exception inside leaves everything as it was."""
        ...

    def watch(self, *kinds: type[Resource]) -> Watch:
        """A new subscription to the given kinds (none given: all)."""
        ...

    def counts(self) -> Mapping[str, int]:
        """How many resources of each kind are stored."""
        ...

    def close(self) -> None:
        """Releases the files."""
        ...
