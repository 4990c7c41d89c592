"""What the agent's loops look at, and what has changed since each of them looked last.

The store's changes are taken in once for all loops. Each makes anew what they touch and leaves the rest as it
was, so an event costs what it touches, however much there is.
"""

from ..store import Change, Store
from .index import WATCHED, Index
from .snapshot import Snapshot
from .touched import Touched, everything


class Views:
    """One host's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watch = store.watch(*WATCHED)
        self._view = Snapshot(store, Index(store))
        self._followers: list[Follower] = []
        self._behind: frozenset[Change] = frozenset()

    def current(self) -> Snapshot:
        """The committed state, until the next await."""
        # Kept until all is noted: what fails half-way is done again.
        changes = self._behind = self._behind | self._watch.pending()
        if changes:
            touched = self._view.index.follow(changes)
            for each in self._followers:
                each.touched.add(touched)
            self._behind = frozenset()
        return self._view

    def follow(self) -> "Follower":
        """For one loop."""
        follower = Follower(self, self._store)
        self._followers.append(follower)
        return follower


class Follower:
    """What has changed since its owner looked last; before the first time, everything."""

    def __init__(self, views: Views, store: Store) -> None:
        self._views, self._store = views, store
        self.touched = everything(store)

    def look(self) -> tuple[Snapshot, Touched]:
        """The state of now, and what of it is to be made anew."""
        view = self._views.current()
        touched, self.touched = self.touched, Touched()
        return view, touched

    def forget(self) -> None:
        """What was made is lost: everything is to be made anew."""
        self.touched = everything(self._store)
