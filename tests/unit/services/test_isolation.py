"""Accounts and regions see nothing of one another, whatever the operation.

The measure of "reads as missing" is what truly is missing: for each identifier an operation takes, another
owner's must be answered word for word as one that nobody has. That the request is otherwise right is shown by
the owner's own: with it, the same request is served.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from sealway.app.operations import SERVICES
from tests.support.accounts import OWNER, STRANGERS, Accounts, Furnished, Owner, absent, nobody
from tests.support.isolation_cases import CASES, NAME_NOTHING, Case


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return Furnished(tmp_path_factory.mktemp("furnished") / "state")


@pytest.fixture
def worlds(furnished: Furnished, tmp_path: Path) -> Iterator[Callable[[], Accounts]]:
    made: list[Accounts] = []

    def another() -> Accounts:
        made.append(furnished.copy(tmp_path / str(len(made))))
        return made[-1]

    yield another
    for world in made:
        world.store.close()


def test_every_operation_is_here() -> None:
    built = {(service, name) for service, operations in SERVICES.items() for name in operations}
    assert {(case.service, case.operation) for case in CASES} | NAME_NOTHING >= built


@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda owner: owner.name)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_anothers_reads_as_missing(
    case: Case, stranger: Owner, furnished: Furnished, worlds: Callable[[], Accounts]
) -> None:
    mine, theirs = furnished.has[stranger.name], furnished.has[OWNER.name]
    world, empty = worlds(), worlds()
    before = world.belongings(OWNER)
    told = world.outcome(stranger, case.service, case.operation, case.build(mine, theirs))
    assert world.belongings(OWNER) == before
    of_nobody = empty.outcome(stranger, case.service, case.operation, case.build(mine, nobody(theirs)))
    assert absent(told) == absent(of_nobody)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_its_owner_is_served(case: Case, furnished: Furnished, worlds: Callable[[], Accounts]) -> None:
    has = furnished.has[OWNER.name]
    world, empty = worlds(), worlds()
    told = world.outcome(OWNER, case.service, case.operation, case.build(has, has))
    of_nobody = empty.outcome(OWNER, case.service, case.operation, case.build(has, nobody(has)))
    assert absent(told) != absent(of_nobody) or world.belongings(OWNER) != empty.belongings(OWNER)


LISTS = {
    "ecs": {
        "ListClusters": "cluster",
        "ListContainerInstances": "container_instance",
        "ListServices": "service",
        "ListTaskDefinitionFamilies": "family",
        "ListTaskDefinitions": "definition",
        "ListTasks": "task",
    },
    "elbv2": {"DescribeLoadBalancers": "balancer", "DescribeTargetGroups": "group"},
    "ec2": {
        "DescribeInstances": "instance",
        "DescribeInstanceStatus": "",  # lists running instances alone; none is yet
        "DescribeLaunchTemplates": "template",
        "DescribeNetworkInterfaces": "interface",
        "DescribeSecurityGroupRules": "security_rule",
        "DescribeSecurityGroups": "security_group",
        "DescribeSubnets": "subnet",
        "DescribeTags": "vpc",
        "DescribeVolumes": "",
        "DescribeVpcs": "vpc",
    },
    "codedeploy": {
        "ListApplications": "application",
        "ListDeploymentConfigs": "deployment_config",
        "ListDeployments": "deployment",
    },
    "autoscaling": {
        "DescribeAutoScalingGroups": "scaling_group",
        "DescribeAutoScalingInstances": "scaled_instance",
        "DescribeTags": "scaling_group",
    },
}


@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda owner: owner.name)
@pytest.mark.parametrize(
    ("service", "operation"), [(s, name) for s, names in LISTS.items() for name in names]
)
def test_a_list_holds_ones_own_alone(
    service: str, operation: str, stranger: Owner, furnished: Furnished, worlds: Callable[[], Accounts]
) -> None:
    mine, theirs = furnished.has[stranger.name], furnished.has[OWNER.name]
    in_cluster = service == "ecs" and not operation.startswith(("ListTaskD", "ListC"))
    request = {"cluster": mine.cluster} if in_cluster or operation == "ListContainerInstances" else {}
    told = worlds().outcome(stranger, service, operation, request)
    known = LISTS[service][operation]
    assert not known or getattr(mine, known) in told
    assert [name for name, value in msgspec.structs.asdict(theirs).items() if value in told] == []
