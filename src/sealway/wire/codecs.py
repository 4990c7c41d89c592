"""The protocols side by side: what each does with a call's input, its output, and its errors."""

from ..model.errors import AwsError
from ..model.request import Params
from . import json_rpc, rpc_v2, xml
from .ec2_query import Ec2Query
from .errors import Fault, refuse
from .query import Query
from .reply import Reply, Report
from .request import HttpRequest
from .routing import Call
from .service_models import Model

_QUERY = {"query": Query(), "ec2": Ec2Query()}


def decode(call: Call, model: Model, request: HttpRequest) -> Params:
    """The parameters by the input shape's member names. Raises ``AwsError``."""
    operation = model.operation(call.action)
    assert operation is not None, "routing has looked the operation up"
    if call.protocol == "json":
        return json_rpc.decode(operation, request.body)
    if call.protocol == "cbor":
        return rpc_v2.decode(operation, request.body)
    if call.fields is None:
        refuse(call.protocol, Fault.MALFORMED, "The request is not a valid form in UTF-8")
    return _QUERY[call.protocol].decode(operation, call.fields)


def encode(call: Call, model: Model, output: Params, request_id: str, report: Report) -> Reply:
    """The answer to a call that went well."""
    operation = model.operation(call.action)
    assert operation is not None, "the call was decoded with it"
    if call.protocol == "json":
        return json_rpc.encode(operation, output, report)
    if call.protocol == "cbor":
        return rpc_v2.encode(operation, output, report)
    write = xml.encode_ec2 if call.protocol == "ec2" else xml.encode_query
    return write(operation, output, report, model.xml_namespace, request_id)


def failure(call: Call, error: AwsError, request_id: str, namespace: str = "") -> Reply:
    """The answer to a call that did not."""
    if call.protocol == "json":
        return json_rpc.failure(error)
    if call.protocol == "cbor":
        return rpc_v2.failure(error)
    if call.protocol == "ec2":
        return xml.ec2_failure(error, request_id)
    return xml.query_failure(error, namespace, request_id)
