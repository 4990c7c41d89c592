"""The errors of Elastic Load Balancing V2, by AWS's codes and, where known, AWS's words.

What Sealway does not do yet is refused with ``InvalidConfigurationRequest`` naming the member, so that
nothing is accepted and then not honoured.
"""

from collections.abc import Iterable

from ...model.errors import AwsError


def validation(message: str) -> AwsError:
    """The request contradicts itself or the rules: ``ValidationError``."""
    return AwsError("ValidationError", message)


def invalid_configuration(message: str) -> AwsError:
    """Well formed, but not possible here: ``InvalidConfigurationRequest``."""
    return AwsError("InvalidConfigurationRequest", message)


def not_supported(what: str, instead: str = "") -> AwsError:
    """Something AWS has and Sealway has not, by name. ``instead``: what can be used."""
    return invalid_configuration(f"{what} is not supported" + (f": {instead}" if instead else ""))


def load_balancer_not_found(name: str | None = None) -> AwsError:
    """``name``: the name or names asked for, None when ARNs were."""
    words = f"Load balancers '[{name}]' not found" if name else "One or more load balancers not found"
    return AwsError("LoadBalancerNotFound", words)


def target_group_not_found(arns: Iterable[str] = ()) -> AwsError:
    """``arns``: those an action names."""
    named = ", ".join(arns)
    words = f"Target groups '{named}' not found" if named else "One or more target groups not found"
    return AwsError("TargetGroupNotFound", words)


def listener_not_found() -> AwsError:
    """See ``AwsError``."""
    return AwsError("ListenerNotFound", "One or more listeners not found")


def rule_not_found() -> AwsError:
    """See ``AwsError``."""
    return AwsError("RuleNotFound", "One or more rules not found")


def invalid_target(message: str) -> AwsError:
    """A target that cannot be registered."""
    return AwsError("InvalidTarget", message)
