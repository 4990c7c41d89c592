"""Errors by meaning: whose fault, and whether to try again.

``AwsError`` is what a client sees: AWS's own code and message. Services raise it; ``wire`` renders it.
``Conflict`` is ours: a stale write; the caller re-reads and tries again.
"""

from typing import Any


class SealwayError(Exception):
    """Base of every error this package raises on purpose."""


class AwsError(SealwayError):
    """An answer to the client: code and message as AWS words them, HTTP status, optional members.

    ``members`` are extra fields of the modelled error shape (JSON protocols only).
    """

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members


class Conflict(SealwayError):
    """The stored version is not the one this write was based on. Read again, decide again."""


class StoreError(SealwayError):
    """The state could not be opened or written (a full disk, say); nothing was changed."""


class DriverError(SealwayError):
    """The outside world (Docker, the kernel) refused or failed. ``retryable`` says if time may mend it."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class ImageUnavailable(DriverError):
    """An image is not on this host and could not be pulled."""


class Unavailable(DriverError):
    """The outside party does not answer at all (Docker Engine stopped, say); its state is unknown."""
