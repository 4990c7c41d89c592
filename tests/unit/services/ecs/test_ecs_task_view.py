from datetime import timedelta
from pathlib import Path

from sealway.model.task import PortBinding, Task, TaskInterface
from sealway.services.ecs.task_view import show
from sealway.store.sqlite import SqliteStore
from tests.support.cluster_world import NOW, definition, instance, task


def shown(tmp_path: Path, given: Task, **spec) -> dict:
    store = SqliteStore(tmp_path)
    with store.transaction() as tx:
        tx.put(definition(**spec))
        tx.put(instance(1, attributes={"ecs.cpu-architecture": "x86_64"}, agent_connected=False))
    answer = show(store, given, tags=True)
    store.close()
    return answer


def with_container(given: Task, **fields) -> Task:
    from sealway.model.task import ContainerStatus  # noqa: PLC0415

    container = ContainerStatus(name="app", arn="arn:container", image="app:1", **fields)
    return given.replace(containers=(container,))


def test_a_bridge_task_on_an_instance(tmp_path):
    binding = PortBinding(container_port=8443, host_port=32768, host_ip="10.0.0.11")
    given = task(1, container_instance_arn=instance(1).arn, pull_started_at=NOW, started_at=NOW)
    answer = shown(tmp_path, with_container(given, last_status="RUNNING", bindings=(binding,)))
    assert answer["containerInstanceArn"] == instance(1).arn
    assert answer["attributes"] == [{"name": "ecs.cpu-architecture", "value": "x86_64"}]
    assert answer["connectivity"] == "DISCONNECTED"
    assert (answer["pullStartedAt"], answer["startedAt"]) == (NOW, NOW)
    for absent in ("stoppedAt", "stopCode", "platformVersion", "startedBy"):
        assert absent not in answer
    (container,) = answer["containers"]
    assert container["networkBindings"] == [
        {"bindIP": "10.0.0.11", "containerPort": 8443, "hostPort": 32768, "protocol": "tcp"}
    ]
    assert container["networkInterfaces"] == []
    assert (container["cpu"], container["memory"]) == ("128", "128")
    assert "exitCode" not in container


def test_a_stopped_fargate_task(tmp_path):
    interface = TaskInterface(
        network_interface_id="eni-1",
        attachment_id="a-1",
        subnet_id="subnet-1",
        private_ip="10.0.1.5",
        mac="0a:58:0a:00:01:05",
    )
    ended = NOW + timedelta(seconds=9)
    given = task(
        1,
        launch_type="FARGATE",
        platform_version="1.4.0",
        interface=interface,
        last_status="STOPPED",
        desired_status="STOPPED",
        stop_code="EssentialContainerExited",
        stopped_reason="Essential container in task exited",
        stopped_at=ended,
    )
    spec = {"networkMode": "awsvpc", "ephemeralStorage": {"sizeInGiB": 30}}
    answer = shown(tmp_path, with_container(given, last_status="STOPPED", exit_code=0), **spec)
    assert answer["stopCode"] == "EssentialContainerExited"
    assert answer["stoppedAt"] == ended
    assert answer["ephemeralStorage"] == {"sizeInGiB": 30}
    assert answer["attachments"][0]["status"] == "DELETED"
    (container,) = answer["containers"]
    assert container["exitCode"] == 0
    assert container["networkInterfaces"] == [{"attachmentId": "a-1", "privateIpv4Address": "10.0.1.5"}]


def test_an_ipv6_address_is_shown_beside_the_other(tmp_path):
    interface = TaskInterface(
        network_interface_id="eni-1",
        attachment_id="a-1",
        subnet_id="subnet-1",
        private_ip="10.0.1.5",
        ipv6_address="fd00:1:2:1::a00:105",
        mac="0a:58:0a:00:01:05",
    )
    given = task(1, launch_type="FARGATE", platform_version="1.4.0", interface=interface)
    answer = shown(tmp_path, with_container(given, last_status="RUNNING"), networkMode="awsvpc")
    details = {one["name"]: one["value"] for one in answer["attachments"][0]["details"]}
    assert (details["privateIPv4Address"], details["ipv6Address"]) == ("10.0.1.5", "fd00:1:2:1::a00:105")
    assert answer["containers"][0]["networkInterfaces"] == [
        {"attachmentId": "a-1", "privateIpv4Address": "10.0.1.5", "ipv6Address": "fd00:1:2:1::a00:105"}
    ]
