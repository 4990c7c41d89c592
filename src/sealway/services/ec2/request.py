"""What every EC2 operation does with its request: refuse what is not built, honour DryRun, page.

A parameter Sealway does not honour is refused by name. Values that ask for nothing (false, an empty
list, the default) are let through, since tools send them unasked.
DryRun runs the whole operation against the store and undoes it, so it finds every error a real call
would meet. Source: Amazon EC2 API Reference, "Common query parameters" and "Error codes".
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import msgspec

from ...model.errors import AwsError
from ...model.pagination import page
from ...model.request import Params
from ...model.resource import Resource
from ...store import Store, Transaction, Watch
from ..context import Context, Operation

R = TypeVar("R", bound=Resource)


def dry_run_succeeded() -> AwsError:
    """How AWS says that the request would have worked."""
    return AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)


def unsupported(what: str) -> AwsError:
    """AWS's code for what is not available; ``what`` names the parameter or its value."""
    return AwsError("UnsupportedOperation", f"{what} is not supported by Sealway.")


def token_of(request: Params, longest: int) -> tuple[str, str]:
    """The client token, and a digest of all that the request says, which the token then stands for."""
    token = request.get("ClientToken") or ""
    if len(token) > longest or not token.isascii():
        raise AwsError("InvalidParameterValue", f"A client token has at most {longest} ASCII characters.")
    told = msgspec.json.encode({**request, "DryRun": None}, order="sorted")
    return token, hashlib.sha256(told).hexdigest()


def check_same_request(then: str, now: str) -> None:
    """Raises where a token stood for another request. ``then`` is empty where that was not kept."""
    if then not in ("", now):
        raise AwsError(
            "IdempotentParameterMismatch",
            "Arguments on this idempotent request are inconsistent with arguments used in previous"
            " request(s).",
        )


class DryRunStore:
    """A store whose transactions always end undone, with DryRunOperation."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, kind: type[R], key: str) -> R | None:
        return self._store.get(kind, key)

    def list(self, kind: type[R], **equals: Any) -> list[R]:
        return self._store.list(kind, **equals)

    @contextmanager
    def _undone(self) -> Iterator[Transaction]:
        with self._store.transaction() as tx:
            yield tx
            raise dry_run_succeeded()

    def transaction(self) -> AbstractContextManager[Transaction]:
        return self._undone()

    def watch(self, *kinds: type[Resource]) -> Watch:
        return self._store.watch(*kinds)

    def counts(self) -> Mapping[str, int]:
        return self._store.counts()

    def close(self) -> None:
        """The store under it is another's to close."""


def operation(
    handler: Operation, *honoured: str, neutral: Mapping[str, Sequence[Any]] | None = None
) -> Operation:
    """``handler`` behind the checks. ``honoured`` members reach it; ``neutral`` ones need a listed value."""
    allowed = neutral or {}

    def checked(ctx: Context, request: Params) -> Params:
        refuse_unknown(request, honoured, allowed)
        if not request.get("DryRun"):
            return handler(ctx, request)
        handler(msgspec.structs.replace(ctx, store=DryRunStore(ctx.store)), request)
        raise dry_run_succeeded()

    return checked


def refuse_unknown(
    request: Params, honoured: Sequence[str], neutral: Mapping[str, Sequence[Any]], prefix: str = ""
) -> None:
    """Refuses the first member that is neither honoured nor without effect."""
    for name, value in request.items():
        if name in honoured or name == "DryRun" or value is None or value is False or value in ([], {}, ""):
            continue
        if name not in neutral:
            raise unsupported(f"The parameter {prefix}{name}")
        if value not in neutral[name]:
            raise unsupported(f"The value {value!r} of {prefix}{name}")


def paged(request: Params, items: list[R], shape: Callable[[R], Params], into: str) -> Params:
    """One page of ``items`` as an answer's member ``into``, with NextToken when more follow."""
    limit = request.get("MaxResults") or max(len(items), 1)
    try:
        chosen, token = page(items, lambda item: item.key, request.get("NextToken"), limit)
    except ValueError as error:
        raise AwsError("InvalidNextToken", "The specified NextToken is not valid.") from error
    answer: Params = {into: [shape(item) for item in chosen]}
    return {**answer, "NextToken": token} if token else answer
