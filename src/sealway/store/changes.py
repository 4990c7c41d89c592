"""Who is told of a commit. A watch gathers changes until its owner asks for them."""

import asyncio

from ..model.resource import Resource
from .base import Change


class Subscription:
    """See ``Watch``."""

    def __init__(self, hub: "ChangeHub", kinds: frozenset[type[Resource]]) -> None:
        self._hub = hub
        self._kinds = kinds
        self._pending: set[Change] = set()
        self._wake = asyncio.Event()

    def tell(self, changes: set[Change]) -> None:
        """Called by the hub after a commit."""
        wanted = {c for c in changes if not self._kinds or c[0] in self._kinds}
        if wanted:
            self._pending |= wanted
            self._wake.set()

    async def changes(self, timeout: float | None = None) -> frozenset[Change]:
        """See ``Watch.changes``."""
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return frozenset()
        return self.pending()

    def pending(self) -> frozenset[Change]:
        """See ``Watch.pending``."""
        self._wake.clear()
        gathered, self._pending = frozenset(self._pending), set()
        return gathered

    def close(self) -> None:
        """See ``Watch.close``."""
        self._hub.remove(self)


class ChangeHub:
    """All subscriptions of one store."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    def subscribe(self, kinds: tuple[type[Resource], ...]) -> Subscription:
        """A new subscription."""
        subscription = Subscription(self, frozenset(kinds))
        self._subscriptions.add(subscription)
        return subscription

    def remove(self, subscription: Subscription) -> None:
        """Ends one; unknown ones are ignored."""
        self._subscriptions.discard(subscription)

    def publish(self, changes: set[Change]) -> None:
        """Tells every subscription."""
        for subscription in tuple(self._subscriptions):
            subscription.tell(changes)
