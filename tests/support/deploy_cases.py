"""CodeDeploy's operations with another owner's identifiers in one place each; see ``test_isolation``."""

from collections.abc import Callable
from typing import Any

from tests.support.accounts import TAGS, Has, app_spec, deployed

Build = Callable[[Has, Has], dict[str, Any]]


def on_group(**more: Any) -> list[Build]:
    """Another's group in one's own application, and in theirs."""
    return [
        lambda m, t: {"applicationName": m.application, "deploymentGroupName": t.deployment_group, **more},
        lambda _, t: {"applicationName": t.application, "deploymentGroupName": t.deployment_group, **more},
    ]


def on_deployment(**more: Any) -> Build:
    return lambda _, t: {"deploymentId": t.deployment, **more}


def specified(service: Has, groups: Has, listener: Has) -> dict[str, Any]:
    names = (groups.instance_group_name, groups.other_instance_group_name)
    return deployed(service.cluster, service.deployed_service, names, listener.listener_of_instances)


def new_group(application: Has, specification: dict[str, Any]) -> dict[str, Any]:
    return {"applicationName": application.application, "deploymentGroupName": "new", **specification}


def changed_group(m: Has, specification: dict[str, Any]) -> dict[str, Any]:
    named = {"applicationName": m.application, "currentDeploymentGroupName": m.deployment_group}
    return {**named, **specification}


def tagged(**more: Any) -> Build:
    return lambda _, t: {"ResourceArn": t.application_arn, **more}


CODE_DEPLOY: list[tuple[str, Build]] = [
    ("BatchGetApplications", lambda _, t: {"applicationNames": [t.application]}),
    ("DeleteApplication", lambda _, t: {"applicationName": t.application}),
    ("UpdateApplication", lambda _, t: {"applicationName": t.application, "newApplicationName": "new"}),
    ("GetDeploymentConfig", lambda _, t: {"deploymentConfigName": t.deployment_config}),
    ("DeleteDeploymentConfig", lambda _, t: {"deploymentConfigName": t.deployment_config}),
    (
        "UpdateDeploymentGroup",
        lambda m, t: changed_group(m, {"deploymentConfigName": t.deployment_config}),
    ),
    ("GetApplication", lambda _, t: {"applicationName": t.application}),
    (
        "BatchGetDeploymentGroups",
        lambda _, t: {"applicationName": t.application, "deploymentGroupNames": [t.deployment_group]},
    ),
    ("CreateDeploymentGroup", lambda m, t: new_group(t, specified(m, m, m))),
    ("CreateDeploymentGroup", lambda m, t: new_group(m, specified(t, m, m))),
    ("UpdateDeploymentGroup", lambda m, t: changed_group(t, specified(m, m, m))),
    ("UpdateDeploymentGroup", lambda m, t: changed_group(m, specified(t, m, m))),
    ("UpdateDeploymentGroup", lambda m, t: changed_group(m, specified(m, t, m))),
    ("UpdateDeploymentGroup", lambda m, t: changed_group(m, specified(m, m, t))),
    *(("DeleteDeploymentGroup", build) for build in on_group()),
    *(("GetDeploymentGroup", build) for build in on_group()),
    ("ListDeploymentGroups", lambda _, t: {"applicationName": t.application}),
    *(("CreateDeployment", build) for build in on_group(revision=app_spec("web"))),
    (
        "CreateDeployment",
        lambda m, t: {
            "applicationName": m.application,
            "deploymentGroupName": m.deployment_group,
            "revision": app_spec(t.definition),
        },
    ),
    *(("ListDeployments", build) for build in on_group()),
    ("BatchGetDeployments", lambda _, t: {"deploymentIds": [t.deployment]}),
    ("ContinueDeployment", on_deployment()),
    ("GetDeployment", on_deployment()),
    ("StopDeployment", on_deployment()),
    ("ListDeploymentTargets", on_deployment()),
    (
        "GetDeploymentTarget",
        lambda _, t: {"deploymentId": t.deployment, "targetId": t.deployment_target},
    ),
    (
        "BatchGetDeploymentTargets",
        lambda _, t: {"deploymentId": t.deployment, "targetIds": [t.deployment_target]},
    ),
    ("ListTagsForResource", tagged()),
    ("TagResource", tagged(Tags=TAGS)),
    ("UntagResource", tagged(TagKeys=["a"])),
]
