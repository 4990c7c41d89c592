"""Smithy's RPC v2 protocol: the operation stands in the path, and the bodies are CBOR.

SDKs use it in the place of JSON with those services whose models name it (CodeDeploy's does). Shapes, errors
and faults are JSON's; only how the values are written differs.
"""

import re
from typing import Any

from botocore.model import OperationModel

from ..model.errors import AwsError
from ..model.request import Params
from . import cbor, json_rpc
from .errors import Fault, refuse
from .reply import Reply, Report
from .request import HttpRequest
from .scalars import format_epoch

NAME = "rpc-v2-cbor"
_HEADERS = {"smithy-protocol": NAME}
_CONTENT_TYPE = "application/cbor"
_PATH = re.compile(r"/service/(?P<service>[^/]+)/operation/(?P<operation>[^/]+)")


def called(request: HttpRequest) -> tuple[str, str] | None:
    """The names of service and operation, if a request is one of this protocol."""
    if request.headers.get("smithy-protocol") != NAME:
        return None
    found = _PATH.fullmatch(request.path)
    return (found["service"].rpartition(".")[2], found["operation"]) if found else ("", "")


def decode(operation: OperationModel, body: bytes) -> Params:
    """The body as the input shape's members. Raises ``AwsError`` for what is not."""
    try:
        value = cbor.loads(body) if body else {}
    except ValueError as error:
        refuse("cbor", Fault.MALFORMED, f"The request body is not valid CBOR: {error}")
    return json_rpc.decode_value(operation, value)


def encode(operation: OperationModel, output: Params, report: Report) -> Reply:
    """The output shape's members as a body; members that are None are left out."""
    value = json_rpc.encode_value(operation, output, report, _scalar)
    return Reply(status=200, content_type=_CONTENT_TYPE, body=cbor.dumps(value), headers=_HEADERS)


def failure(error: AwsError) -> Reply:
    """The error, its modelled members beside the message."""
    body = cbor.dumps(json_rpc.failure_value(error))
    return Reply(status=error.status, content_type=_CONTENT_TYPE, body=body, headers=_HEADERS)


def _scalar(kind: str, value: Any) -> Any:
    return cbor.Epoch(format_epoch(value)) if kind == "timestamp" else value
