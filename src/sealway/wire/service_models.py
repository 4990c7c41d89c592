"""Service models: botocore's, loaded when a service is first asked for and kept.

A model is the one source of names, types and constraints; nothing about an operation is written here.
Which service a request is for must be known before its model is loaded, so the few facts that tell them
apart stand in ``SERVICES``; a test holds them against the models.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

import msgspec
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

Protocol = Literal["json", "query", "ec2", "cbor"]
"""``cbor``: Smithy's RPC v2, which a service of ours may be spoken to in instead of ``json``."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What tells a service's requests from another's.

    ``skew``: how far the client's clock may be off (measured on AWS by many: 5 minutes, and 15 for STS
    and EC2).
    """

    name: str
    """botocore's name, which is also the key in ``Operations``."""
    signing_name: str
    protocol: Protocol
    version: str
    target_prefix: str | None = None
    skew: timedelta = timedelta(minutes=5)


SERVICES: Mapping[str, Service] = MappingProxyType(
    {
        service.name: service
        for service in (
            Service(
                name="ecs",
                signing_name="ecs",
                protocol="json",
                version="2014-11-13",
                target_prefix="AmazonEC2ContainerServiceV20141113",
            ),
            Service(
                name="codedeploy",
                signing_name="codedeploy",
                protocol="json",
                version="2014-10-06",
                target_prefix="CodeDeploy_20141006",
            ),
            Service(
                name="elbv2", signing_name="elasticloadbalancing", protocol="query", version="2015-12-01"
            ),
            Service(name="elb", signing_name="elasticloadbalancing", protocol="query", version="2012-06-01"),
            Service(name="autoscaling", signing_name="autoscaling", protocol="query", version="2011-01-01"),
            Service(
                name="ec2",
                signing_name="ec2",
                protocol="ec2",
                version="2016-11-15",
                skew=timedelta(minutes=15),
            ),
            Service(
                name="sts",
                signing_name="sts",
                protocol="query",
                version="2011-06-15",
                skew=timedelta(minutes=15),
            ),
        )
    }
)


MORE_VALUES: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {("ecs", "LogDriver"): ("none",), ("ecs", "SettingName"): ("dualStackIPv6",)}
)
"""Values beyond the models' enums, by service and shape. Log driver ``none``: the ECS agent offers it beside
json-file (its ECS_AVAILABLE_LOGGING_DRIVERS), though the model does not list it. The setting dualStackIPv6:
the model describes it in words alone."""


class Model:
    """One service's operations and error codes."""

    def __init__(self, service: Service) -> None:
        self.service = service
        # The models that came with botocore alone: none from the user's ~/.aws/models.
        loader = Loader([Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
        raw = loader.load_service_model(service.name, "service-2")
        for (name, shape), values in MORE_VALUES.items():
            if name == service.name:
                raw["shapes"][shape]["enum"] = [*raw["shapes"][shape]["enum"], *values]
        self._botocore = ServiceModel(raw, service.name)
        self._names = frozenset(self._botocore.operation_names)
        self._operations: dict[str, OperationModel] = {}
        self.xml_namespace: str = self._botocore.metadata.get("xmlNamespace", "")
        self.error_statuses = MappingProxyType(_error_statuses(raw["shapes"]))
        """HTTP status by wire code, where the model says it."""

    def operation(self, name: str) -> OperationModel | None:
        """The operation's model, or None when AWS has no such operation."""
        if name not in self._names:
            return None
        if name not in self._operations:
            self._operations[name] = self._botocore.operation_model(name)
        return self._operations[name]


@cache
def load(name: str) -> Model:
    """The model of one of ``SERVICES``. The first call reads it from disk (EC2: 0.2 s)."""
    return Model(SERVICES[name])


def _error_statuses(shapes: Mapping[str, Any]) -> dict[str, int]:
    # Read from the raw shapes: botocore's own view of them leaves out who is at fault.
    statuses = {}
    for name, shape in shapes.items():
        traits = shape.get("error", {})
        if "httpStatusCode" in traits:
            statuses[traits.get("code", name)] = traits["httpStatusCode"]
        elif shape.get("exception") and shape.get("fault"):
            statuses[name] = 500
    return statuses
