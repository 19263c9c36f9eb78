"""Attempts whose passwords are being verified. They are counted as failures already, and may turn out to be right."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

import anyio

LONGEST_WAIT_SECONDS: Final = 3.0
"""The time after which an attempt is refused although others are still in flight."""
MOST_WAITING: Final = 100
"""The number of attempts of this process that may wait for others; a further one is refused at once."""
_LOOK_EVERY: Final = 0.1


class InFlight:
    """Counts the attempts in flight in each bucket.

    It knows those of this process alone. Where several processes share a database, one refuses an attempt that would
    only have to wait for what another process let through.
    """

    def __init__(self) -> None:
        self._attempts: Counter[bytes] = Counter()
        self._watched: dict[int, Counter[bytes]] = {}
        self._waiting = 0

    def among(self, keys: Collection[bytes]) -> Counter[bytes]:
        """How many attempts are in flight now in each of these buckets."""
        return Counter({key: self._attempts[key] for key in keys if key in self._attempts})

    @contextmanager
    def one(self, keys: Collection[bytes]) -> Iterator[None]:
        """One more attempt is in flight in these buckets while the block runs."""
        self._attempts.update(keys)
        for seen in self._watched.values():
            seen.update(keys)
        try:
            yield
        finally:
            self._attempts.subtract(keys)
            self._attempts = +self._attempts  # removes the counts that are zero

    @contextmanager
    def watched(self, keys: Collection[bytes]) -> Iterator[Counter[bytes]]:
        """The attempts that are in flight in these buckets at any time while the block runs, also those that begin and
        end in it."""
        seen = self.among(keys)
        self._watched[id(seen)] = seen
        try:
            yield seen
        finally:
            del self._watched[id(seen)]

    async def change(self, seen: Counter[bytes], until: float) -> bool:
        """Wait until other attempts than `seen` are in flight in its buckets. Returns False if that takes longer than
        `until`, a time of anyio's clock, or if too many attempts wait already."""
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
