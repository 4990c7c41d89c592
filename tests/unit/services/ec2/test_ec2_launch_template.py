"""Launch templates: versions, what they refuse, and RunInstances from one."""

import pytest

from tests.support.ec2 import IMAGE, refused

DATA = {"ImageId": IMAGE, "InstanceType": "t3.small", "UserData": "ZWNobw=="}


@pytest.fixture
def template(ec2):
    return create(ec2)["LaunchTemplateId"]


def create(ec2, name="nodes", **members):
    made = ec2.call(
        "CreateLaunchTemplate", **{"LaunchTemplateName": name, "LaunchTemplateData": DATA, **members}
    )
    return made["LaunchTemplate"]


def versions(ec2, key, *asked, **members):
    found = ec2.call("DescribeLaunchTemplateVersions", LaunchTemplateId=key, Versions=list(asked), **members)
    return found["LaunchTemplateVersions"]


def test_create_and_describe(ec2):
    tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "a", "Value": "b"}]}]
    made = create(ec2, TagSpecifications=tags, VersionDescription="first")
    assert (made["DefaultVersionNumber"], made["LatestVersionNumber"]) == (1, 1)
    assert made["Tags"] == [{"Key": "a", "Value": "b"}]
    by_name = ec2.call("DescribeLaunchTemplates", LaunchTemplateNames=["nodes"])["LaunchTemplates"]
    assert by_name == [made]
    (version,) = versions(ec2, made["LaunchTemplateId"], "$Default")
    assert version["LaunchTemplateData"] == DATA
    assert (version["VersionDescription"], version["DefaultVersion"]) == ("first", True)
    by_tag = ec2.call("DescribeLaunchTemplates", Filters=[{"Name": "tag:a", "Values": ["b"]}])
    assert by_tag["LaunchTemplates"] == [made]


def test_a_name_is_taken_once_and_a_token_answers_again(ec2):
    made = create(ec2, ClientToken="t")
    assert create(ec2, ClientToken="t") == made
    with refused("IdempotentParameterMismatch", "inconsistent"):
        create(ec2, ClientToken="t", LaunchTemplateData={**DATA, "KeyName": "k"})
    version = {"LaunchTemplateId": made["LaunchTemplateId"], "ClientToken": "v"}
    for _ in range(2):
        second = ec2.call("CreateLaunchTemplateVersion", LaunchTemplateData=DATA, **version)
        assert second["LaunchTemplateVersion"]["VersionNumber"] == 2
    with refused("IdempotentParameterMismatch", "inconsistent"):
        ec2.call("CreateLaunchTemplateVersion", LaunchTemplateData={**DATA, "KeyName": "k"}, **version)
    with refused("InvalidLaunchTemplateName.AlreadyExistsException", "already in use"):
        create(ec2)
    with refused("InvalidLaunchTemplateName.MalformedException", "between 3 and 128"):
        create(ec2, name="a")


def test_versions_and_the_default_one(ec2, template):
    made = ec2.call(
        "CreateLaunchTemplateVersion",
        LaunchTemplateId=template,
        SourceVersion="1",
        LaunchTemplateData={"InstanceType": "t3.large"},
    )["LaunchTemplateVersion"]
    assert made["LaunchTemplateData"] == {**DATA, "InstanceType": "t3.large"}
    assert (made["VersionNumber"], made["DefaultVersion"]) == (2, False)
    assert [v["VersionNumber"] for v in versions(ec2, template)] == [1, 2]
    assert [v["VersionNumber"] for v in versions(ec2, template, "$Latest", "2")] == [2]
    assert [v["VersionNumber"] for v in versions(ec2, template, MinVersion="2")] == [2]
    changed = ec2.call("ModifyLaunchTemplate", LaunchTemplateId=template, DefaultVersion="2")
    assert changed["LaunchTemplate"]["DefaultVersionNumber"] == 2
    latest = ec2.call("DescribeLaunchTemplateVersions", Versions=["$Default"])["LaunchTemplateVersions"]
    assert [v["VersionNumber"] for v in latest] == [2]
    with refused("InvalidLaunchTemplateId.VersionNotFound", "specified version 3"):
        versions(ec2, template, "3")


def test_a_deleted_versions_number_is_never_used_again(ec2, template):
    for _ in range(2):
        ec2.call("CreateLaunchTemplateVersion", LaunchTemplateId=template, LaunchTemplateData=DATA)
    gone = ec2.call("DeleteLaunchTemplateVersions", LaunchTemplateId=template, Versions=["3", "1", "9"])
    assert [one["VersionNumber"] for one in gone["SuccessfullyDeletedLaunchTemplateVersions"]] == [3]
    kept = gone["UnsuccessfullyDeletedLaunchTemplateVersions"]
    assert [(one["VersionNumber"], one["ResponseError"]["Code"]) for one in kept] == [
        (1, "unexpectedError"),
        (9, "launchTemplateVersionDoesNotExist"),
    ]
    assert [v["VersionNumber"] for v in versions(ec2, template, "$Latest")] == [2]
    made = ec2.call("CreateLaunchTemplateVersion", LaunchTemplateId=template, LaunchTemplateData=DATA)
    assert made["LaunchTemplateVersion"]["VersionNumber"] == 4


def test_deleting_takes_all_versions(ec2, template):
    ec2.call("DeleteLaunchTemplate", LaunchTemplateName="nodes")
    assert ec2.call("DescribeLaunchTemplates")["LaunchTemplates"] == []
    with refused("InvalidLaunchTemplateId.NotFound", "does not exist"):
        versions(ec2, template)
    create(ec2)


def run(ec2, **request):
    return ec2.call("RunInstances", MinCount=1, MaxCount=1, **request)["Instances"][0]


def test_run_instances_from_a_template(ec2, template):
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}]
    ec2.call(
        "CreateLaunchTemplateVersion",
        LaunchTemplateId=template,
        LaunchTemplateData={**DATA, "TagSpecifications": tags},
    )
    made = run(ec2, LaunchTemplate={"LaunchTemplateName": "nodes", "Version": "2"})
    assert (made["ImageId"], made["InstanceType"]) == (IMAGE, "t3.small")
    assert {t["Key"]: t["Value"] for t in made["Tags"]} == {
        "a": "b",
        "aws:ec2launchtemplate:id": template,
        "aws:ec2launchtemplate:version": "2",
    }
    other = [{"ResourceType": "instance", "Tags": [{"Key": "c", "Value": "d"}]}]
    over = run(
        ec2,
        LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
        InstanceType="t3.large",
        TagSpecifications=other,
    )
    assert over["InstanceType"] == "t3.large"
    assert "a" not in {t["Key"] for t in over["Tags"]}
    default = run(ec2, LaunchTemplate={"LaunchTemplateId": template})
    assert {t["Value"] for t in default["Tags"]} == {template, "1"}


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        ({"EbsOptimized": True}, "UnsupportedOperation", "LaunchTemplateData.EbsOptimized"),
        ({"InstanceMarketOptions": {"MarketType": "spot"}}, "UnsupportedOperation", "InstanceMarketOptions"),
        ({"Monitoring": {"Enabled": True}}, "UnsupportedOperation", "Monitoring"),
        ({"ImageId": "ami"}, "InvalidAMIID.Malformed", "ami"),
        ({"InstanceType": "z9.huge"}, "InvalidParameterValue", "z9.huge"),
        ({"UserData": "%"}, "InvalidUserData.Malformed", "BASE64"),
    ],
)
def test_what_run_instances_would_refuse_no_template_holds(ec2, data, code, words):
    with refused(code, words):
        create(ec2, LaunchTemplateData=data)
    assert ec2.call("DescribeLaunchTemplates")["LaunchTemplates"] == []


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ({"LaunchTemplateId": "lt-1"}, "InvalidLaunchTemplateId.Malformed"),
        ({"LaunchTemplateId": "lt-0000000000000000f"}, "InvalidLaunchTemplateId.NotFound"),
        ({"LaunchTemplateName": "none"}, "InvalidLaunchTemplateName.NotFoundException"),
        ({"LaunchTemplateName": "nod", "LaunchTemplateId": "lt-1"}, "InvalidParameterCombination"),
        ({}, "MissingParameter"),
    ],
)
def test_templates_that_are_none(ec2, named, code):
    with refused(code):
        ec2.call("DeleteLaunchTemplate", **named)


def test_a_dry_run_makes_nothing(ec2):
    with refused("DryRunOperation"):
        create(ec2, DryRun=True)
    assert ec2.call("DescribeLaunchTemplates")["LaunchTemplates"] == []
