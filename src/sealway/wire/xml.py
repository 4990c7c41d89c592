"""XML out, for Query and EC2 Query. The two differ in their envelopes alone."""

import re
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from ..model.errors import AwsError
from ..model.request import Params
from .reply import Reply, Report
from .scalars import format_blob, format_iso8601, suits

CONTENT_TYPE = "text/xml"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def encode_query(
    operation: OperationModel, output: Params, report: Report, namespace: str, request_id: str
) -> Reply:
    """``<XResponse><XResult>members</XResult><ResponseMetadata>...``."""
    shape = operation.output_shape
    inner = ""
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", f"{operation.name}Result")
        inner = _element(wrapper, _structure(shape, output, operation.name, report))
    metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    return _document(f"{operation.name}Response", namespace, inner + metadata)


def encode_ec2(
    operation: OperationModel, output: Params, report: Report, namespace: str, request_id: str
) -> Reply:
    """``<XResponse><requestId/>members``; an operation without output answers ``<return>true``."""
    shape = operation.output_shape
    members = _structure(shape, output, operation.name, report) if shape else "<return>true</return>"
    inner = f"<requestId>{request_id}</requestId>{members}"
    return _document(f"{operation.name}Response", namespace, inner)


def query_failure(error: AwsError, namespace: str, request_id: str) -> Reply:
    """``<ErrorResponse><Error><Type/><Code/><Message/></Error><RequestId/>``."""
    blame = "Sender" if error.status < 500 else "Receiver"
    inner = f"<Type>{blame}</Type><Code>{text(error.code)}</Code><Message>{text(error.message)}</Message>"
    body = f"<Error>{inner}</Error><RequestId>{request_id}</RequestId>"
    return _document("ErrorResponse", namespace, body, error.status)


def ec2_failure(error: AwsError, request_id: str) -> Reply:
    """``<Response><Errors><Error><Code/><Message/></Error></Errors><RequestID/>``."""
    inner = f"<Code>{text(error.code)}</Code><Message>{text(error.message)}</Message>"
    body = f"<Errors><Error>{inner}</Error></Errors><RequestID>{request_id}</RequestID>"
    return _document("Response", "", body, error.status)


def text(value: str) -> str:
    """Character data. What XML cannot hold at all becomes U+FFFD."""
    return escape(_FORBIDDEN.sub("\ufffd", value), {"\r": "&#13;"})


def _document(root: str, namespace: str, inner: str, status: int = 200) -> Reply:
    attribute = f' xmlns="{namespace}"' if namespace else ""
    body = f"{_HEAD}<{root}{attribute}>{inner}</{root}>\n"
    return Reply(status=status, content_type=CONTENT_TYPE, body=body.encode())


def _element(name: str, inner: str) -> str:
    return f"<{name}>{inner}</{name}>" if inner else f"<{name}/>"


def _encode(shape: Shape, value: Any, path: str, report: Report) -> str:
    if isinstance(shape, StructureShape):
        return _structure(shape, value, path, report)
    if isinstance(shape, ListShape):
        name = shape.member.serialization.get("name", "member")
        items = (_element(name, _encode(shape.member, item, f"{path}[]", report)) for item in value)
        return "".join(items)
    if isinstance(shape, MapShape):
        return "".join(_entry(shape, key, item, path, report) for key, item in value.items())
    return _scalar(shape, value, path, report)


def _structure(shape: StructureShape, value: Any, path: str, report: Report) -> str:
    members = shape.members
    parts = []
    for name, item in value.items():
        if item is None:
            continue
        member = members.get(name)
        if member is None:
            report(f"{path} has no member {name}")
            continue
        wire_name = member.serialization.get("name", name)
        parts.append(_element(wire_name, _encode(member, item, f"{path}.{name}", report)))
    return "".join(parts)


def _entry(shape: MapShape, key: str, value: Any, path: str, report: Report) -> str:
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    inner = _element(key_name, text(key)) + _element(
        value_name, _encode(shape.value, value, f"{path}.{key}", report)
    )
    return f"<entry>{inner}</entry>"


def _scalar(shape: Shape, value: Any, path: str, report: Report) -> str:
    kind = shape.type_name
    if not suits(kind, value):
        report(f"{path} is {type(value).__name__}, not {kind}")
    if isinstance(value, bool):
        return "true" if value else "false"
    if kind == "timestamp":
        return format_iso8601(value)
    return format_blob(value) if kind == "blob" else text(str(value))
