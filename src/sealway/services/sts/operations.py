"""STS: who am I. There are no users below an account here, so everyone is its root."""

from ...model.request import Params
from ..context import Context, Operation


def get_caller_identity(ctx: Context, request: Params) -> Params:
    """GetCallerIdentity, in the form AWS gives a root user."""
    del request
    return {
        "UserId": ctx.account_id,
        "Account": ctx.account_id,
        "Arn": f"arn:aws:iam::{ctx.account_id}:root",
    }


OPERATIONS: dict[str, Operation] = {"GetCallerIdentity": get_caller_identity}
