"""Flow events kept for who watches, by data planes that see their flows in this process."""

from collections import deque
from collections.abc import Callable

from ..contracts.dataplane import WATCH_SECONDS, FlowEvent

_MOST = 10_000


class FlowWatch:
    """``clock``: seconds, never going back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: float | None = None
        self._events: deque[FlowEvent] = deque()

    def tell(self, event: FlowEvent) -> None:
        """Kept if somebody watches, and there is room."""
        if self._watched() and len(self._events) < _MOST:
            self._events.append(event)

    def read(self) -> tuple[FlowEvent, ...]:
        """See ``DataPlane.flow_events``."""
        told = tuple(self._events) if self._watched() else ()
        self._events.clear()
        self._until = self._clock() + WATCH_SECONDS
        return told

    def _watched(self) -> bool:
        return self._until is not None and self._clock() <= self._until
