"""Health check settings of a target group: AWS's defaults for a Network Load Balancer, and the checks.

Source: CreateTargetGroup; "Health checks for Network Load Balancer target groups".
"""

import re

from ...model.request import Params
from ...model.target_group import HealthCheck
from . import errors

PROTOCOLS = ("HTTP", "HTTPS", "TCP")
TRAFFIC_PORT = "traffic-port"
_HTTP = {"HTTP", "HTTPS"}
_TIMEOUTS = {"TCP": 10, "HTTPS": 10, "HTTP": 6}
_CODES = (200, 599)


def create(request: Params) -> HealthCheck:
    """The settings of a new target group; the defaults depend on the health check's protocol."""
    return _settings(request, request.get("HealthCheckProtocol") or "TCP", None)


def modify(request: Params, current: HealthCheck) -> HealthCheck:
    """The settings after ModifyTargetGroup: what is not named stays, where the protocol stays."""
    return _settings(request, request.get("HealthCheckProtocol") or current.protocol, current)


def _settings(request: Params, protocol: str, current: HealthCheck | None) -> HealthCheck:
    if request.get("HealthCheckEnabled") is False:
        raise errors.validation("Health checks cannot be disabled for targets of type 'instance' or 'ip'")
    if protocol not in PROTOCOLS:
        raise errors.validation(f"Health check protocol '{protocol}' must be one of '{', '.join(PROTOCOLS)}'")
    base = current or HealthCheck()
    interval = request.get("HealthCheckIntervalSeconds") or base.interval
    same = current if current and current.protocol == protocol else None
    timeout = request.get("HealthCheckTimeoutSeconds") or (
        same.timeout if same else min(_TIMEOUTS[protocol], interval)
    )
    if timeout > interval:
        raise errors.validation("Health check timeout cannot be greater than the health check interval")
    path, matcher = _http(request, same, protocol)
    return HealthCheck(
        protocol=protocol,
        port=_port(request.get("HealthCheckPort") or base.port),
        path=path,
        matcher=matcher,
        interval=interval,
        timeout=timeout,
        healthy_threshold=request.get("HealthyThresholdCount") or base.healthy_threshold,
        unhealthy_threshold=request.get("UnhealthyThresholdCount") or base.unhealthy_threshold,
    )


def _http(request: Params, base: HealthCheck | None, protocol: str) -> tuple[str | None, str | None]:
    path, matcher = request.get("HealthCheckPath"), request.get("Matcher") or {}
    if matcher.get("GrpcCode"):
        raise errors.not_supported("Matcher.GrpcCode", "use HttpCode")
    codes = matcher.get("HttpCode")
    if protocol not in _HTTP:
        if path:
            raise errors.validation(
                f"Health check path cannot be specified for health check protocol '{protocol}'"
            )
        if codes:
            raise errors.validation(f"Matcher cannot be specified for health check protocol '{protocol}'")
        return None, None
    path = path or (base.path if base else None) or "/"
    codes = codes or (base.matcher if base else None) or "200-399"
    _check_path(path)
    _check_codes(codes)
    return path, codes


def _check_path(path: str) -> None:
    if not path.startswith("/"):
        raise errors.validation(f"Health check path '{path}' must begin with a '/' character")
    if not re.fullmatch(r"[\x21-\x7e]+", path):
        raise errors.validation(f"Health check path '{path}' contains invalid characters")


def _check_codes(codes: str) -> None:
    low, high = _CODES
    for part in codes.split(","):
        bounds = [int(code) for code in part.split("-")] if re.fullmatch(r"\d{3}(-\d{3})?", part) else []
        if not bounds or not low <= bounds[0] <= bounds[-1] <= high:
            raise errors.validation(
                f"Health check matcher HTTP code '{codes}' must be within '{low}-{high}' inclusive"
            )


def _port(port: str) -> str:
    if port == TRAFFIC_PORT:
        return port
    if not re.fullmatch(r"\d{1,5}", port) or not 1 <= int(port) <= 65535:
        raise errors.validation(
            f"Health check port '{port}' must be '{TRAFFIC_PORT}' or in the range 1 to 65535, inclusive"
        )
    return str(int(port))
