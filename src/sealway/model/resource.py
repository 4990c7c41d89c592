"""What the store keeps.

A *resource* is a frozen struct with a unique string ``key`` within its kind (the class). ``version``
is the store's: 0 for one that was never written, then 1, 2, ... Writing back a resource whose version
is not the stored one is a conflict, so a value kept over an ``await`` can never undo a newer write.
"""

from typing import Any, ClassVar, Self

import msgspec


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything stored. Subclasses give ``key`` and may name fields in ``INDEXES``."""

    INDEXES: ClassVar[tuple[str, ...]] = ()

    version: int = 0

    @property
    def key(self) -> str:
        """The identity of this resource within its kind, usually the ARN or AWS id."""
        raise NotImplementedError

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed; unknown field names raise TypeError."""
        return msgspec.structs.replace(self, **changes)
