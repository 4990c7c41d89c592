"""Whatever is sent as an AppSpec or as CBOR is read, or refused as AWS would: never anything else."""

import json
from contextlib import suppress
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sealway.model.errors import AwsError
from sealway.services.codedeploy.app_spec import AppSpec, parse
from sealway.wire.cbor import dumps, loads
from tests.support.code_deploy_world import app_spec

SETTINGS = settings(max_examples=200, deadline=None, derandomize=True)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PLACES: list[tuple[str | int, ...]] = [
    (),
    ("version",),
    ("Resources",),
    ("Resources", 0),
    ("Resources", 0, "TargetService"),
    ("Resources", 0, "TargetService", "Type"),
    ("Resources", 0, "TargetService", "Properties"),
    *(
        ("Resources", 0, "TargetService", "Properties", *rest)
        for rest in (
            ("TaskDefinition",),
            ("LoadBalancerInfo",),
            ("LoadBalancerInfo", "ContainerPort"),
            ("PlatformVersion",),
            ("NetworkConfiguration",),
            ("NetworkConfiguration", "AwsvpcConfiguration"),
            ("NetworkConfiguration", "AwsvpcConfiguration", "Subnets"),
            ("CapacityProviderStrategy",),
            ("CapacityProviderStrategy", 0, "Base"),
        )
    ),
]


def whole() -> Any:
    return app_spec(
        PlatformVersion="LATEST",
        NetworkConfiguration={"AwsvpcConfiguration": {"Subnets": ["subnet-1"]}},
        CapacityProviderStrategy=[{"CapacityProvider": "FARGATE", "Base": 1}],
    )


def answered(text: str) -> None:
    refusal = ""
    try:
        assert isinstance(parse(text), AppSpec)
    except AwsError as error:
        refusal = error.code
    assert refusal in ("", "InvalidRevisionException")


def test_the_whole_one_is_read() -> None:
    assert parse(json.dumps(whole())).capacity_provider_strategy == [
        {"capacityProvider": "FARGATE", "base": 1}
    ]


@given(place=st.sampled_from(PLACES), value=VALUES)
@SETTINGS
def test_an_app_spec_with_anything_anywhere(place: tuple[str | int, ...], value: Any) -> None:
    spec = whole()
    if not place:
        spec = value
    else:
        inside = spec
        for step in place[:-1]:
            inside = inside[step]
        inside[place[-1]] = value
    answered(json.dumps(spec))


@given(text=st.text(alphabet="{}[]:,&*!|>-? \n\"'#%@`abc01.~", max_size=40))
@example(text="version: &a [*a]")
@example(text="? {a: b}\n: c")
@example(text="version: 2001-99-99")
@example(text="a" * 20000)
@SETTINGS
def test_any_text(text: str) -> None:
    answered(text)


@given(value=VALUES)
@SETTINGS
def test_cbor_comes_back(value: Any) -> None:
    assert loads(dumps(value)) == value


@given(data=st.binary(max_size=64))
@SETTINGS
def test_any_bytes(data: bytes) -> None:
    with suppress(ValueError):
        loads(data)
