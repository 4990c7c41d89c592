import pytest

from tests.support.ec2 import Ec2, refused

HTTPS = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}


@pytest.fixture
def group_id(ec2: Ec2) -> str:
    group_id: str = ec2.call("CreateSecurityGroup", GroupName="web", Description="the web")["GroupId"]
    return group_id


def described(ec2: Ec2, group_id: str) -> dict:
    (group,) = ec2.call("DescribeSecurityGroups", GroupIds=[group_id])["SecurityGroups"]
    return group


def test_a_new_group_lets_nothing_in_and_all_out(ec2: Ec2, group_id: str) -> None:
    group = described(ec2, group_id)
    assert group["IpPermissions"] == []
    assert group["IpPermissionsEgress"][0]["IpProtocol"] == "-1"


def test_a_name_is_unique_in_its_vpc(ec2: Ec2, group_id: str) -> None:
    vpc_id = described(ec2, group_id)["VpcId"]
    with refused("InvalidGroup.Duplicate", f"The security group 'web' already exists for VPC '{vpc_id}'"):
        ec2.call("CreateSecurityGroup", GroupName="web", Description="again")


@pytest.mark.parametrize("name", ["sg-web", "default", "wëb"])
def test_names_aws_refuses(ec2: Ec2, name: str) -> None:
    with refused("InvalidParameterValue"):
        ec2.call("CreateSecurityGroup", GroupName=name, Description="d")


def test_rules_are_merged_by_port_and_described_one_by_one(ec2: Ec2, group_id: str) -> None:
    self_rule = {**HTTPS, "IpRanges": [], "UserIdGroupPairs": [{"GroupId": group_id, "Description": "us"}]}
    answer = ec2.call("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[HTTPS, self_rule])
    assert [r.get("CidrIpv4") for r in answer["SecurityGroupRules"]] == ["10.0.0.0/8", None]
    (permission,) = described(ec2, group_id)["IpPermissions"]
    assert permission["IpRanges"] == [{"CidrIp": "10.0.0.0/8"}]
    assert permission["UserIdGroupPairs"][0]["GroupId"] == group_id
    rules = ec2.call("DescribeSecurityGroupRules", Filters=[{"Name": "group-id", "Values": [group_id]}])[
        "SecurityGroupRules"
    ]
    assert len(rules) == 3
    assert {r["SecurityGroupRuleId"] for r in answer["SecurityGroupRules"]} < {
        r["SecurityGroupRuleId"] for r in rules
    }


def test_the_flat_writing_and_protocol_numbers_mean_the_same_rule(ec2: Ec2, group_id: str) -> None:
    flat = {"IpProtocol": "6", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"}
    ec2.call("AuthorizeSecurityGroupIngress", GroupId=group_id, **flat)
    with refused(
        "InvalidPermission.Duplicate",
        'the specified rule "peer: 10.0.0.0/8, TCP, from port: 443, to port: 443, ALLOW" already exists',
    ):
        ec2.call("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[HTTPS])
    with refused("InvalidParameterCombination", "groupName cannot be used with the parameter groupId"):
        ec2.call("RevokeSecurityGroupIngress", GroupName="web", GroupId=group_id, IpPermissions=[HTTPS])
    with refused("InvalidParameterCombination", "either SecurityGroupRuleIds"):
        ec2.call("RevokeSecurityGroupIngress", GroupId=group_id, SecurityGroupRuleIds=["sgr-1"], **flat)
    ec2.call("RevokeSecurityGroupIngress", GroupName="web", IpPermissions=[HTTPS])
    assert described(ec2, group_id)["IpPermissions"] == []
    with refused("InvalidPermission.NotFound"):
        ec2.call("RevokeSecurityGroupIngress", GroupId=group_id, IpPermissions=[HTTPS])


def test_revoke_by_rule_id(ec2: Ec2, group_id: str) -> None:
    (rule,) = ec2.call("AuthorizeSecurityGroupEgress", GroupId=group_id, IpPermissions=[HTTPS])[
        "SecurityGroupRules"
    ]
    ids = [rule["SecurityGroupRuleId"]]
    answer = ec2.call("RevokeSecurityGroupEgress", GroupId=group_id, SecurityGroupRuleIds=ids)
    assert [r["SecurityGroupRuleId"] for r in answer["RevokedSecurityGroupRules"]] == ids
    with refused("InvalidSecurityGroupRuleId.NotFound", ids[0]):
        ec2.call("RevokeSecurityGroupEgress", GroupId=group_id, SecurityGroupRuleIds=ids)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"IpProtocol": "carrier-pigeon"}, "Unknown protocol"),
        ({"FromPort": 2, "ToPort": 1}, "Invalid TCP/UDP port range (2:1)"),
        ({"ToPort": 70000}, "Invalid TCP/UDP port range (443:70000)"),
        ({"FromPort": None}, "Must specify both from and to ports"),
        ({"IpRanges": [{"CidrIp": "10.0.0.0/40"}]}, "CIDR block 10.0.0.0/40 is malformed"),
    ],
)
def test_rules_aws_refuses(ec2: Ec2, group_id: str, change: dict, words: str) -> None:
    rule = {k: v for k, v in {**HTTPS, **change}.items() if v is not None}
    with refused("InvalidParameterValue", words):
        ec2.call("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[rule])


def test_a_direction_holds_sixty_rules(ec2: Ec2, group_id: str) -> None:
    ranges = [{"CidrIp": f"10.0.{n}.0/24"} for n in range(60)]
    ec2.call("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[{**HTTPS, "IpRanges": ranges}])
    with refused("RulesPerSecurityGroupLimitExceeded"):
        ec2.call("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[HTTPS])


def test_a_group_in_use_stays(ec2: Ec2, group_id: str) -> None:
    other = ec2.call("CreateSecurityGroup", GroupName="other", Description="d")["GroupId"]
    from_web = {**HTTPS, "IpRanges": [], "UserIdGroupPairs": [{"GroupId": group_id}]}
    ec2.call("AuthorizeSecurityGroupIngress", GroupId=other, IpPermissions=[from_web])
    with refused("DependencyViolation", f"resource {group_id} has a dependent object"):
        ec2.call("DeleteSecurityGroup", GroupId=group_id)
    ec2.call("DeleteSecurityGroup", GroupId=other)
    assert ec2.call("DeleteSecurityGroup", GroupName="web") == {"Return": True, "GroupId": group_id}


def test_the_default_group_and_strangers_groups(ec2: Ec2, group_id: str) -> None:
    (default,) = ec2.call("DescribeSecurityGroups", GroupNames=["default"])["SecurityGroups"]
    with refused("CannotDelete"):
        ec2.call("DeleteSecurityGroup", GroupId=default["GroupId"])
    with refused("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist"):
        ec2.but(account_id="111111111111").call("DeleteSecurityGroup", GroupId=group_id)
