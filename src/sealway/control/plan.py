"""What a planner answers: writes as values, and when to look again.

A planner is pure: a snapshot and the time in, a ``Plan`` out. The loop applies a plan in one transaction,
in the same turn of the event loop in which the snapshot was read, so no write can be stale.
"""

from datetime import datetime, timedelta

import msgspec

from ..model.resource import Resource


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """``puts`` and ``deletes`` take effect together. ``wake_at``: when time alone changes the answer."""

    puts: tuple[Resource, ...] = ()
    deletes: tuple[Resource, ...] = ()
    wake_at: datetime | None = None
    starved: bool = False
    """Something could not be placed: look again as soon as the cluster has more room."""
    wants_stock: bool = False
    """Tasks are to be started: call again with the cluster's stock. Nothing else is planned yet."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.puts or self.deletes)


def over(since: datetime, lasts: timedelta, now: datetime) -> bool:
    """Whether what began at ``since`` has lasted so long. What began in the future began before the clock
    was set back, nobody knows when: it is over, lest it last longer by as much as that."""
    return now < since or since + lasts <= now


def earliest(*times: datetime | None) -> datetime | None:
    """The first of the times that are set."""
    return min((time for time in times if time is not None), default=None)
