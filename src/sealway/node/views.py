"""The snapshot that the agent's loops look at: one for every state of the store, not one for each loop."""

from ..store import Store
from .snapshot import WATCHED, Snapshot


class Views:
    """``current`` makes the snapshot anew only when something that it shows has changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watch = store.watch(*WATCHED)
        self._view: Snapshot | None = None

    def current(self) -> Snapshot:
        """The committed state; nobody changes it."""
        if self._watch.pending() or self._view is None:
            self._view = Snapshot(self._store)
        return self._view
