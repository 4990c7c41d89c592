"""What every operation does with its request: refuse by name what is not built, page, filter."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ...model.errors import AwsError
from ...model.pagination import page
from ...model.request import Params
from .errors import unsupported, validation

T = TypeVar("T")
_PAGE, _LARGEST_PAGE = 50, 100


def refuse_others(
    request: Params, honoured: Sequence[str], neutral: Mapping[str, Sequence[Any]], where: str
) -> None:
    """Refuses the first member that is neither honoured nor without effect (absent, false, empty, or one of
    its ``neutral`` values)."""
    for name, value in request.items():
        if name in honoured or value is None or value is False or value in ([], {}, ""):
            continue
        if name not in neutral:
            raise unsupported(f"The parameter {name} of {where}")
        if value not in neutral[name]:
            raise unsupported(f"The value {value!r} of {name} of {where}")


def paged(
    request: Params, items: Sequence[T], key: Callable[[T], str], largest: int = _LARGEST_PAGE
) -> tuple[list[T], Params]:
    """One page in order of the keys, and the answer's NextToken, if any."""
    limit = request.get("MaxRecords")
    if limit is not None and not 1 <= limit <= largest:
        raise validation(f"MaxRecords must be between 1 and {largest}, not {limit}.")
    try:
        chosen, token = page(items, key, request.get("NextToken"), limit or _PAGE)
    except ValueError as error:
        raise AwsError("InvalidNextToken", "The token is not valid.") from error
    return chosen, {"NextToken": token} if token else {}
