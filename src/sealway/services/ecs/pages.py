"""Pages of names, as every List operation answers them. A token names the last that was given out."""

from collections.abc import Iterable

from ...model.pagination import decode_token, encode_token
from ...model.request import Params
from .errors import invalid


def arn_page(arns: Iterable[str], request: Params, member: str, default: int = 100) -> Params:
    """One page of ``arns``, ascending, as the answer's ``member``; ``nextToken`` when more follow.

    ``default`` is the page's size when ``maxResults`` is not given; the most that may be asked is 100.
    """
    chosen, token = cut(arns, request, default)
    return {member: chosen, **token}


def cut(
    names: Iterable[str], request: Params, default: int = 100, descending: bool = False
) -> tuple[list[str], dict[str, str]]:
    """The page's names and the answer's ``nextToken``, if any. Raises InvalidParameterException."""
    limit = request.get("maxResults")
    if limit is not None and not 1 <= limit <= 100:
        raise invalid(f"maxResults must be between 1 and 100, not {limit}.")
    after = _after(request.get("nextToken"))
    rest = sorted(n for n in names if after is None or (n < after if descending else n > after))
    if descending:
        rest.reverse()
    chosen = rest[: limit or default]
    return chosen, {"nextToken": encode_token(chosen[-1])} if len(rest) > len(chosen) else {}


def _after(token: str | None) -> str | None:
    try:
        return decode_token(token) if token else None
    except ValueError as error:
        raise invalid("Invalid token") from error
