"""Work that several requests ask for at the same time is done once, for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from anyio import CancelScope

from lightbox_shared.concurrency.cancelling import cancel_and_wait

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


@dataclass(slots=True)
class _Flight(Generic[Result]):
    task: asyncio.Task[Result]
    scope: CancelScope
    waiting: int = 0


class SingleFlight(Generic[Key, Result]):
    """Runs one task for each key at a time. Used by one event loop; `await close()` at its end."""

    def __init__(self, *, ends_abandoned: bool = False) -> None:
        """With `ends_abandoned` work that nobody waits for any more is cancelled. A function that has begun in a thread
        ends first."""
        self._ends_abandoned = ends_abandoned
        self._flights: dict[Key, _Flight[Result]] = {}
        self._tasks: set[asyncio.Task[Result]] = set()  # also of work that was given up, until it has ended

    async def run(self, key: Key, work: Callable[[], Awaitable[Result]]) -> Result:
        """The result of the work for `key` that is under way, else of `work()`. Raises its exceptions. It goes on when
        a caller is cancelled, since others may wait for it."""
        flight = self._flights.get(key) or self._begin(key, work)
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if self._ends_abandoned and not flight.waiting and not flight.task.done():
                self._forget(key, flight)  # who asks from now on begins anew
                flight.scope.cancel()

    async def close(self) -> None:
        """Cancel all work, and wait until it has ended."""
        await cancel_and_wait(self._tasks)

    def _begin(self, key: Key, work: Callable[[], Awaitable[Result]]) -> _Flight[Result]:
        scope = CancelScope()
        flight = self._flights[key] = _Flight(asyncio.ensure_future(_run(work, scope)), scope)
        self._tasks.add(flight.task)
        flight.task.add_done_callback(self._tasks.discard)
        flight.task.add_done_callback(lambda _done: self._forget(key, flight))
        return flight

    def _forget(self, key: Key, flight: _Flight[Result]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if flight.task.done() and not flight.task.cancelled():
            flight.task.exception()  # nobody may have waited for it to the end


async def _run(work: Callable[[], Awaitable[Result]], scope: CancelScope) -> Result:
    with scope:
        return await work()
    raise asyncio.CancelledError  # nobody waits
