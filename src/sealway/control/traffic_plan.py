"""Whom a service's production and test listeners forward to, while one of its deployments is under way.

Weights follow from the deployments alone, so a rollback, a new deployment in the middle of another, and a
restart at any moment come to the same: what the listeners should say is written when they say anything else.
Between deployments they are the user's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ..model.load_balancer import Listener
from ..model.service import Deployment, Service, in_group
from ..model.traffic_shift import STRATEGIES, WHOLE
from ..store import Reader
from .plan import Plan

HEAVIEST = 999
"""The highest weight of a target group in an action."""


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """A service, and its listeners by ARN."""

    service: Service
    listeners: Mapping[str, Listener] = {}


def read(reader: Reader, service_arn: str) -> Traffic | None:
    """The snapshot; None when there is nothing to decide."""
    service = reader.get(Service, service_arn)
    if service is None or service.status != "ACTIVE" or service.primary.rollout_state == "COMPLETED":
        return None
    if service.deployment_configuration.get("strategy") not in STRATEGIES:
        return None
    named = {arn for _, advanced in _advanced(service) for arn in _rules(advanced)}
    found = (reader.get(Listener, arn) for arn in named)
    return Traffic(service=service, listeners={one.arn: one for one in found if one is not None})


def plan(traffic: Traffic) -> Plan:
    """The listeners that are to change."""
    changed = (
        traffic.listeners[arn].replace(default_actions=(action,))
        for arn, action in _actions(traffic.service)
        if arn in traffic.listeners
    )
    return Plan(puts=tuple(new for new in changed if new != traffic.listeners[new.arn]))


def weights(percent: float) -> tuple[int, int]:
    """Two weights, of which the first is ``percent`` of both together, to a tenth."""
    if percent == int(percent):
        return int(percent), int(WHOLE - percent)
    first = min(HEAVIEST - 1, max(1, round(percent * HEAVIEST / WHOLE)))
    return first, HEAVIEST - first


def _actions(service: Service) -> Iterable[tuple[str, dict[str, Any]]]:
    primary = service.primary
    for balancer, advanced in _advanced(service):
        yield advanced["productionListenerRule"], _action(balancer, primary, _production(primary))
        if advanced.get("testListenerRule"):
            testing = primary.shift is None or primary.shift.testing
            yield advanced["testListenerRule"], _action(balancer, primary, WHOLE if testing else 0)


def _production(primary: Deployment) -> float:
    return WHOLE if primary.shift is None else primary.shift.percent


def _action(balancer: dict[str, Any], primary: Deployment, percent: float) -> dict[str, Any]:
    """A forward action in full form (see ``services.elbv2.actions``); ``percent``: PRIMARY's share."""
    own, other = weights(percent)
    first, second = (other, own) if primary.alternate else (own, other)
    groups = [
        {"TargetGroupArn": in_group(balancer, False)["targetGroupArn"], "Weight": first},
        {"TargetGroupArn": in_group(balancer, True)["targetGroupArn"], "Weight": second},
    ]
    config = {"TargetGroups": groups, "TargetGroupStickinessConfig": {"Enabled": False}}
    return {"Type": "forward", "ForwardConfig": config}


def _advanced(service: Service) -> Iterable[tuple[dict[str, Any], dict[str, Any]]]:
    for balancer in service.load_balancers:
        advanced = balancer.get("advancedConfiguration") or {}
        if advanced.get("alternateTargetGroupArn") and advanced.get("productionListenerRule"):
            yield balancer, advanced


def _rules(advanced: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(advanced[m] for m in ("productionListenerRule", "testListenerRule") if advanced.get(m))
