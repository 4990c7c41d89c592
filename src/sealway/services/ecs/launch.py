"""How a task is launched: launch type, platform version, capacity provider, and what suits it."""

from collections.abc import Sequence

import msgspec

from ...model.capacity_provider import is_fargate
from ...model.cluster import Cluster
from ...model.errors import AwsError
from ...model.request import Params
from ...model.task_definition import TaskDefinition
from ..context import Context
from .capacity_strategy import strategy_for
from .errors import invalid, unsupported

PLATFORM_VERSIONS = ("LATEST", "1.4.0")


class Launch(msgspec.Struct, frozen=True):
    """``platform_version`` as asked for (LATEST by default); None on EC2. ``strategy`` empty: none."""

    launch_type: str
    platform_version: str | None = None
    strategy: tuple[Params, ...] = ()


def launch_of(ctx: Context, request: Params, cluster: Cluster, definition: TaskDefinition) -> Launch:
    """What a CreateService or RunTask asks for. Raises InvalidParameterException."""
    strategy = strategy_for(ctx, request, cluster)
    launch_type = request.get("launchType") or "EC2"
    if strategy:
        launch_type = "FARGATE" if is_fargate(strategy) else "EC2"
    if launch_type not in ("EC2", "FARGATE"):
        raise unsupported(f"The launch type {launch_type} (use EC2 or FARGATE)")
    check_compatible(definition, launch_type)
    return Launch(launch_type, platform_of(request.get("platformVersion"), launch_type), strategy)


def check_compatible(definition: TaskDefinition, launch_type: str) -> None:
    """The definition can run there, and was registered to."""
    required = definition.spec.get("requiresCompatibilities") or (launch_type,)
    if launch_type not in definition.compatibilities or launch_type not in required:
        raise invalid(f"Task definition does not support launch_type {launch_type}.")


def platform_of(given: str | None, launch_type: str) -> str | None:
    """The platform version to keep. Raises PlatformUnknownException."""
    if launch_type != "FARGATE":
        if given:
            raise invalid("The platform version must be null when specifying an EC2 launch type.")
        return None
    if given and given not in PLATFORM_VERSIONS:
        raise AwsError(
            "PlatformUnknownException",
            f"The specified platform version {given} does not exist. Specify LATEST or 1.4.0.",
        )
    return given or "LATEST"


def check_fargate_placement(
    launch_type: str, constraints: Sequence[Params], strategies: Sequence[Params]
) -> None:
    """Fargate places tasks by itself."""
    if launch_type != "FARGATE":
        return
    if constraints:
        raise invalid("Placement constraints are not supported with FARGATE launch type.")
    if strategies:
        raise invalid("Placement strategies are not supported with FARGATE launch type.")
