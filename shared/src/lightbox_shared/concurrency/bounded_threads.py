"""Threads for work that needs the processor, with a bounded queue before them."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from lightbox_shared.errors import Unavailable

Result = TypeVar("Result")


class BoundedThreads:
    """Runs functions in threads: `threads` at a time, while at most `max_waiting` wait. Used by one event loop."""

    def __init__(self, threads: int, *, max_waiting: int, busy: str) -> None:
        """`busy` is the sentence for clients whose work is refused."""
        self._limiter = CapacityLimiter(threads)
        self._max_waiting = max_waiting
        self._busy = busy

    async def run(self, work: Callable[[], Result]) -> Result:
        """The result of `work()`. Raises its exceptions, and `Unavailable` if the queue is full."""
        if self._limiter.statistics().tasks_waiting >= self._max_waiting:
            raise Unavailable(self._busy)
        return await to_thread.run_sync(work, limiter=self._limiter)
