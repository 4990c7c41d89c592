"""Every attribute AWS lists for a Network Load Balancer: its default, its check, and whether it is built.

An attribute whose behaviour is not built is described with its default and refused by name when set to
anything else. Source: LoadBalancerAttribute, TargetGroupAttribute and ListenerAttribute in the API reference.
"""

from collections.abc import Callable, Mapping

import msgspec

from ...model.lb_protocol import TRANSPORTS
from . import errors

Check = Callable[[str], str | None]
"""Answers what the value must be, or None when it is fine."""


def _boolean(value: str) -> str | None:
    return None if value in {"true", "false"} else "'true' or 'false'"


def _one_of(*values: str) -> Check:
    words = ", ".join(f"'{value}'" for value in values)
    return lambda value: None if value in values else f"one of {words}"


def _between(low: int, high: int) -> Check:
    def check(value: str) -> str | None:
        fine = value.isascii() and value.isdigit() and low <= int(value) <= high
        return None if fine else f"between '{low}' and '{high}'"

    return check


def _off_or(low: int, high: int) -> Check:
    within = _between(low, high)
    return lambda value: None if value == "off" or within(value) is None else f"'off' or {within(value)}"


def _text(value: str) -> str | None:
    return None if len(value) <= 255 else "at most 255 characters long"


class Spec(msgspec.Struct, frozen=True):
    """An attribute. ``built`` False: only the default is accepted."""

    default: str
    check: Check = _boolean
    built: bool = False


Specs = Mapping[str, Spec]

_LOAD_BALANCER: Specs = {
    "deletion_protection.enabled": Spec("false", built=True),
    "load_balancing.cross_zone.enabled": Spec("false", built=True),
    "access_logs.s3.enabled": Spec("false"),
    "access_logs.s3.bucket": Spec("", _text),
    "access_logs.s3.prefix": Spec("", _text),
    "ipv6.deny_all_igw_traffic": Spec("false"),
    "zonal_shift.config.enabled": Spec("false"),
    "dns_record.client_routing_policy": Spec(
        "any_availability_zone",
        _one_of("any_availability_zone", "partial_availability_zone_affinity", "availability_zone_affinity"),
    ),
    "secondary_ips.auto_assigned.per_subnet": Spec("0", _between(0, 7)),
}

_MOST = 2**31 - 1
_DNS = "target_group_health.dns_failover.minimum_healthy_targets"
_ROUTING = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"
_UNHEALTHY = "target_health_state.unhealthy"
_TARGET_GROUP: Specs = {
    "deregistration_delay.timeout_seconds": Spec("300", _between(0, 3600), built=True),
    "deregistration_delay.connection_termination.enabled": Spec("false", built=True),
    "stickiness.enabled": Spec("false", built=True),
    "stickiness.type": Spec("source_ip", _one_of("source_ip")),
    "load_balancing.cross_zone.enabled": Spec(
        "use_load_balancer_configuration",
        _one_of("true", "false", "use_load_balancer_configuration"),
        built=True,
    ),
    "preserve_client_ip.enabled": Spec("true", built=True),
    "proxy_protocol_v2.enabled": Spec("false", built=True),
    f"{_DNS}.count": Spec("1", _off_or(1, _MOST), built=True),
    f"{_DNS}.percentage": Spec("off", _off_or(1, 100), built=True),
    f"{_ROUTING}.count": Spec("1", _between(1, _MOST), built=True),
    f"{_ROUTING}.percentage": Spec("off", _off_or(1, 100), built=True),
    f"{_UNHEALTHY}.connection_termination.enabled": Spec("true", built=True),
    f"{_UNHEALTHY}.draining_interval_seconds": Spec("0", _between(0, 360_000), built=True),
}

_TCP_LISTENER: Specs = {"tcp.idle_timeout.seconds": Spec("350", _between(60, 6000), built=True)}


def load_balancer(scheme: str) -> Specs:
    """What a Network Load Balancer of that scheme has."""
    deny = "true" if scheme == "internal" else "false"
    return {**_LOAD_BALANCER, "ipv6.deny_all_igw_traffic": Spec(deny)}


def target_group(target_type: str, protocol: str) -> Specs:
    """What a target group has. The client's address is hidden by default from TCP targets of type ip; UDP
    targets always see it, and keep their flows when they turn unhealthy. Source: "Edit target group
    attributes for your Network Load Balancer"; TargetGroupAttribute in the API reference."""
    if "udp" in TRANSPORTS[protocol]:
        return {
            **_TARGET_GROUP,
            "preserve_client_ip.enabled": Spec("true", _one_of("true"), built=True),
            "proxy_protocol_v2.enabled": Spec("false"),
            "deregistration_delay.connection_termination.enabled": Spec("true", built=True),
            f"{_UNHEALTHY}.connection_termination.enabled": Spec("false", _one_of("false"), built=True),
        }
    hidden = target_type == "ip"
    return {**_TARGET_GROUP, "preserve_client_ip.enabled": Spec("false" if hidden else "true", built=True)}


def listener(protocol: str) -> Specs:
    """What a listener has: a UDP listener's idle timeout is fixed."""
    return _TCP_LISTENER if "tcp" in TRANSPORTS[protocol] else {}


def kept(specs: Specs, values: Mapping[str, str]) -> dict[str, str]:
    """Of the values, those that the specs know; the others' defaults."""
    return {key: values.get(key, spec.default) for key, spec in specs.items()}


def defaults(specs: Specs) -> dict[str, str]:
    """Every key with its default value."""
    return {key: spec.default for key, spec in specs.items()}


def check_thresholds(values: Mapping[str, str]) -> None:
    """Raises where traffic would go to unhealthy targets of a zone that names still lead to. ``values``: all
    of a target group's attributes. Source: Network Load Balancers, "Target group health"."""
    for kind in ("count", "percentage"):
        names, routing = (values.get(f"{action}.{kind}", "off") for action in (_DNS, _ROUTING))
        if "off" not in {names, routing} and int(names) < int(routing):
            raise errors.validation(
                f"Target group attribute '{_DNS}.{kind}' value '{names}' must be greater than or equal to"
                f" '{_ROUTING}.{kind}' value '{routing}'"
            )


def check_draining(values: Mapping[str, str]) -> None:
    """Raises where connections to unhealthy targets shall end at once and also after an interval.
    ``values``: all of a target group's attributes. Source: TargetGroupAttribute in the API reference."""
    cuts, interval = (
        f"{_UNHEALTHY}.{name}" for name in ("connection_termination.enabled", "draining_interval_seconds")
    )
    if values[cuts] == "true" and int(values[interval]) > 0:
        raise errors.invalid_configuration(
            f"You cannot have both '{cuts}' set to 'true' and '{interval}' set to '{values[interval]}':"
            f" an interval above '0' needs '{cuts}' to be 'false'"
        )


def check(noun: str, specs: Specs, wanted: Mapping[str, str]) -> None:
    """Raises for a key the specs do not have, a value out of range, or one that is not built.

    ``noun``: how AWS calls the attribute, for instance ``Load balancer``.
    """
    for key, value in wanted.items():
        spec = specs.get(key)
        if spec is None:
            raise errors.validation(f"{noun} attribute key '{key}' is not recognized")
        if value == spec.default:
            continue
        problem = spec.check(value)
        if problem is not None:
            raise errors.validation(f"{noun} attribute '{key}' value '{value}' must be {problem}")
        if not spec.built:
            raise errors.not_supported(f"{noun} attribute '{key}' with value '{value}'")
