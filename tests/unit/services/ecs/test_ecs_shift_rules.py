"""What deployment strategies may be asked for."""

from typing import Any

import pytest

from sealway.model.errors import AwsError
from sealway.services.ecs.shift_rules import check_strategy

PAUSE = {"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]}


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"strategy": "ROLLING", "bakeTimeInMinutes": 0},
        {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1440, "lifecycleHooks": [PAUSE]},
        {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 3.0, "stepBakeTimeInMinutes": 0}},
        {"strategy": "LINEAR", "linearConfiguration": {}},
        {
            "strategy": "CANARY",
            "canaryConfiguration": {"canaryPercent": 0.1, "canaryBakeTimeInMinutes": 1440},
        },
    ],
)
def test_what_can_be_asked_for(configuration: dict[str, Any]) -> None:
    check_strategy(configuration, "REPLICA")


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"bakeTimeInMinutes": 5}, "'bakeTimeInMinutes' of a ROLLING"),
        ({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1441}, "between 0 and 1440"),
        ({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 2.9}}, "between 3.0 and 100.0"),
        ({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 10.05}}, "multiple of 0.1"),
        ({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.0}}, "between 0.1 and 100.0"),
        (
            {"strategy": "CANARY", "canaryConfiguration": {"canaryBakeTimeInMinutes": -1}},
            "canaryConfiguration.canaryBakeTimeInMinutes must be between",
        ),
        (
            {"strategy": "BLUE_GREEN", "canaryConfiguration": {"canaryPercent": 5.0}},
            "when the deployment strategy is CANARY",
        ),
        ({"lifecycleHooks": [PAUSE]}, "not supported with the ROLLING"),
        ({"strategy": "BLUE_GREEN", "lifecycleHooks": [{"hookTargetArn": "arn:aws:lambda:x"}]}, "Lambda"),
        (
            {"strategy": "BLUE_GREEN", "lifecycleHooks": [{"targetType": "PAUSE"}]},
            "must specify lifecycleStages",
        ),
        (
            {
                "strategy": "BLUE_GREEN",
                "lifecycleHooks": [{**PAUSE, "lifecycleStages": ["TEST_TRAFFIC_SHIFT"]}],
            },
            "not supported at the TEST_TRAFFIC_SHIFT lifecycle stage",
        ),
    ],
)
def test_what_cannot(configuration: dict[str, Any], message: str) -> None:
    with pytest.raises(AwsError, match=message):
        check_strategy(configuration, "REPLICA")


def test_a_daemon_rolls() -> None:
    with pytest.raises(AwsError, match="not supported for DAEMON"):
        check_strategy({"strategy": "CANARY"}, "DAEMON")
