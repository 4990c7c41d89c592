"""ContinueServiceDeployment: the answer to a PAUSE hook at which a service deployment waits."""

import msgspec

from ...model.errors import AwsError
from ...model.request import Params
from ...model.service import Service
from ...model.service_deployment import ServiceDeployment
from ...model.traffic_shift import Pause, Shift
from ..context import Context, Operation
from . import errors
from .lookup import own_resource

_ANSWERS = {"CONTINUE": "SUCCEEDED", "ROLLBACK": "FAILED"}


def continue_service_deployment(ctx: Context, request: Params) -> Params:
    """ContinueServiceDeployment: the hook is answered; ``control`` goes on, or rolls back."""
    arn = request["serviceDeploymentArn"]
    answer = _ANSWERS[request.get("action") or "CONTINUE"]
    with ctx.store.transaction() as tx:
        record = tx.get(ServiceDeployment, arn) if own_resource(ctx, arn) else None
        if record is None:
            raise AwsError("ServiceDeploymentNotFoundException", "The service deployment was not found.")
        service = tx.get(Service, record.service_arn)
        own = (
            next((d for d in service.deployments if d.id == record.deployment_id), None) if service else None
        )
        if service is None or own is None or own.shift is None or own.status != "PRIMARY" or not own.shifting:
            raise errors.client("The service deployment is not in progress.")
        answered = _answered(own.shift, request["hookId"], answer)
        deployments = tuple(
            msgspec.structs.replace(d, shift=answered) if d.id == own.id else d for d in service.deployments
        )
        tx.put(service.replace(deployments=deployments))
        tx.put(record.replace(shift=answered, updated_at=ctx.now))
    return {"serviceDeploymentArn": record.arn}


def _answered(shift: Shift, hook_id: str, status: str) -> Shift:
    pause = next((p for p in shift.pauses if p.id == hook_id), None)
    if pause is None:
        raise errors.invalid(f"The lifecycle hook {hook_id} was not found in the service deployment.")
    if pause.status != "AWAITING_ACTION":
        raise errors.invalid(f"The lifecycle hook {hook_id} is not awaiting an action: it is {pause.status}.")

    def as_it_is(other: Pause) -> Pause:
        return msgspec.structs.replace(other, status=status) if other.id == hook_id else other

    return msgspec.structs.replace(shift, pauses=tuple(as_it_is(p) for p in shift.pauses))


OPERATIONS: dict[str, Operation] = {"ContinueServiceDeployment": continue_service_deployment}
