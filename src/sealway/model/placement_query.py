"""The cluster query language, as far as ``memberOf`` needs it.

``subject operator [argument]``, joined by ``and``/``&&``, ``or``/``||``, ``not``/``!`` and parentheses.
Subjects: ``attribute:NAME``, ``ec2InstanceId``, ``agentConnected``, ``task:group`` (of any task there), and
the ordered ones ``agentVersion``, ``registeredAt``, ``runningTasksCount``. An expression is compiled to a
predicate over the facts of a container instance; a bad one is a ``BadExpression``, never an exception.
Source: ECS Developer Guide, "Cluster query language".
"""

import operator as python
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from .safe_pattern import BadPattern, compile_pattern

Facts = Mapping[str, str | frozenset[str]]
"""A container instance's subjects and their values; a subject that is missing does not exist, one with
several values has each of them. Times in ISO 8601, numbers in decimal."""
Predicate = Callable[[Facts], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*')|(?P<op>==|!=|=~|!~|>=|<=|[<>]|&&|\|\||[()\[\],]|!(?=\s*\()|!(?!\w)))"""
    r"""|\s*(?P<word>![A-Za-z_]\w*|[^\s()\[\],=!&|<>"']+)"""
)
_SUBJECTS = ("ec2InstanceId", "agentConnected", "task:group")
CHANGING = ("task:group", "runningTasksCount")
"""Subjects whose values follow from where tasks run."""
_ALIASES = {
    "greater_than": ">",
    "greater_than_equal": ">=",
    "less_than": "<",
    "less_than_equal": "<=",
    "equals": "==",
    "not_equals": "!=",
    "matches": "=~",
    "not_matches": "!~",
    "!in": "not_in",
    "!exists": "not_exists",
    "&&": "and",
    "||": "or",
    "!": "not",
}


class BadExpression(NamedTuple):
    """Why an expression cannot be understood."""

    reason: str


class _SyntaxError(Exception):
    """Internal to this module; ``compile_query`` turns it into a value."""


def _version(text: str) -> tuple[int, ...]:
    match = re.match(r"v?(\d+(?:\.\d+)*)", text)
    if match is None:
        raise ValueError
    return tuple(int(part) for part in match[1].split("."))


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


_ORDERED: dict[str, tuple[Callable[[str], Any], str]] = {
    "agentVersion": (_version, "a version"),
    "registeredAt": (_time, "a date"),
    "runningTasksCount": (int, "a number"),
}
"""Subjects that can be compared: how their values are read, and what they are."""
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "==": python.eq,
    "!=": python.ne,
    ">": python.gt,
    ">=": python.ge,
    "<": python.lt,
    "<=": python.le,
}


def subjects(text: str) -> frozenset[str]:
    """The subjects among ``CHANGING`` that an expression asks about."""
    try:
        return frozenset(CHANGING) & frozenset(_tokens(text))
    except _SyntaxError:
        return frozenset()


@lru_cache(maxsize=256)
def compile_query(text: str) -> Predicate | BadExpression:
    """The predicate an expression stands for."""
    try:
        tokens = _tokens(text)
        predicate, rest = _any_of(tokens)
        if rest:
            raise _SyntaxError(f"unexpected '{rest[0]}'")
    except _SyntaxError as error:
        return BadExpression(f"Invalid expression '{text}': {error}")
    return predicate


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _SyntaxError(f"cannot read '{text[at:]}'")
        # A quoted argument keeps its opening quote, so that it is never taken for an operator.
        token = match["quoted"] or match["op"] or match["word"]
        tokens.append(_ALIASES.get(token, token))
        at = match.end()
    return tokens


def _any_of(tokens: list[str]) -> tuple[Predicate, list[str]]:
    left, rest = _all_of(tokens)
    while rest[:1] == ["or"]:
        right, rest = _all_of(rest[1:])
        left = _either(left, right)
    return left, rest


def _all_of(tokens: list[str]) -> tuple[Predicate, list[str]]:
    left, rest = _negation(tokens)
    while rest[:1] == ["and"]:
        right, rest = _negation(rest[1:])
        left = _both(left, right)
    return left, rest


def _negation(tokens: list[str]) -> tuple[Predicate, list[str]]:
    if tokens[:1] == ["not"]:
        inner, rest = _negation(tokens[1:])
        return (lambda facts: not inner(facts)), rest
    if tokens[:1] == ["("]:
        inner, rest = _any_of(tokens[1:])
        return inner, _expect(rest, ")")
    return _comparison(tokens)


def _both(left: Predicate, right: Predicate) -> Predicate:
    return lambda facts: left(facts) and right(facts)


def _either(left: Predicate, right: Predicate) -> Predicate:
    return lambda facts: left(facts) or right(facts)


def _comparison(tokens: list[str]) -> tuple[Predicate, list[str]]:
    subject, rest = _take(tokens, "a subject")
    if subject not in (*_SUBJECTS, *_ORDERED) and not subject.startswith("attribute:"):
        raise _SyntaxError(f"unknown subject '{subject}'")
    operator, rest = _take(rest, "an operator")
    if subject in _ORDERED:
        argument, rest = _take(rest, "an argument")
        return _order(subject, operator, argument.strip("\"'")), rest
    if operator in ("exists", "not_exists"):
        wanted = operator == "exists"
        return (lambda facts: (subject in facts) == wanted), rest
    if operator in ("in", "not_in"):
        values, rest = _list(rest)
        return (lambda facts: (not values.isdisjoint(_values(facts, subject))) == (operator == "in")), rest
    argument, rest = _take(rest, "an argument")
    return _binary(subject, operator, argument.strip("\"'")), rest


def _order(subject: str, operator: str, argument: str) -> Predicate:
    read, kind = _ORDERED[subject]
    if operator not in _ORDERS:
        raise _SyntaxError(f"operator '{operator}' is not valid for {subject}")
    holds = _ORDERS[operator]
    try:
        wanted = read(argument)
    except ValueError:
        raise _SyntaxError(f"'{argument}' is not {kind}") from None
    return lambda facts: all(holds(read(value), wanted) for value in _values(facts, subject))


def _binary(subject: str, operator: str, argument: str) -> Predicate:
    if operator in ("==", "!="):
        return lambda facts: (argument in _values(facts, subject)) == (operator == "==")
    if operator in ("=~", "!~"):
        try:
            matches = compile_pattern(argument)
        except BadPattern as error:
            raise _SyntaxError(f"'{argument}' is no regular expression that is supported: {error}") from error
        return lambda facts: any(map(matches, _values(facts, subject))) == (operator == "=~")
    raise _SyntaxError(f"unknown operator '{operator}'")


def _values(facts: Facts, subject: str) -> frozenset[str]:
    value = facts.get(subject, frozenset())
    return frozenset((value,)) if isinstance(value, str) else value


def _list(tokens: list[str]) -> tuple[frozenset[str], list[str]]:
    rest = _expect(tokens, "[")
    values = set()
    while True:
        value, rest = _take(rest, "a value")
        values.add(value.strip("\"'"))
        if rest[:1] == [","]:
            rest = rest[1:]
            continue
        return frozenset(values), _expect(rest, "]")


def _take(tokens: list[str], what: str) -> tuple[str, list[str]]:
    if not tokens or tokens[0] in ("(", ")", "[", "]", ","):
        raise _SyntaxError(f"{what} is missing")
    return tokens[0], tokens[1:]


def _expect(tokens: list[str], token: str) -> list[str]:
    if tokens[:1] != [token]:
        raise _SyntaxError(f"'{token}' is missing")
    return tokens[1:]
