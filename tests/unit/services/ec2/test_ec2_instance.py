import pytest

from sealway.model.instance import Instance
from tests.support.ec2 import IMAGE, NOW, Ec2, refused


@pytest.fixture
def ids(ec2: Ec2) -> list[str]:
    made = ec2.call("RunInstances", ImageId=IMAGE, MinCount=2, MaxCount=2)["Instances"]
    return [instance["InstanceId"] for instance in made]


def observe(ec2: Ec2, instance_id: str, state: str) -> None:
    """As the node does."""
    with ec2.store.transaction() as tx:
        tx.put(tx.get(Instance, instance_id).replace(state=state))


def found(ec2: Ec2, **request) -> list[dict]:
    return [i for r in ec2.call("DescribeInstances", **request)["Reservations"] for i in r["Instances"]]


def test_a_life(ec2: Ec2, ids: list[str]) -> None:
    observe(ec2, ids[0], "running")
    running = [{"Name": "instance-state-name", "Values": ["running"]}]
    assert [i["InstanceId"] for i in found(ec2, Filters=running)] == [ids[0]]
    (change,) = ec2.call("TerminateInstances", InstanceIds=[ids[0]])["TerminatingInstances"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "shutting-down")
    stored = ec2.store.get(Instance, ids[0])
    assert stored.terminate_requested_at == NOW
    (again,) = ec2.call("TerminateInstances", InstanceIds=[ids[0]])["TerminatingInstances"]
    assert again["CurrentState"]["Name"] == "shutting-down"
    observe(ec2, ids[0], "terminated")
    (gone,) = found(ec2, InstanceIds=[ids[0]])
    assert gone["State"] == {"Code": 48, "Name": "terminated"}
    assert "PrivateIpAddress" not in gone
    assert gone["StateReason"]["Code"] == "Client.UserInitiatedShutdown"


def test_terminating_is_all_or_none(ec2: Ec2, ids: list[str]) -> None:
    with refused("InvalidInstanceID.NotFound", "The instance ID 'i-00000000000000000' does not exist"):
        ec2.call("TerminateInstances", InstanceIds=[ids[0], "i-00000000000000000"])
    with refused("InvalidInstanceID.Malformed", 'Invalid id: "web-1"'):
        ec2.call("TerminateInstances", InstanceIds=[ids[0], "web-1"])
    assert {i["State"]["Name"] for i in found(ec2)} == {"pending"}


def test_protection(ec2: Ec2, ids: list[str]) -> None:
    ec2.call("ModifyInstanceAttribute", InstanceId=ids[0], DisableApiTermination={"Value": True})
    with refused("OperationNotPermitted", f"The instance '{ids[0]}' may not be terminated."):
        ec2.call("TerminateInstances", InstanceIds=ids)
    ec2.call("ModifyInstanceAttribute", InstanceId=ids[0], Attribute="disableApiTermination", Value="false")
    assert len(ec2.call("TerminateInstances", InstanceIds=ids)["TerminatingInstances"]) == 2


def test_attributes(ec2: Ec2, ids: list[str]) -> None:
    def attribute(name: str) -> dict:
        return ec2.call("DescribeInstanceAttribute", InstanceId=ids[0], Attribute=name)

    assert attribute("instanceType")["InstanceType"] == {"Value": "t3.micro"}
    assert attribute("userData")["UserData"] == {}
    assert attribute("disableApiTermination")["DisableApiTermination"] == {"Value": False}
    with refused("UnsupportedOperation", "sriovNetSupport"):
        attribute("sriovNetSupport")


def test_groups_change_with_their_interface(ec2: Ec2, ids: list[str]) -> None:
    group = ec2.call("CreateSecurityGroup", GroupName="g", Description="d")["GroupId"]
    ec2.call("ModifyInstanceAttribute", InstanceId=ids[0], Groups=[group])
    by_group = [{"Name": "group-id", "Values": [group]}]
    (eni,) = ec2.call("DescribeNetworkInterfaces", Filters=by_group)["NetworkInterfaces"]
    assert eni["Attachment"]["InstanceId"] == ids[0]
    with refused("DependencyViolation"):
        ec2.call("DeleteSecurityGroup", GroupId=group)


def test_status_is_of_the_running_ones_unless_all_are_asked(ec2: Ec2, ids: list[str]) -> None:
    observe(ec2, ids[1], "running")
    (status,) = ec2.call("DescribeInstanceStatus")["InstanceStatuses"]
    assert (status["InstanceId"], status["InstanceStatus"]["Status"]) == (ids[1], "ok")
    assert len(ec2.call("DescribeInstanceStatus", IncludeAllInstances=True)["InstanceStatuses"]) == 2


def test_pages_of_instances(ec2: Ec2, ids: list[str]) -> None:
    first = ec2.call("DescribeInstances", MaxResults=5)
    assert "NextToken" not in first
    with refused("InvalidParameterCombination"):
        ec2.call("DescribeInstances", InstanceIds=ids, MaxResults=5)


def test_strangers_see_nothing(ec2: Ec2, ids: list[str]) -> None:
    for other in (ec2.but(account_id="111111111111"), ec2.but(region="eu-west-1")):
        assert found(other) == []
        assert other.call("DescribeNetworkInterfaces") == {"NetworkInterfaces": []}
        with refused("InvalidInstanceID.NotFound"):
            other.call("TerminateInstances", InstanceIds=ids)
