"""The facts that are written down here agree with botocore's models; every constraint can be applied."""

from collections.abc import Iterator

import pytest
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from sealway.wire.service_models import SERVICES, Service, load
from sealway.wire.validation import compiled
from tests.support.wire_shapes import CALLS, operation


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda s: s.name)
def test_what_tells_services_apart_is_what_the_models_say(service: Service) -> None:
    metadata = load(service.name)._botocore.metadata
    assert service.protocol in metadata.get("protocols", [metadata["protocol"]])
    assert service.version == metadata["apiVersion"]
    assert service.signing_name == metadata.get("signingName", metadata["endpointPrefix"])
    assert service.target_prefix == metadata.get("targetPrefix")


def test_a_model_is_loaded_once() -> None:
    assert load("sts") is load("sts")
    assert load("sts").operation("GetCallerIdentity") is load("sts").operation("GetCallerIdentity")


def test_an_operation_that_aws_does_not_have_is_none() -> None:
    assert load("ecs").operation("MakeTea") is None


def test_errors_have_the_models_statuses() -> None:
    assert load("elbv2").error_statuses["LoadBalancerNotFound"] == 400
    assert load("elbv2").error_statuses["HealthUnavailable"] == 500
    assert load("ecs").error_statuses["ServerException"] == 500
    assert "ClientException" not in load("ecs").error_statuses


def strings(shape: Shape, above: frozenset[str] = frozenset()) -> Iterator[StringShape]:
    if shape.name in above:
        return
    above |= {shape.name}
    if isinstance(shape, StructureShape):
        for member in shape.members.values():
            yield from strings(member, above)
    elif isinstance(shape, ListShape):
        yield from strings(shape.member, above)
    elif isinstance(shape, MapShape):
        yield from strings(shape.key, above)
        yield from strings(shape.value, above)
    elif isinstance(shape, StringShape):
        yield shape


def test_every_pattern_of_our_operations_compiles() -> None:
    inputs = [operation(service, name).input_shape for service, name in CALLS]
    patterns = {
        shape.metadata["pattern"]
        for top in inputs
        if top is not None
        for shape in strings(top)
        if "pattern" in shape.metadata
    }
    assert len(patterns) >= 5
    for pattern in patterns:
        compiled(pattern)
