"""The model's constraints on a decoded input: presence, enums, lengths, ranges, patterns.

One walk over shape and value gathers every violation; the protocol then words them as AWS does: JSON
and Query list all of them in one sentence, EC2 names the first parameter.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import msgspec
from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape

from ..model.errors import AwsError
from ..model.request import Params
from .errors import Fault, error
from .query_names import ec2_name
from .service_models import Protocol

_LONGEST_QUOTE = 256
_MOST = 100
"""Violations that are gathered: a list of a hundred thousand wrong items is wrong for one reason."""


class Violation(msgspec.Struct, frozen=True):
    """What is wrong with the member at ``path`` (in the protocol's spelling). ``bound``: what it breaks."""

    path: str
    rule: Literal["null", "enum", "pattern", "union", "shortest", "longest", "least", "most"]
    value: str = ""
    bound: str = ""


_CONSTRAINTS = {
    "null": "Member must not be null",
    "enum": "Member must satisfy enum value set: [{}]",
    "pattern": "Member must satisfy regular expression pattern: {}",
    "union": "Member must have exactly one of its members set",
    "shortest": "Member must have length greater than or equal to {}",
    "longest": "Member must have length less than or equal to {}",
    "least": "Member must have value greater than or equal to {}",
    "most": "Member must have value less than or equal to {}",
}
_EC2_EXPECTATIONS = {
    "shortest": " Expecting a length of at least {}.",
    "longest": " Expecting a length of at most {}.",
    "least": " Expecting a value greater than or equal to {}.",
    "most": " Expecting a value less than or equal to {}.",
}


def check(protocol: Protocol, operation: OperationModel, params: Params) -> None:
    """Raises ``AwsError`` when the parameters break a constraint of the operation's input shape."""
    if operation.input_shape is None:
        return
    ec2 = protocol == "ec2"
    walk = _Walk(_ec2_member if ec2 else _member, ".{}" if ec2 else ".{}.member")
    walk.structure(operation.input_shape, params, "")
    if walk.found:
        raise _ec2_error(walk.found) if ec2 else _listed(protocol, walk.found)


def _listed(protocol: Protocol, found: list[Violation]) -> AwsError:
    sentences = (
        f"Value {'null' if v.rule == 'null' else repr_value(v.value)} at '{v.path}' failed to satisfy "
        f"constraint: {_CONSTRAINTS[v.rule].format(v.bound)}"
        for v in found
    )
    heading = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: "
    return error(protocol, Fault.INVALID, heading + "; ".join(sentences))


def _ec2_error(found: list[Violation]) -> AwsError:
    first = next((v for v in found if v.rule == "null"), found[0])
    if first.rule == "null":
        return AwsError("MissingParameter", f"The request must contain the parameter {first.path}")
    if first.rule == "enum":
        return error("ec2", Fault.INVALID, f"Invalid value {repr_value(first.value)} for {first.path}.")
    expectation = _EC2_EXPECTATIONS.get(first.rule, "").format(first.bound)
    message = f"Value ( {first.value[:_LONGEST_QUOTE]} ) for parameter {first.path} is invalid.{expectation}"
    return error("ec2", Fault.INVALID, message)


def repr_value(text: str) -> str:
    """The value in quotes, cut when it is very long."""
    return f"'{text[:_LONGEST_QUOTE]}'"


def _member(path: str, name: str, _: Shape) -> str:
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _ec2_member(path: str, name: str, shape: Shape) -> str:
    name = ec2_name(shape, name)
    return f"{path}.{name}" if path else name


class _Walk:
    def __init__(self, member_path: Callable[[str, str, Shape], str], item: str) -> None:
        self.found: list[Violation] = []
        self._member_path = member_path
        self._item = item

    def structure(self, shape: StructureShape, value: dict[str, Any], path: str) -> None:
        members = shape.members
        for name in shape.required_members:
            if value.get(name) is None:
                self._missing(self._member_path(path, name, members[name]))
        for name, item in value.items():
            if item is not None:
                self.value(members[name], item, self._member_path(path, name, members[name]))
        if shape.is_tagged_union and len(value) != 1:
            self._add(shape, value, path, "union")

    def value(self, shape: Shape, value: Any, path: str) -> None:
        if isinstance(shape, StructureShape):
            if not shape.is_document_type:
                self.structure(shape, value, path)
            return
        self._range(shape, value, path)
        if isinstance(shape, ListShape):
            for i, item in enumerate(value, 1):
                if len(self.found) >= _MOST:
                    return
                item_path = path + self._item.format(i)
                if item is None:
                    self._missing(item_path)
                else:
                    self.value(shape.member, item, item_path)
        elif isinstance(shape, MapShape):
            for key, item in value.items():
                self.value(shape.key, key, f"{path}.{key}.key")
                self.value(shape.value, item, f"{path}.{key}.member")
        elif isinstance(shape, StringShape):
            self._string(shape, value, path)

    def _range(self, shape: Shape, value: Any, path: str) -> None:
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        if low is None and high is None:
            return
        number = isinstance(value, int | float)
        measure = value if number else len(value)
        if high is not None and measure > high:
            self._add(shape, value, path, "most" if number else "longest", high)
        if low is not None and measure < low:
            self._add(shape, value, path, "least" if number else "shortest", low)

    def _string(self, shape: StringShape, value: str, path: str) -> None:
        if shape.enum and value not in shape.enum:
            self._add(shape, value, path, "enum", ", ".join(shape.enum))
        pattern = shape.metadata.get("pattern")
        if pattern and not compiled(pattern).fullmatch(value):
            self._add(shape, value, path, "pattern", pattern)

    def _missing(self, path: str) -> None:
        self.found.append(Violation(path, "null"))

    def _add(self, shape: Shape, value: Any, path: str, rule: Any, bound: object = "") -> None:
        hidden = shape.metadata.get("sensitive")
        self.found.append(Violation(path, rule, "***" if hidden else shown(value), str(bound)))


def shown(value: Any) -> str:
    """A value as AWS's messages print it: ``[a, b]``, ``{k=v}``."""
    if isinstance(value, list):
        return f"[{', '.join(shown(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}={shown(v)}' for k, v in value.items())}}}"
    return str(value)


_JAVA_CLASSES = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\w",
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010ffff",
    r"\p{Z}": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
}
"""Java's Unicode categories in the words of Python's ``re`` (``\\w``: letters and numbers, and "_"), and its
range of characters that take two of its own."""


@lru_cache(maxsize=512)
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of the model, which is written for Java."""
    for java, python in _JAVA_CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)
