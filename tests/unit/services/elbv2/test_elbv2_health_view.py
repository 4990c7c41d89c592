"""The pure view: target, observation and surroundings in; state, reason and description out."""

from datetime import timedelta

import pytest

from sealway.model.load_balancer import LoadBalancer, LoadBalancerZone
from sealway.model.target_group import Target, TargetHealth
from sealway.services.elbv2 import health_view
from sealway.services.elbv2.health_view import HealthView, Surroundings
from tests.support.elbv2_world import START

TARGET = Target(target_group_arn="g", id="10.0.0.9", port=443, availability_zone="z-a", registered_at=START)
HEALTHY = TargetHealth(
    target_group_arn="g",
    id="10.0.0.9",
    port=443,
    state="healthy",
    reason=None,
    description=None,
    changed_at=START,
)
EDGE = LoadBalancer(
    arn="lb",
    account_id="0",
    region="r",
    name="edge",
    type="network",
    scheme="internal",
    vpc_id="v",
    dns_name="d",
    canonical_hosted_zone_id="Z",
    zones=(
        LoadBalancerZone(subnet_id="s", availability_zone="z-a", vip="10.0.0.4", network_interface_id="e"),
    ),
    created_at=START,
)
IN_USE = Surroundings(load_balancers=(EDGE,))
DRAINING = TARGET.replace(draining_since=START)


def test_in_use_it_is_as_the_prober_says() -> None:
    assert health_view.view(TARGET, HEALTHY, IN_USE) == HealthView("healthy")
    failing = HEALTHY.replace(state="unhealthy", reason="Target.Timeout", description="Request timed out")
    assert health_view.view(TARGET, failing, IN_USE) == HealthView(
        "unhealthy", "Target.Timeout", "Request timed out"
    )
    fresh = TargetHealth(target_group_arn="g", id="10.0.0.9", port=443, changed_at=START)
    assert health_view.view(TARGET, fresh, IN_USE) == health_view.REGISTERING
    assert health_view.view(TARGET, None, IN_USE) == health_view.REGISTERING
    registered_again = TARGET.replace(registered_at=START + timedelta(seconds=1))
    assert health_view.view(registered_again, HEALTHY, IN_USE) == health_view.REGISTERING


def test_the_order_of_reasons() -> None:
    assert health_view.view(None, HEALTHY, IN_USE) == health_view.NOT_REGISTERED
    assert health_view.view(DRAINING, HEALTHY, IN_USE) == health_view.DRAINING
    assert health_view.view(DRAINING, HEALTHY, Surroundings()) == health_view.NOT_IN_USE
    assert health_view.view(TARGET, HEALTHY, Surroundings()) == health_view.NOT_IN_USE


def test_a_zone_that_is_not_enabled() -> None:
    elsewhere = TARGET.replace(availability_zone="z-b")
    assert health_view.view(elsewhere, HEALTHY, IN_USE) == health_view.ZONE_NOT_ENABLED
    anywhere = TARGET.replace(availability_zone="all")
    assert health_view.view(anywhere, HEALTHY, IN_USE) == HealthView("healthy")


def test_a_load_balancers_address() -> None:
    around = Surroundings(load_balancers=(EDGE,), reserved=frozenset({TARGET.id}))
    assert health_view.view(TARGET, HEALTHY, around) == health_view.UNUSABLE


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("stopped", "stopped"),
        ("shutting-down", "terminated"),
        ("terminated", "terminated"),
        (None, "terminated"),
    ],
)
def test_an_instance_that_does_not_run(state: str | None, word: str) -> None:
    states = {TARGET.id: state} if state else {}
    around = Surroundings(load_balancers=(EDGE,), instance_states=states)
    assert health_view.view(TARGET, HEALTHY, around) == HealthView(
        "unused", "Target.InvalidState", f"Target is in the {word} state"
    )
    assert health_view.view(
        TARGET, HEALTHY, Surroundings(load_balancers=(EDGE,), instance_states={TARGET.id: "running"})
    ) == HealthView("healthy")
