import pytest

from sealway.model.errors import AwsError
from sealway.services.ecs.override_rules import checked_overrides
from tests.support.cluster_world import definition

FARGATE = definition(networkMode="awsvpc", cpu="256", memory="512")


def test_only_what_asks_for_something_is_kept():
    given = {
        "containerOverrides": [{"name": "app", "command": [], "environment": [{"name": "A"}], "cpu": None}],
        "taskRoleArn": "",
        "inferenceAcceleratorOverrides": [],
        "cpu": ".5 vCPU",
        "memory": "1GB",
    }
    assert checked_overrides(FARGATE, given, "FARGATE") == {
        "containerOverrides": [{"name": "app", "environment": [{"name": "A", "value": ""}]}],
        "cpu": "512",
        "memory": "1024",
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"containerOverrides": [{"name": "x"}]}, "Override for container named x is not a container"),
        ({"containerOverrides": [{"name": "app", "environmentFiles": [{"value": "x"}]}]}, "environmentFiles"),
        ({"containerOverrides": [{"name": "app", "environment": [{"value": "x"}]}]}, "lacks a name"),
        ({"containerOverrides": [{"name": "app", "memory": 1024}]}, "cannot be greater than the task"),
        ({"containerOverrides": [{"name": "app", "command": ["x" * 9000]}]}, "length must be at most 8192"),
        ({"inferenceAcceleratorOverrides": [{"deviceName": "x"}]}, "inferenceAcceleratorOverrides"),
        ({"cpu": "512"}, "No Fargate configuration exists for given values: 512 CPU, 512 memory."),
        ({"memory": "x"}, "Invalid 'memory' setting for task."),
        ({"ephemeralStorage": {"sizeInGiB": 1}}, "between 21 and 200"),
    ],
)
def test_refused(given, message):
    with pytest.raises(AwsError, match=message):
        checked_overrides(FARGATE, given, "FARGATE")
