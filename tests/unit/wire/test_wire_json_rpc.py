"""AWS JSON 1.1: what is not the shape's is refused in AWS's words."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sealway.model.errors import AwsError
from sealway.wire import json_rpc
from sealway.wire.reply import EncodeError, strict
from tests.support.wire_shapes import operation


def refusal(name: str, body: bytes) -> AwsError:
    with pytest.raises(AwsError) as caught:
        json_rpc.decode(operation("ecs", name), body)
    return caught.value


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"a"', b"nan", b'{"clusters": NaN}', b"\xff", b'{"a":"\\ud800"}', b"[" * 100_000]
)
def test_what_is_not_a_json_object(body: bytes) -> None:
    assert refusal("DescribeClusters", body).code == "com.amazon.coral.service#SerializationException"


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        (
            "CreateService",
            {"desiredCount": "3"},
            "STRING_VALUE can not be converted to an Integer at 'desiredCount'",
        ),
        (
            "CreateService",
            {"desiredCount": True},
            "TRUE_VALUE can not be converted to an Integer at 'desiredCount'",
        ),
        (
            "CreateService",
            {"desiredCount": 1.5},
            "NUMBER_VALUE can not be converted to an Integer at 'desiredCount'",
        ),
        (
            "CreateService",
            {"desiredCount": 2**31},
            "NUMBER_VALUE can not be converted to an Integer at 'desiredCount'",
        ),
        (
            "CreateService",
            {"serviceName": 1},
            "NUMBER_VALUE can not be converted to a String at 'serviceName'",
        ),
        ("CreateService", {"serviceName": []}, "Start of list found where not expected at 'serviceName'."),
        ("DeleteService", {"force": "yes"}, "STRING_VALUE can not be converted to a Boolean at 'force'"),
        ("DescribeTasks", {"tasks": "a"}, "Expected list or null at 'tasks'."),
        ("DescribeTasks", {"tasks": {}}, "Start of structure or map found where not expected at 'tasks'."),
        ("DescribeTasks", {"tasks": [1]}, "NUMBER_VALUE can not be converted to a String at 'tasks.1'"),
    ],
)
def test_a_wrong_type(name: str, params: dict[str, Any], message: str) -> None:
    assert refusal(name, json.dumps(params).encode()).message == message


def test_a_parameter_that_has_no_effect_is_refused_by_name() -> None:
    error = refusal("CreateCluster", b'{"settings": [{"colour": "red"}]}')
    assert error.message == "The parameter settings.1.colour is not supported."


def test_null_is_absent() -> None:
    assert json_rpc.decode(operation("ecs", "CreateCluster"), b'{"clusterName": null, "x": null}') == {}


def test_an_empty_body_is_an_empty_object() -> None:
    assert json_rpc.decode(operation("ecs", "ListClusters"), b"") == {}


def test_times_are_seconds_and_none_is_left_out() -> None:
    instant = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    output = {"task": {"createdAt": instant, "startedAt": None, "containers": []}}
    reply = json_rpc.encode(operation("ecs", "StopTask"), output, strict)
    assert json.loads(reply.body) == {"task": {"createdAt": 1767323045.679, "containers": []}}


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ({"tusk": {}}, "StopTask has no member tusk"),
        ({"task": {"taskArn": 1}}, "StopTask.task.taskArn is int, not string"),
        ({"task": {"version": True}}, "StopTask.task.version is bool, not long"),
        ({"task": {"createdAt": datetime(2026, 1, 1)}}, "StopTask.task.createdAt is datetime, not timestamp"),
    ],
)
def test_an_output_that_does_not_fit_is_our_bug(output: dict[str, Any], problem: str) -> None:
    with pytest.raises(EncodeError, match=problem):
        json_rpc.encode(operation("ecs", "StopTask"), output, strict)


def test_in_production_an_unknown_output_member_is_told_and_left_out() -> None:
    told: list[str] = []
    reply = json_rpc.encode(operation("ecs", "StopTask"), {"tusk": 1, "task": {}}, told.append)
    assert (json.loads(reply.body), told) == ({"task": {}}, ["StopTask has no member tusk"])


def test_an_error_carries_its_members() -> None:
    reply = json_rpc.failure(AwsError("ConflictException", "busy", resourceIds=["a"], hint=None))
    assert json.loads(reply.body) == {"__type": "ConflictException", "message": "busy", "resourceIds": ["a"]}
