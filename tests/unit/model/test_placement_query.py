import pytest

from sealway.model.placement_query import BadExpression, compile_query

FACTS = {
    "attribute:ecs.instance-type": "t3.micro",
    "attribute:ecs.availability-zone": "us-east-1a",
    "attribute:stack": "prod",
    "ec2InstanceId": "i-1",
    "agentConnected": "true",
    "agentVersion": "1.30.0",
    "registeredAt": "2026-01-02T03:04:05+00:00",
    "runningTasksCount": "3",
    "task:group": frozenset({"service:web", "family:job"}),
}


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("attribute:stack == prod", True),
        ("attribute:stack==prod", True),
        ("attribute:stack == 'prod'", True),
        ("attribute:stack equals test", False),
        ("attribute:stack != test", True),
        ("attribute:missing != test", True),
        ("attribute:stack exists", True),
        ("attribute:missing exists", False),
        ("attribute:missing !exists", True),
        ("attribute:missing not_exists", True),
        ("attribute:ecs.instance-type =~ t3.*", True),
        ("attribute:ecs.instance-type !~ t3.*", False),
        ("attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", True),
        ("attribute:ecs.availability-zone not_in [us-east-1a]", False),
        ("attribute:ecs.availability-zone !in [us-east-1c]", True),
        ("ec2InstanceId in ['i-1', 'i-2']", True),
        ("agentConnected == true", True),
        ("attribute:stack == test or agentConnected == true and ec2InstanceId == i-1", True),
        ("(attribute:stack == test or agentConnected == true) and ec2InstanceId == i-2", False),
        ("not attribute:stack == prod", False),
        ("agentVersion >= 1.9.1", True),
        ("agentVersion less_than 1.30.1", True),
        ("registeredAt > 2026-01-01", True),
        ("registeredAt<=2026-01-02T03:04:05Z", True),
        ("registeredAt less_than_equal 2026-01-02T03:04:04", False),
        ("runningTasksCount < 3", False),
        ("runningTasksCount == 3 and runningTasksCount greater_than 2", True),
        ("task:group == service:web", True),
        ("task:group != service:web", False),
        ("not(task:group == database)", True),
        ("task:group in [database, family:job]", True),
        ("task:group =~ service:.*", True),
        ("not (attribute:stack == prod && ec2InstanceId == i-2)", True),
        ("!(attribute:stack == prod) || ec2InstanceId == i-1", True),
    ],
)
def test_expressions(expression: str, holds: bool) -> None:
    compiled = compile_query(expression)
    assert not isinstance(compiled, BadExpression), compiled
    assert compiled(FACTS) is holds


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "attribute:stack",
        "attribute:stack ==",
        "attribute:stack like prod",
        "stack == prod",
        "attribute:stack == prod)",
        "(attribute:stack == prod",
        "attribute:stack in [prod",
        "attribute:stack in []",
        "attribute:stack =~ (",
        "attribute:stack =~ '('",
        "attribute:stack == prod and",
        "attribute:stack == 'prod",
        "agentVersion =~ 1.*",
        "agentVersion > new",
        "registeredAt > yesterday",
        "runningTasksCount > few",
        "runningTasksCount exists",
        "attribute:stack =~ (a)\\1",
    ],
)
def test_bad_expressions_are_values(expression: str) -> None:
    assert isinstance(compile_query(expression), BadExpression)
