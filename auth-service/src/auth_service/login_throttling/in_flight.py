"""Attempts whose passwords are being looked at: they are counted as failures already, and may turn out to be none."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

import anyio

LONGEST_WAIT_SECONDS: Final = 3.0
"""Seconds after which an attempt is refused although others are under way still."""
MOST_WAITING: Final = 100
"""How many attempts of this process wait for others; one more is refused at once."""
_LOOK_EVERY: Final = 0.1


class InFlight:
    """How many there are in each bucket. Of this process alone: where several share a database, one refuses what waits
    for attempts that another has let through."""

    def __init__(self) -> None:
        self._attempts: Counter[bytes] = Counter()
        self._watched: dict[int, Counter[bytes]] = {}
        self._waiting = 0

    def among(self, keys: Collection[bytes]) -> Counter[bytes]:
        """How many there are now."""
        return Counter({key: self._attempts[key] for key in keys if key in self._attempts})

    @contextmanager
    def one(self, keys: Collection[bytes]) -> Iterator[None]:
        """One is, while the block runs."""
        self._attempts.update(keys)
        for seen in self._watched.values():
            seen.update(keys)
        try:
            yield
        finally:
            self._attempts.subtract(keys)
            self._attempts = +self._attempts  # without those that are none, which would pile up

    @contextmanager
    def watched(self, keys: Collection[bytes]) -> Iterator[Counter[bytes]]:
        """How many there are at any time while the block runs; those that begin and end in it are in it too."""
        seen = self.among(keys)
        self._watched[id(seen)] = seen
        try:
            yield seen
        finally:
            del self._watched[id(seen)]

    async def change(self, seen: Counter[bytes], until: float) -> bool:
        """Wait until there are others than `seen`; False if that takes longer than `until`, on anyio's clock, or too
        many wait."""
        if self._waiting >= MOST_WAITING:
            return False
        self._waiting += 1
        try:
            while anyio.current_time() < until:
                await anyio.sleep(_LOOK_EVERY)
                if self.among(seen) != seen:
                    return True
        finally:
            self._waiting -= 1
        return False
