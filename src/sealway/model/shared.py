"""What many give together, kept up as one of them gives something else. Pure."""

from collections.abc import Collection, Mapping, Set
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
_NOTHING: frozenset[str] = frozenset()


class Givers(Generic[K]):
    """Keys, and who gives them."""

    def __init__(self) -> None:
        self._given: dict[str, Set[K]] = {}
        self._givers: dict[K, set[str]] = {}

    def give(self, giver: str, keys: Set[K]) -> None:
        """What he gives from now on, instead of what he gave."""
        before = self._given.pop(giver, frozenset[K]())
        if keys:
            self._given[giver] = keys
        for key in before - keys:
            self._givers[key].remove(giver)
            if not self._givers[key]:
                del self._givers[key]
        for key in keys - before:
            self._givers.setdefault(key, set()).add(giver)

    def given(self, giver: str) -> Set[K]:
        """All that he gives."""
        return self._given.get(giver, frozenset[K]())

    def of(self, key: K) -> Collection[str]:
        """Everybody who gives the key."""
        return self._givers.get(key, _NOTHING)


class Shared(Generic[K, V]):
    """A mapping. Where several give a key a value, the last one in their order counts, whoever came first: so
    it is the mapping that would be made in one go. ``values``: nobody else changes it."""

    def __init__(self) -> None:
        self.values: dict[K, V] = {}
        self._given: dict[str, Mapping[K, V]] = {}
        self._givers: Givers[K] = Givers()

    def give(self, giver: str, entries: Mapping[K, V]) -> set[K]:
        """What he gives from now on, instead of what he gave; the keys whose value is another one."""
        before = self._given.pop(giver, {})
        if entries:
            self._given[giver] = entries
        if before == entries:
            return set()
        self._givers.give(giver, entries.keys())
        return {key for key in before.keys() | entries.keys() if self._settle(key)}

    def givers(self, key: K) -> Collection[str]:
        """Everybody who gives the key a value."""
        return self._givers.of(key)

    def _settle(self, key: K) -> bool:
        """Gives the key the value that counts; whether it is another one."""
        givers = self._givers.of(key)
        if not givers:
            del self.values[key]
            return True
        value = self._given[max(givers)][key]
        same = key in self.values and self.values[key] == value
        self.values[key] = value
        return not same
