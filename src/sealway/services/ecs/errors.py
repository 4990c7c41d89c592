"""ECS's error answers, one function a code. Source: the service model's exception shapes.

Who wrongs whom is the code's meaning: ``InvalidParameterException`` for a value, ``ClientException``
for an identifier or a state that does not allow the action.
"""

from typing import Any

from ...model.errors import AwsError


def client(message: str) -> AwsError:
    """ClientException."""
    return AwsError("ClientException", message)


def invalid(message: str) -> AwsError:
    """InvalidParameterException."""
    return AwsError("InvalidParameterException", message)


def unsupported(what: str) -> AwsError:
    """What Sealway does not honour, refused by name rather than taken and forgotten."""
    return client(f"{what} is not supported by Sealway.")


def cluster_not_found() -> AwsError:
    """ClusterNotFoundException."""
    return AwsError("ClusterNotFoundException", "Cluster not found.")


def service_not_found() -> AwsError:
    """ServiceNotFoundException."""
    return AwsError("ServiceNotFoundException", "Service not found.")


def service_not_active() -> AwsError:
    """ServiceNotActiveException."""
    return AwsError("ServiceNotActiveException", "Service was not ACTIVE.")


def task_definition_not_found() -> AwsError:
    """What actions on a definition's tasks and services answer when it is not there."""
    return client("TaskDefinition not found.")


def conflict(message: str, resource_ids: list[str]) -> AwsError:
    """ConflictException: the client token was used with other parameters."""
    members: dict[str, Any] = {"resourceIds": resource_ids}
    return AwsError("ConflictException", message, 400, **members)


def missing(arn: str, detail: str | None = None) -> dict[str, str]:
    """An entry of ``failures`` for what is not there."""
    return failure(arn, "MISSING", detail)


def failure(arn: str | None, reason: str, detail: str | None = None) -> dict[str, str]:
    """An entry of ``failures``."""
    entry = {"arn": arn, "reason": reason, "detail": detail}
    return {key: value for key, value in entry.items() if value is not None}


def in_use(message: str) -> AwsError:
    """ResourceInUseException."""
    return AwsError("ResourceInUseException", message)
