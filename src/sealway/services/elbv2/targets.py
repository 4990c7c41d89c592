"""RegisterTargets and DeregisterTargets.

Both are idempotent. Registering a draining target revives it: a new registration, to be probed anew.
Deregistering one of a group in use sets it draining (``control`` deletes it when the delay has passed);
of an unused group it goes at once. One that is unused by now, and only carries its last flows, is not
registered.
"""

from ...model.request import Params
from ...model.target_group import Target, TargetGroup, TargetHealth, target_key
from ...store import Transaction
from ..context import Context
from . import errors, limits, lookup
from .target_descriptions import Place, id_of, place, port_of


def register_targets(ctx: Context, request: Params) -> Params:
    """RegisterTargets: all of them or, when one does not fit, none."""
    if not request["Targets"]:
        raise errors.validation("At least one target must be specified")
    with ctx.store.transaction() as tx:
        group = lookup.target_group(ctx, tx, request["TargetGroupArn"])
        for description in request["Targets"]:
            _register(ctx, tx, group, place(ctx, tx, group, description))
        limits.check_targets(tx, group.arn, lookup.load_balancer_arns_of(tx, group.arn))
    return {}


def deregister_targets(ctx: Context, request: Params) -> Params:
    """DeregisterTargets: those that are not registered are passed over, as on AWS."""
    if not request["Targets"]:
        raise errors.validation("At least one target must be specified")
    with ctx.store.transaction() as tx:
        group = lookup.target_group(ctx, tx, request["TargetGroupArn"])
        in_use = bool(lookup.listeners_of(tx, group.arn))
        for description in request["Targets"]:
            key = target_key(group.arn, id_of(group, description), port_of(group, description))
            target = tx.get(Target, key)
            if target is not None and target.unused_since is None:
                _deregister(ctx, tx, target, in_use)
    return {}


def _register(ctx: Context, tx: Transaction, group: TargetGroup, wanted: Place) -> None:
    existing = tx.get(Target, target_key(group.arn, wanted.id, wanted.port))
    if existing is None:
        tx.put(
            Target(
                target_group_arn=group.arn,
                id=wanted.id,
                port=wanted.port,
                availability_zone=wanted.availability_zone,
                registered_at=ctx.now,
            )
        )
    elif existing.draining_since is not None:
        tx.put(existing.replace(draining_since=None, unused_since=None, registered_at=ctx.now))


def _deregister(ctx: Context, tx: Transaction, target: Target, in_use: bool) -> None:
    if in_use:
        if target.draining_since is None:
            tx.put(target.replace(draining_since=ctx.now))
        return
    health = tx.get(TargetHealth, target.key)
    if health is not None:
        tx.delete(health)
    tx.delete(target)
