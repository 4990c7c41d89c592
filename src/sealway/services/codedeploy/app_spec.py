"""The AppSpec of an ECS deployment: which definition, behind which container port, and what else is new.

JSON is YAML too, so one parser reads both. Names are taken in any case, as AWS's own tools do.
Source: CodeDeploy User Guide, "AppSpec 'resources' section for Amazon ECS deployments".
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from ...model.errors import AwsError
from ...model.request import Params
from .errors import bad_revision, error

LONGEST = 16384
"""Characters: many times what an AppSpec can have to say; reading YAML is slow."""
_REVISIONS = {"AppSpecContent": "appSpecContent", "String": "string"}
_TYPE = "AWS::ECS::Service"
_PROPERTIES = (
    "TaskDefinition",
    "LoadBalancerInfo",
    "PlatformVersion",
    "NetworkConfiguration",
    "CapacityProviderStrategy",
)
_CONTAINER = ("ContainerName", "ContainerPort")
_VPC = {"subnets": "Subnets", "securityGroups": "SecurityGroups", "assignPublicIp": "AssignPublicIp"}
_STRATEGY = {"capacityProvider": "CapacityProvider", "base": "Base", "weight": "Weight"}


class AppSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What is not given is None: the new task set has it as the old one."""

    task_definition: str
    container_name: str
    container_port: int
    platform_version: str | None = None
    network_configuration: Params | None = None
    capacity_provider_strategy: list[Params] | None = None


def read_revision(revision: Params | None) -> AppSpec:
    """The AppSpec of a ``RevisionLocation``. Raises AWS's errors for what cannot be deployed."""
    if not revision:
        raise error("RevisionRequired", "Revision is missing")
    kind = revision.get("revisionType") or ""
    if kind not in _REVISIONS:
        raise bad_revision(
            f"The revisionType {kind or '(none)'} is not supported by Sealway (use AppSpecContent, with the"
            " AppSpec's text as content)."
        )
    for member in revision.keys() - {"revisionType", _REVISIONS[kind]}:
        raise bad_revision(f"A revision of the type {kind} has no {member}.")
    given = revision.get(_REVISIONS[kind]) or {}
    text, digest = given.get("content") or "", given.get("sha256")
    if digest and digest.lower() != hashlib.sha256(text.encode()).hexdigest():
        raise bad_revision("The sha256 of the revision is not that of its content.")
    return parse(text)


def parse(text: str) -> AppSpec:
    """The AppSpec in a text. Raises InvalidRevisionException."""
    if len(text) > LONGEST:
        raise bad_revision(f"An AppSpec has at most {LONGEST} characters, not {len(text)}.")
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        raise _malformed("it is no well-formed YAML or JSON") from fault
    top = _Members(document, "the AppSpec", ("version", "Resources", "Hooks"))
    version = top.of("version")
    if type(version) not in (int, float, str) or version not in (0, "0", "0.0"):
        raise _malformed("its version must be 0.0")
    if top.of("Hooks"):
        raise bad_revision(
            "Hooks are not supported by Sealway: there are no Lambda functions to invoke. (A deployment group"
            " whose deploymentReadyOption is STOP_DEPLOYMENT waits for ContinueDeployment before traffic"
            " moves.)"
        )
    resources = top.of("Resources")
    if not isinstance(resources, list) or len(resources) != 1:
        raise _malformed("its resources are a list of exactly one")
    named = resources[0]
    if not isinstance(named, Mapping) or len(named) != 1:
        raise _malformed("its resource is one name with a type and properties")
    resource = _Members(next(iter(named.values())), "the resource", ("Type", "Properties"))
    if resource.of("Type") != _TYPE:
        raise _malformed(f"the type of its resource must be {_TYPE}")
    return _properties(_Members(resource.of("Properties"), "properties", _PROPERTIES))


def _properties(given: "_Members") -> AppSpec:
    container = _Members(given.of("LoadBalancerInfo"), "LoadBalancerInfo", _CONTAINER)
    return AppSpec(
        task_definition=_text(given, "TaskDefinition", required=True) or "",
        container_name=_text(container, "ContainerName", required=True) or "",
        container_port=_number(container, "ContainerPort"),
        platform_version=_text(given, "PlatformVersion"),
        network_configuration=_network(given.of("NetworkConfiguration")),
        capacity_provider_strategy=_strategy(given.of("CapacityProviderStrategy")),
    )


def _network(given: Any) -> Params | None:
    if given is None:
        return None
    inner = _Members(given, "NetworkConfiguration", ("AwsvpcConfiguration",)).of("AwsvpcConfiguration")
    vpc = _Members(inner, "AwsvpcConfiguration", tuple(_VPC.values()))
    made: Params = {member: vpc.of(name) for member, name in _VPC.items() if vpc.of(name) is not None}
    lists = [made.get(member, []) for member in ("subnets", "securityGroups")]
    if not all(isinstance(one, list) and all(isinstance(i, str) for i in one) for one in lists):
        raise _malformed("Subnets and SecurityGroups are lists of ids")
    if made.get("assignPublicIp", "DISABLED") not in ("ENABLED", "DISABLED"):
        raise _malformed("AssignPublicIp must be ENABLED or DISABLED")
    return {"awsvpcConfiguration": {"subnets": [], **made}}


def _strategy(given: Any) -> list[Params] | None:
    if given is None:
        return None
    if not isinstance(given, list):
        raise _malformed("CapacityProviderStrategy is a list")
    found = []
    for item in given:
        one = _Members(item, "CapacityProviderStrategy", tuple(_STRATEGY.values()))
        values = {member: one.of(name) for member, name in _STRATEGY.items()}
        made: Params = {member: value for member, value in values.items() if value is not None}
        if not isinstance(made.get("capacityProvider"), str):
            raise _malformed("every entry of CapacityProviderStrategy names its CapacityProvider")
        if not all(type(made.get(member, 0)) is int for member in ("base", "weight")):
            raise _malformed("Base and Weight are whole numbers")
        found.append(made)
    return found


class _Members:
    """A mapping of the AppSpec, by names in any case; unknown ones are refused by name."""

    def __init__(self, given: Any, where: str, known: tuple[str, ...]) -> None:
        if not isinstance(given, Mapping):
            raise _malformed(f"{where} must be a mapping with {', '.join(known)}")
        self.where = where
        self._given = {str(name).lower(): value for name, value in given.items()}
        names = {name.lower() for name in known}
        unknown = next((name for name in given if str(name).lower() not in names), None)
        if unknown is not None:
            raise _malformed(f"{where} can have {', '.join(known)}, not '{unknown}'")

    def of(self, name: str) -> Any:
        """The value; None where there is none."""
        return self._given.get(name.lower())


def _text(given: _Members, name: str, *, required: bool = False) -> str | None:
    value = given.of(name)
    if value is None and not required:
        return None
    if not isinstance(value, str) or not value:
        raise _malformed(f"{name} of {given.where} must be a text")
    return value


def _number(given: _Members, name: str) -> int:
    value = given.of(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5:
        value = int(value)
    if type(value) is not int or not 0 < value <= 65535:
        raise _malformed(f"{name} of {given.where} must be a port number")
    return value


def _malformed(what: str) -> AwsError:
    return bad_revision(
        "The deployment failed because the AppSpec file that specifies the deployment configuration is"
        f" missing or has an invalid configuration: {what}."
    )
