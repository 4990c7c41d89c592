"""Every operation, bound to the store: what ``wire`` is given to call."""

import platform
from collections.abc import Callable, Mapping

from ..model.architecture import architecture_of
from ..model.ids import IdSource
from ..model.peer import NO_PEERS, Peers
from ..model.request import Operations, Params, RequestContext
from ..services.autoscaling.operations import OPERATIONS as AUTO_SCALING
from ..services.codedeploy.operations import OPERATIONS as CODE_DEPLOY
from ..services.context import Context, Operation
from ..services.ec2.operations import OPERATIONS as EC2
from ..services.ecs.operations import OPERATIONS as ECS
from ..services.elbv2.operations import OPERATIONS as ELBV2
from ..services.sts.operations import OPERATIONS as STS
from ..store import Store

SERVICES: Mapping[str, Mapping[str, Operation]] = {
    "ecs": ECS,
    "elbv2": ELBV2,
    "ec2": EC2,
    "autoscaling": AUTO_SCALING,
    "codedeploy": CODE_DEPLOY,
    "sts": STS,
}


def bind_operations(
    store: Store,
    ids: IdSource,
    networks: Callable[[], tuple[str, ...]] = tuple,
    streams: str = "",
    peers: Peers = NO_PEERS,
) -> Operations:
    """Every operation as ``wire`` calls it: with the caller and the parameters alone. ``streams`` and
    ``peers``: see ``Context``."""

    architecture = architecture_of(platform.machine())

    def bind(operation: Operation) -> Callable[[RequestContext, Params], Params]:
        def handler(caller: RequestContext, params: Params) -> Params:
            context = Context(
                caller=caller,
                store=store,
                ids=ids,
                host_networks=networks(),
                architecture=architecture,
                streams=streams,
                peers=peers,
            )
            return operation(context, params)

        return handler

    return {
        service: {name: bind(operation) for name, operation in operations.items()}
        for service, operations in SERVICES.items()
    }
