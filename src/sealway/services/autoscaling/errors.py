"""The errors of EC2 Auto Scaling, by AWS's codes: nearly everything a client does wrong is ValidationError.

What Sealway does not do is refused with it too, naming the member.
"""

from ...model.errors import AwsError


def validation(message: str) -> AwsError:
    """ValidationError."""
    return AwsError("ValidationError", message)


def unsupported(what: str, instead: str = "") -> AwsError:
    """Something AWS has and Sealway has not, by name. ``instead``: what can be used."""
    return validation(f"{what} is not supported by Sealway" + (f": {instead}" if instead else "."))


def group_not_found(name: str) -> AwsError:
    """A name that none of the caller's groups has."""
    return validation(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")


def already_exists(name: str) -> AwsError:
    """AlreadyExists."""
    return AwsError(
        "AlreadyExists",
        f"AutoScalingGroup by this name already exists - A group with the name {name} already exists",
    )


def in_use(message: str) -> AwsError:
    """ResourceInUse."""
    return AwsError("ResourceInUse", message)


def in_progress(message: str) -> AwsError:
    """ScalingActivityInProgress."""
    return AwsError("ScalingActivityInProgress", message)


def limit_exceeded(message: str) -> AwsError:
    """LimitExceeded."""
    return AwsError("LimitExceeded", message)
