"""A thread that works with what only the event loop can do, such as reading from the database.

    def work(bridge: Bridge) -> None:
        batch = bridge.call(read_batch)

    await run_in_thread(work, limiter=...)

If the task that waits for the thread is cancelled, the call that runs is cancelled and further ones raise `Stopped`,
and the task goes on only when the call and the thread have ended: what they use can be closed then.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

import anyio
import anyio.to_thread

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")


class Stopped(Exception):
    """The task that waits for the thread was cancelled."""


class Bridge:
    """The way from a thread to the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._stopped = False
        self._running: asyncio.Task[Any] | None = None

    def call(
        self,
        function: Callable[Parameters, Awaitable[Result]],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Await `function(...)` in the event loop, and return its result. To be called in the thread."""

        async def run() -> Result:
            if self._stopped:
                raise Stopped
            self._running = asyncio.current_task()
            try:
                return await function(*args, **kwargs)
            finally:
                self._running = None

        try:
            return asyncio.run_coroutine_threadsafe(run(), self._loop).result()
        except CancelledError as error:
            raise Stopped from error

    def stop(self) -> None:
        """Cancel the call that runs, and let further ones raise `Stopped`. To be called in the event loop."""
        self._stopped = True
        if self._running is not None:  # not its future: that would let the thread go on before the call has ended
            self._running.cancel()


async def run_in_thread(work: Callable[[Bridge], None], *, limiter: anyio.CapacityLimiter) -> None:
    """Run `work` in a thread until it ends, when `limiter` lets it begin. Raises what it raises."""
    bridge = Bridge(asyncio.get_running_loop())
    async with limiter:
        thread = asyncio.ensure_future(anyio.to_thread.run_sync(work, bridge, limiter=anyio.CapacityLimiter(1)))
        try:
            await asyncio.shield(thread)
        except asyncio.CancelledError:
            bridge.stop()
            while not thread.done():
                with suppress(asyncio.CancelledError):  # cancelled once more, it waits all the same
                    await asyncio.wait([thread])
            thread.exception()  # it was stopped: one is expected
            raise
