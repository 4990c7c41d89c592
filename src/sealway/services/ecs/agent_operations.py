"""Operations that only the ECS agent calls, on AWS from every container instance: here there is none.

Sealway runs the tasks of its container instances itself, and sees for itself what becomes of them. Were one
told otherwise by a request, it would have to believe what is not so: all of these are refused.
"""

from ...model.request import Params
from ..context import Context, Operation
from .errors import client

_INSTEAD = {
    "DiscoverPollEndpoint": "There is no endpoint to poll: Sealway starts and stops their containers itself.",
    "RegisterContainerInstance": "To add one, run an instance with EC2's RunInstances and ECS_CLUSTER in its"
    " user data.",
    "SubmitAttachmentStateChanges": "Sealway attaches network interfaces itself.",
    "SubmitContainerStateChange": "Sealway sees the state of containers itself.",
    "SubmitTaskStateChange": "Sealway sees the state of tasks itself; StopTask stops one.",
}


def _refusal(name: str, instead: str) -> Operation:
    def refuse(_: Context, __: Params) -> Params:
        raise client(
            f"{name} is for the ECS agent, which Sealway's container instances do not have. {instead}"
        )

    return refuse


OPERATIONS: dict[str, Operation] = {name: _refusal(name, instead) for name, instead in _INSTEAD.items()}
