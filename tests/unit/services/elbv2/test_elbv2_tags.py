"""Tags on load balancers, target groups and listeners; the account's limits."""

from typing import Any

from tests.support.elbv2_world import World


def shown(world: World, *arns: str) -> dict[str, dict[str, str]]:
    answer: Any = world("DescribeTags", ResourceArns=list(arns))
    return {
        one["ResourceArn"]: {tag["Key"]: tag["Value"] for tag in one["Tags"]}
        for one in answer["TagDescriptions"]
    }


def test_adding_changing_and_removing(world: World) -> None:
    edge, group = world.load_balancer(), world.target_group(Tags=[{"Key": "team", "Value": "blue"}])
    listener = world.listener(edge, group, Tags=[{"Key": "port", "Value": "443"}])
    arns = [edge["LoadBalancerArn"], group["TargetGroupArn"], listener["ListenerArn"]]
    assert shown(world, *arns) == {arns[0]: {}, arns[1]: {"team": "blue"}, arns[2]: {"port": "443"}}

    tags = [{"Key": "team", "Value": "green"}, {"Key": "empty"}]
    world("AddTags", ResourceArns=arns[:2], Tags=tags)
    assert shown(world, *arns[:2]) == {arn: {"team": "green", "empty": ""} for arn in arns[:2]}
    world("RemoveTags", ResourceArns=[arns[0]], TagKeys=["team", "nothing"])
    assert shown(world, arns[0]) == {arns[0]: {"empty": ""}}


def test_refusals(world: World) -> None:
    arn = world.load_balancer()["LoadBalancerArn"]
    gone = arn[:-16] + "0" * 16
    some = [{"Key": "a", "Value": "1"}]
    assert world.error("AddTags", ResourceArns=[arn, gone], Tags=some)[0] == "LoadBalancerNotFound"
    assert shown(world, arn) == {arn: {}}
    assert world.error("AddTags", ResourceArns=[arn], Tags=some * 2)[0] == "DuplicateTagKeys"
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    world("AddTags", ResourceArns=[arn], Tags=many)
    assert world.error("AddTags", ResourceArns=[arn], Tags=some)[0] == "TooManyTags"
    assert world.error("DescribeTags", ResourceArns=["x"])[0] == "ValidationError"
    rule = arn.replace("loadbalancer/net", "listener-rule/net")
    assert world.error("DescribeTags", ResourceArns=[rule])[0] == "RuleNotFound"
    assert (
        world.error("DescribeTags", ResourceArns=[arn], account="111111111111")[0] == "LoadBalancerNotFound"
    )


def test_limits_are_the_ones_enforced(world: World) -> None:
    limits = {one["Name"]: one["Max"] for one in world("DescribeAccountLimits")["Limits"]}
    assert limits["network-load-balancers"] == "50"
    assert limits["listeners-per-network-load-balancer"] == "50"
    assert limits["application-load-balancers"] == "0"
    first = world("DescribeAccountLimits", PageSize=3)
    rest = world("DescribeAccountLimits", Marker=first["NextMarker"])
    assert [one["Name"] for one in first["Limits"] + rest["Limits"]] == sorted(limits)
