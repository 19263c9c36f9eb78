"""News of additions, within this process: who waits for one is woken at once, and need not ask the database often."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from lightbox_shared.errors import Unavailable

POLL_SECONDS: Final = 1.0
"""The pause between two looks at an addition on which another process works."""


class Listener:
    """Waits for news of one addition."""

    def __init__(self, *, only_end: bool) -> None:
        self.only_end = only_end
        self.news = asyncio.Event()
        self.is_stopping = False

    async def wait(self, seconds: float = POLL_SECONDS) -> None:
        """Return when there may be news, after `seconds` at the latest. Raises `Unavailable` when the service stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.news.wait()
        self.news.clear()
        if self.is_stopping:
            raise Unavailable("The service is stopping. What was asked for will be done when it runs again.")


class ProgressBoard:
    """Tells listeners of this process about additions on which this process works."""

    def __init__(self) -> None:
        self._listeners: dict[int, set[Listener]] = {}
        self._is_stopping = False

    @contextmanager
    def listening(self, addition_id: int, *, only_end: bool = False) -> Iterator[Listener]:
        """A listener until the end of the context, with `only_end` one that is told only when the addition ends."""
        listener = Listener(only_end=only_end)
        listener.is_stopping = self._is_stopping
        self._listeners.setdefault(addition_id, set()).add(listener)
        try:
            yield listener
        finally:
            self._listeners[addition_id].discard(listener)
            if not self._listeners[addition_id]:
                del self._listeners[addition_id]

    def tell(self, addition_id: int, *, is_end: bool = False) -> None:
        """There are news of an addition."""
        for listener in self._listeners.get(addition_id, ()):
            if is_end or not listener.only_end:
                listener.news.set()

    def stop(self) -> None:
        """The service stops: waiting requests are answered."""
        self._is_stopping = True
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.is_stopping = True
                listener.news.set()
