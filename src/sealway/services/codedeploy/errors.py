"""CodeDeploy's error answers. Nearly every noun has codes of its own, so most are made by ``error``."""

from ...model.errors import AwsError


def error(code: str, message: str) -> AwsError:
    """``code`` without its ``Exception``."""
    return AwsError(f"{code}Exception", message)


def unsupported(what: str, code: str = "InvalidInput") -> AwsError:
    """What Sealway does not honour, refused by name, with the code that AWS has for that member."""
    return error(code, f"{what} is not supported by Sealway.")


def no_application(name: str) -> AwsError:
    """ApplicationDoesNotExistException."""
    return error("ApplicationDoesNotExist", f"No application found for name: {name}")


def no_group(name: str) -> AwsError:
    """DeploymentGroupDoesNotExistException."""
    return error("DeploymentGroupDoesNotExist", f"No Deployment Group found for name: {name}")


def no_deployment(deployment_id: str) -> AwsError:
    """DeploymentDoesNotExistException."""
    return error("DeploymentDoesNotExist", f"The deployment {deployment_id} could not be found")


def bad_revision(message: str) -> AwsError:
    """InvalidRevisionException."""
    return error("InvalidRevision", message)
