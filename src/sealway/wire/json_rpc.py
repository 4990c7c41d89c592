"""AWS JSON 1.1: the operation in the ``X-Amz-Target`` header, one JSON object in, one out.

A JSON null is an absent member. Types are strict, as AWS's are; its words for a wrong one are kept.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import msgspec
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from ..model.errors import AwsError
from ..model.request import Params
from .errors import Fault, refuse
from .reply import Reply, Report
from .scalars import fits, format_blob, format_epoch, parse_blob, parse_epoch, suits

CONTENT_TYPE = "application/x-amz-json-1.1"
_NAMES: dict[type, str] = {
    str: "STRING_VALUE",
    int: "NUMBER_VALUE",
    float: "NUMBER_VALUE",
    bool: "TRUE_VALUE",
    bytes: "BLOB_VALUE",
}


def decode(operation: OperationModel, body: bytes) -> Params:
    """The body as the input shape's members. Raises ``AwsError`` for what is not."""
    try:
        value = msgspec.json.decode(body or b"{}")
    except (ValueError, RecursionError) as error:
        _malformed(f"The request body is not valid JSON: {error}")
    if not isinstance(value, dict):
        _malformed("Unexpected token: the request body must be a JSON object.")
    return decode_value(operation, value)


def decode_value(operation: OperationModel, value: Any) -> Params:
    """A body that is read already, as the input shape's members. Raises ``AwsError`` for what is not."""
    shape = operation.input_shape
    if not isinstance(value, dict):
        _malformed("The request body must be a structure.")
    return _decode_structure(shape, value, "") if shape else {}


def encode(operation: OperationModel, output: Params, report: Report) -> Reply:
    """The output shape's members as a body; members that are None are left out."""
    value = encode_value(operation, output, report, _write_scalar)
    return Reply(status=200, content_type=CONTENT_TYPE, body=msgspec.json.encode(value))


def encode_value(
    operation: OperationModel, output: Params, report: Report, scalar: Callable[[str, Any], Any]
) -> Any:
    """The output shape's members, before they are written. ``scalar``: what the protocol has of a kind."""
    shape = operation.output_shape
    return _encode(shape, output, operation.name, _Writer(report, scalar)) if shape else {}


def failure(error: AwsError) -> Reply:
    """The error as a body."""
    body = msgspec.json.encode(failure_value(error))
    return Reply(status=error.status, content_type=CONTENT_TYPE, body=body)


def failure_value(error: AwsError) -> Params:
    """The error, its modelled members beside the message."""
    members = {name: value for name, value in error.members.items() if value is not None}
    return {"__type": error.code, "message": error.message, **members}


def _decode(shape: Shape, value: Any, path: str) -> Any:
    if isinstance(shape, StructureShape):
        if shape.is_document_type:
            return value
        return _decode_structure(shape, _expect(value, dict, path), path)
    if isinstance(shape, ListShape):
        member = shape.member
        items = enumerate(_expect(value, list, path), 1)
        return [None if v is None else _decode(member, v, f"{path}.{i}") for i, v in items]
    if isinstance(shape, MapShape):
        entries = _expect(value, dict, path).items()
        return {k: _decode(shape.value, v, f"{path}.{k}") for k, v in entries if v is not None}
    return _decode_scalar(shape, value, path)


def _decode_structure(shape: StructureShape, value: dict[str, Any], path: str) -> Params:
    members = shape.members
    decoded = {}
    for name, item in value.items():
        if item is None:
            continue
        member = members.get(name)
        if member is None:
            # AWS passes over what it does not know; we would rather say that it has no effect.
            where = f"{path}.{name}".lstrip(".")
            refuse("json", Fault.UNKNOWN_PARAMETER, f"The parameter {where} is not supported.")
        decoded[name] = _decode(member, item, f"{path}.{name}")
    return decoded


def _expect(value: Any, kind: type, path: str) -> Any:
    if isinstance(value, kind):
        return value
    if isinstance(value, dict | list):
        _malformed(f"Start of {_CONTAINERS[type(value)]} found where not expected{_at(path)}.")
    _malformed(f"Expected {_CONTAINERS[kind]} or null{_at(path)}.")


_CONTAINERS: dict[type, str] = {dict: "structure or map", list: "list"}


def _decode_scalar(shape: Shape, value: Any, path: str) -> Any:
    if isinstance(value, dict | list):
        _malformed(f"Start of {_CONTAINERS[type(value)]} found where not expected{_at(path)}.")
    try:
        return _SCALARS[shape.type_name](shape.type_name, value)
    except (TypeError, ValueError):
        name = "FALSE_VALUE" if value is False else _NAMES[type(value)]
        kind = shape.type_name.capitalize()
        _malformed(f"{name} can not be converted to {_article(kind)} {kind}{_at(path)}")


def _string(_: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _integer(kind: str, value: Any) -> int:
    if type(value) is not int or not fits(value, kind):
        raise TypeError
    return value


def _number(_: str, value: Any) -> float:
    if type(value) not in {int, float}:
        raise TypeError
    return float(value)


def _boolean(_: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


_SCALARS: dict[str, Callable[[str, Any], Any]] = {
    "string": _string,
    "character": _string,
    "integer": _integer,
    "long": _integer,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "timestamp": lambda kind, value: parse_epoch(_number(kind, value)),
    "blob": lambda kind, value: value if isinstance(value, bytes) else parse_blob(_string(kind, value)),
}


def _at(path: str) -> str:
    return f" at '{path.lstrip('.')}'" if path else ""


def _article(word: str) -> str:
    return "an" if word[0] in "AEIOU" else "a"


def _malformed(message: str) -> NoReturn:
    refuse("json", Fault.MALFORMED, message)


class _Writer(NamedTuple):
    """Whom misfits are reported to, and how scalars are written."""

    report: Report
    scalar: Callable[[str, Any], Any]


def _write_scalar(kind: str, value: Any) -> Any:
    if kind == "timestamp":
        return format_epoch(value)
    return format_blob(value) if kind == "blob" else value


def _encode(shape: Shape, value: Any, path: str, writer: _Writer) -> Any:
    if isinstance(shape, StructureShape):
        return value if shape.is_document_type else _encode_structure(shape, value, path, writer)
    if isinstance(shape, ListShape):
        member = shape.member
        return [_encode(member, item, f"{path}[]", writer) for item in value]
    if isinstance(shape, MapShape):
        member = shape.value
        return {k: _encode(member, v, f"{path}.{k}", writer) for k, v in value.items()}
    kind = shape.type_name
    if not suits(kind, value):
        writer.report(f"{path} is {type(value).__name__}, not {kind}")
    return writer.scalar(kind, value)


def _encode_structure(shape: StructureShape, value: Any, path: str, writer: _Writer) -> dict[str, Any]:
    members = shape.members
    encoded = {}
    for name, item in value.items():
        if item is None:
            continue
        member = members.get(name)
        if member is None:
            writer.report(f"{path} has no member {name}")
            continue
        encoded[name] = _encode(member, item, f"{path}.{name}", writer)
    return encoded
