"""What was used lately, within a number of bytes: those that nobody has asked for the longest make way."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values by key; `weigh` says how many bytes one takes, and always the same of the same."""

    def __init__(self, limit: int, weigh: Callable[[K, V], int]) -> None:
        self._limit = limit
        self._weigh = weigh
        self._values: OrderedDict[K, V] = OrderedDict()
        self.held = 0
        """Bytes at this moment."""

    def get(self, key: K) -> V | None:
        """The value, which is the latest then."""
        found = self._values.get(key)
        if found is not None:
            self._values.move_to_end(key)
        return found

    def put(self, key: K, value: V) -> None:
        """In place of the one that was there. A value of more than the limit does not stay."""
        self.forget(key)
        self._values[key] = value
        self.held += self._weigh(key, value)
        while self.held > self._limit:
            self.forget(next(iter(self._values)))

    def forget(self, key: K) -> None:
        """If it is there."""
        found = self._values.pop(key, None)
        if found is not None:
            self.held -= self._weigh(key, found)

    def clear(self) -> None:
        """Forget all."""
        self._values.clear()
        self.held = 0
