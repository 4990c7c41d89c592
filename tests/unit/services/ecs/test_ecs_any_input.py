"""Whatever passes the model's own constraints is answered, or refused by an error the operation has.

Requests are valid ones with members drawn over them.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealway.model.errors import AwsError
from sealway.model.ids import CountingIds
from sealway.model.request import RequestContext
from sealway.model.task_set import TaskSet
from sealway.services.context import Context
from sealway.services.ecs.operations import OPERATIONS
from sealway.store.sqlite import SqliteStore
from sealway.wire.validation import check
from tests.support.discarding import Discarding
from tests.support.ecs_world import (
    BALANCERS,
    CONTAINER,
    ECS,
    FARGATE,
    NOW,
    OWNER,
    SUBNETS,
    VPC,
    container_instance,
    network,
    target_groups,
)
from tests.support.wire_shapes import Values, operation

INSTANCE = container_instance().arn
SERVICE = f"{ECS}:service/blue/s"
SETS = {"cluster": "blue", "service": "sets"}
TASK_SET = TaskSet(
    **OWNER,
    arn=f"{ECS}:task-set/blue/sets/ecs-svc/1",
    id="ecs-svc/1",
    service_arn=f"{ECS}:service/blue/sets",
    cluster_arn=f"{ECS}:cluster/blue",
    task_definition_arn=f"{ECS}:task-definition/web:1",
    launch_type="EC2",
    scale=50,
    steady_at=NOW,
    created_at=NOW,
    updated_at=NOW,
)
EXTERNAL_SERVICE = {
    "cluster": "blue",
    "serviceName": "sets",
    "deploymentController": {"type": "EXTERNAL"},
    "desiredCount": 3,
}
WORDS = (
    "blue",
    "web",
    "web:1",
    "ledger",
    "s",
    "app",
    INSTANCE,
    SERVICE,
    *SUBNETS,
    "arn:aws:ecs",
    "256",
    "-1",
)
VALUES = Values(whole=False, words=WORDS)
BASES: dict[str, dict[str, Any]] = {
    "DeleteCluster": {"cluster": "blue"},
    "RegisterTaskDefinition": {"family": "web", "containerDefinitions": [CONTAINER]},
    "DescribeTaskDefinition": {"taskDefinition": "web"},
    "DeregisterTaskDefinition": {"taskDefinition": "web:1"},
    "CreateService": {
        "serviceName": "n",
        "taskDefinition": "web",
        "desiredCount": 1,
        "loadBalancers": BALANCERS,
    },
    "UpdateService": {"service": "s"},
    "DeleteService": {"service": "s"},
    "DescribeServices": {"services": ["s"]},
    "RunTask": {"taskDefinition": "ledger", "launchType": "FARGATE", "networkConfiguration": VPC},
    "StopTask": {"task": "x"},
    "DescribeTasks": {"tasks": ["x"]},
    "DescribeContainerInstances": {"containerInstances": [INSTANCE]},
    "DeregisterContainerInstance": {"containerInstance": INSTANCE},
    "UpdateContainerInstancesState": {"containerInstances": [INSTANCE], "status": "DRAINING"},
    "TagResource": {"resourceArn": SERVICE, "tags": []},
    "UntagResource": {"resourceArn": SERVICE, "tagKeys": []},
    "ListTagsForResource": {"resourceArn": SERVICE},
    "PutClusterCapacityProviders": {
        "cluster": "blue",
        "capacityProviders": ["FARGATE"],
        "defaultCapacityProviderStrategy": [],
    },
    "PutAccountSetting": {"name": "awsvpcTrunking", "value": "enabled"},
    "PutAccountSettingDefault": {"name": "awsvpcTrunking", "value": "enabled"},
    "DeleteAccountSetting": {"name": "awsvpcTrunking"},
    "UpdateCluster": {"cluster": "blue"},
    "UpdateClusterSettings": {"cluster": "blue", "settings": [{"name": "containerInsights"}]},
    "PutAttributes": {"attributes": [{"name": "disk", "targetId": INSTANCE}]},
    "DeleteAttributes": {"attributes": [{"name": "disk", "targetId": INSTANCE}]},
    "ListAttributes": {"targetType": "container-instance"},
    "UpdateContainerAgent": {"containerInstance": INSTANCE},
    "DeleteTaskDefinitions": {"taskDefinitions": ["web:1"]},
    "StartTask": {"taskDefinition": "web", "containerInstances": [INSTANCE]},
    "UpdateTaskProtection": {"cluster": "blue", "tasks": ["x"], "protectionEnabled": True},
    "GetTaskProtection": {"cluster": "blue", "tasks": ["x"]},
    "ListServiceDeployments": {"service": "s"},
    "DescribeServiceDeployments": {"serviceDeploymentArns": ["x"]},
    "DescribeServiceRevisions": {"serviceRevisionArns": ["x"]},
    "ContinueServiceDeployment": {"serviceDeploymentArn": "x", "hookId": "h"},
    "StopServiceDeployment": {"serviceDeploymentArn": "x"},
    "CreateCapacityProvider": {"name": "mine"},
    "UpdateCapacityProvider": {"name": "mine"},
    "DeleteCapacityProvider": {"capacityProvider": "FARGATE"},
    "CreateTaskSet": {**SETS, "taskDefinition": "web", "loadBalancers": BALANCERS},
    "UpdateTaskSet": {**SETS, "taskSet": "ecs-svc/1", "scale": {"value": 50.0}},
    "DeleteTaskSet": {**SETS, "taskSet": "ecs-svc/1"},
    "UpdateServicePrimaryTaskSet": {**SETS, "primaryTaskSet": "ecs-svc/1"},
    "DescribeTaskSets": SETS,
    "ListServicesByNamespace": {"namespace": "n"},
    "SubmitAttachmentStateChanges": {"attachments": []},
}
CALLER = RequestContext(
    account_id=OWNER["account_id"], region=OWNER["region"], access_key_id="k", request_id="r", now=NOW
)


@pytest.fixture(scope="module")
def ctx() -> Iterator[Context]:
    with tempfile.TemporaryDirectory() as directory:
        store = SqliteStore(Path(directory))
        context = Context(caller=CALLER, store=store, ids=CountingIds())
        with store.transaction() as tx:
            for resource in (*network(), *target_groups(), container_instance(), TASK_SET):
                tx.put(resource)
        for name, request in (
            ("CreateCluster", {"clusterName": "blue"}),
            ("RegisterTaskDefinition", BASES["RegisterTaskDefinition"]),
            ("RegisterTaskDefinition", {"family": "ledger", "containerDefinitions": [CONTAINER], **FARGATE}),
            ("CreateService", {"cluster": "blue", **BASES["CreateService"], "serviceName": "s"}),
            ("CreateService", EXTERNAL_SERVICE),
            ("RunTask", {"cluster": "blue", **BASES["RunTask"]}),
        ):
            OPERATIONS[name](context, request)
        yield Context(caller=CALLER, store=Discarding(store), ids=CountingIds())
        store.close()


def requests(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """A valid request, some of its members, and some of its containers' members, drawn anew."""
    shape = operation("ecs", name).input_shape
    cluster = {"cluster": "blue"} if "cluster" in shape.members else {}
    drawn = VALUES.top(shape).map(lambda members: {**cluster, **BASES.get(name, {}), **members})
    if name != "RegisterTaskDefinition":
        return drawn
    container = VALUES.of(shape.members["containerDefinitions"].member, 1)
    whole = container.map(lambda members: {**CONTAINER, **members, "name": "app", "image": "app:1"})
    return st.one_of(
        drawn, st.builds(lambda given, one: {**given, "containerDefinitions": [one]}, drawn, whole)
    )


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_input_is_answered_or_refused(ctx: Context, name: str, data: st.DataObject) -> None:
    model = operation("ecs", name)
    request = data.draw(requests(name))
    try:
        check("json", model, request)
    except AwsError:
        return
    with suppress_modelled({shape.name for shape in model.error_shapes}):
        OPERATIONS[name](ctx, request)


@contextmanager
def suppress_modelled(codes: set[str]) -> Iterator[None]:
    """Lets errors pass that the operation has."""
    try:
        yield
    except AwsError as error:
        if error.code not in codes:
            raise
