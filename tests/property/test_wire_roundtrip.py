"""What botocore writes, we read; what we write, botocore reads: for every operation Sealway has."""

from typing import Any

import pytest
from botocore.parsers import create_parser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealway.wire import codecs
from sealway.wire.reply import strict
from sealway.wire.routing import identify
from sealway.wire.service_models import load
from tests.support.wire_shapes import CALLS, Values, arrived, operation, pruned, request_of

SETTINGS = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

TYPED = ("ecs", "codedeploy")
"""Whose protocols (JSON, and CBOR) can write anything that a shape can have."""


def decoded(service: str, name: str, params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    request = arrived(request_of(service, name, params))
    call = identify(request)
    assert call.service is not None
    return f"{call.service.name}.{call.action}", codecs.decode(call, load(service), request)


@pytest.mark.parametrize(("service", "name"), CALLS)
@given(data=st.data())
@SETTINGS
def test_inputs_that_botocore_writes_are_read_back(service: str, name: str, data: st.DataObject) -> None:
    json = service in TYPED
    params = data.draw(Values(whole=not json).top(operation(service, name).input_shape))
    expected = params if json else pruned(params)
    assert decoded(service, name, expected) == (f"{service}.{name}", expected)


@pytest.mark.parametrize(("service", "name"), CALLS)
@given(data=st.data())
@SETTINGS
def test_outputs_are_read_back_by_botocore(service: str, name: str, data: st.DataObject) -> None:
    shape = operation(service, name).output_shape
    output = data.draw(Values(whole=False, xml=service not in TYPED, milliseconds=True).top(shape))
    call = identify(arrived(request_of(service, name, {})))
    reply = codecs.encode(call, load(service), output, "11112222-3333-4444-5555-666677778888", strict)
    response = {"status_code": reply.status, "headers": {}, "body": reply.body}
    parsed = create_parser(operation(service, name).metadata["protocol"]).parse(response, shape)
    metadata = parsed.pop("ResponseMetadata")
    assert parsed == output
    if service not in TYPED:
        assert metadata["RequestId"] == "11112222-3333-4444-5555-666677778888"
