"""Regular expressions that cannot run away: matching takes at most (length of text) x (states) steps.

A pattern is compiled to a program whose threads run side by side, one character at a time (Thompson's
construction), so no input makes it backtrack. Understood: characters, ``.``, classes, escapes, groups, ``|``,
``* + ?`` and ``{m,n}``, and ``^`` and ``$`` at the ends. What needs a memory (back references, lookaround) is
refused, and so is what grows beyond ``MOST_STATES``.
Source: R. Cox, "Regular Expression Matching Can Be Simple And Fast".
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import msgspec

MOST_STATES = 256
DEEPEST = 30
"""Groups within groups."""
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_REPEAT = re.compile(r"\{(\d{1,4})(,?)(\d{0,4})\}")
_ESCAPED = frozenset("dDwWsSnrtfv")


class BadPattern(ValueError):
    """Why a pattern is not taken."""


class _One(msgspec.Struct, frozen=True):
    """One character that these pattern matches."""

    matches: Callable[[str], object]


class _All(msgspec.Struct, frozen=True):
    """One part after the other."""

    parts: tuple["_Part", ...]


class _Any(msgspec.Struct, frozen=True):
    """One of the parts."""

    parts: tuple["_Part", ...]


class _Many(msgspec.Struct, frozen=True):
    """``least`` to ``most`` times; None: no end."""

    part: "_Part"
    least: int
    most: int | None


_Part = _One | _All | _Any | _Many


class _Step(msgspec.Struct, frozen=True):
    """Goes on at each of ``to`` at once or, if it ``matches`` a character, behind it; none: the end."""

    to: tuple[int, ...] = ()
    matches: Callable[[str], object] | None = None


def compile_pattern(text: str) -> Callable[[str], bool]:
    """The predicate: does the whole of a text match? Raises ``BadPattern``."""
    inner = text.removeprefix("^")
    if inner.endswith("$") and not inner.endswith("\\$"):
        inner = inner[:-1]
    part, rest = _alternatives(inner, 0)
    if rest:
        raise BadPattern(f"unexpected '{rest}'")
    program: list[_Step] = []
    _emit(part, program)
    program.append(_Step())
    steps = tuple(program)
    return lru_cache(maxsize=1024)(lambda value: _run(steps, value))


def _run(program: Sequence[_Step], text: str) -> bool:
    threads = _reach(program, (0,))
    for character in text:
        moved = (
            to
            for at in threads
            if (step := program[at]).matches is not None and step.matches(character)
            for to in step.to
        )
        threads = _reach(program, moved)
        if not threads:
            return False
    return len(program) - 1 in threads


def _reach(program: Sequence[_Step], starts: Iterable[int]) -> set[int]:
    """Where the threads stand that begin here, before they see the next character."""
    seen: set[int] = set()
    open_ = list(starts)
    while open_:
        at = open_.pop()
        if at not in seen:
            seen.add(at)
            if program[at].matches is None:
                open_ += program[at].to
    return seen


def _emit(part: _Part, program: list[_Step]) -> None:
    """Appends the part's program; it ends by going on behind it."""
    if len(program) > MOST_STATES:
        raise BadPattern(f"it has more than {MOST_STATES} states")
    if isinstance(part, _One):
        program.append(_Step((len(program) + 1,), part.matches))
    elif isinstance(part, _All):
        for one in part.parts:
            _emit(one, program)
    elif isinstance(part, _Any):
        _emit_any(part, program)
    else:
        _emit_many(part, program)


def _emit_any(part: _Any, program: list[_Step]) -> None:
    fork, starts, ends = _hole(program), [], []
    for one in part.parts:
        starts.append(len(program))
        _emit(one, program)
        ends.append(_hole(program))
    program[fork] = _Step(tuple(starts))
    for end in ends:
        program[end] = _Step((len(program),))


def _emit_many(part: _Many, program: list[_Step]) -> None:
    for _ in range(part.least):
        _emit(part.part, program)
    if part.most is None:
        fork = _hole(program)
        _emit(part.part, program)
        program.append(_Step((fork,)))
        program[fork] = _Step((fork + 1, len(program)))
        return
    forks = []
    for _ in range(part.most - part.least):
        forks.append(_hole(program))
        _emit(part.part, program)
    for fork in forks:
        program[fork] = _Step((fork + 1, len(program)))


def _hole(program: list[_Step]) -> int:
    """A step to be filled in later."""
    program.append(_Step())
    return len(program) - 1


def _alternatives(text: str, depth: int) -> tuple[_Part, str]:
    if depth > DEEPEST:
        raise BadPattern(f"more than {DEEPEST} groups are within each other")
    parts: list[_Part] = []
    while True:
        part, text = _sequence(text, depth)
        parts.append(part)
        if not text.startswith("|"):
            return (parts[0] if len(parts) == 1 else _Any(tuple(parts))), text
        text = text[1:]


def _sequence(text: str, depth: int) -> tuple[_Part, str]:
    parts: list[_Part] = []
    while text and text[0] not in "|)":
        part, text = _atom(text, depth)
        part, text = _repeated(part, text)
        parts.append(part)
    return _All(tuple(parts)), text


def _repeated(part: _Part, text: str) -> tuple[_Part, str]:
    counts = {"*": (0, None), "+": (1, None), "?": (0, 1)}
    braces = _REPEAT.match(text)
    if text[:1] in counts and text:
        least, most = counts[text[0]]
        text = text[1:]
    elif braces:
        least = int(braces[1])
        most = (int(braces[3]) if braces[3] else None) if braces[2] else least
        text = text[braces.end() :]
        if most is not None and most < least:
            raise BadPattern(f"'{braces[0]}' ends before it begins")
    else:
        return part, text
    if text[:1] == "?":
        text = text[1:]  # the shortest match first: whether there is one stays the same
    if text[:1] in ("*", "+", "?") and text:
        raise BadPattern(f"nothing to repeat at '{text}'")
    return _Many(part, least, most), text


def _atom(text: str, depth: int) -> tuple[_Part, str]:
    first = text[0]
    if first == "(":
        inner = text[1:].removeprefix("?:")
        if inner.startswith("?"):
            raise BadPattern(f"'{text[:3]}' is not supported")
        part, rest = _alternatives(inner, depth + 1)
        if not rest.startswith(")"):
            raise BadPattern("')' is missing")
        return part, rest[1:]
    if first == "[":
        found = _CLASS.match(text)
        if found is None:
            raise BadPattern("']' is missing")
        return _one(found[0]), text[found.end() :]
    if first == "\\":
        return _escape(text)
    if first in "*+?{^$":
        raise BadPattern(f"'{first}' has no meaning there")
    return _one("." if first == "." else re.escape(first)), text[1:]


def _escape(text: str) -> tuple[_Part, str]:
    if len(text) == 1 or (text[1].isalnum() and text[1] not in _ESCAPED):
        raise BadPattern(f"'{text[:2]}' is not supported")
    return _one(text[:2]), text[2:]


def _one(pattern: str) -> _One:
    """``pattern`` matches exactly one character, so the standard library may match it."""
    try:
        return _One(re.compile(pattern, re.DOTALL).fullmatch)
    except re.error as error:
        raise BadPattern(f"'{pattern}': {error}") from error
