"""Base of the values that cross the drivers' boundary."""

import msgspec


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """See the module."""
