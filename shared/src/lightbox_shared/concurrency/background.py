"""Tasks that run beside the requests: one that runs until its service stops, and one that is repeated."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

from lightbox_shared.concurrency.cancelling import cancel_and_wait

log = structlog.get_logger()


@asynccontextmanager
async def background_task(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Run `work` until the end of the context, where it is cancelled and waited for.

    `work` should handle its own errors: an exception ends the task and is logged at once, and the service goes on.
    """
    task = asyncio.create_task(_logged(work, name), name=name)
    try:
        yield
    finally:
        await cancel_and_wait([task])
        work.close()  # in case the task was cancelled before it began


@asynccontextmanager
async def periodic_task(
    work: Callable[[], Awaitable[object]], name: str, *, every: float, first_after: float | None = None
) -> AsyncIterator[None]:
    """Await `work()` with pauses of `every` seconds until the end of the context.

    The first run begins after `first_after` seconds, by default after `every`. An exception is logged, and the next run
    takes place as planned.
    """
    async with background_task(_repeat(work, name, every, every if first_after is None else first_after), name):
        yield


async def _repeat(work: Callable[[], Awaitable[object]], name: str, every: float, first_after: float) -> None:
    await asyncio.sleep(first_after)
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - the next run may succeed
            log.warning("a periodic task failed", task=name, error=str(error) or type(error).__name__)
        await asyncio.sleep(every)


async def _logged(work: Coroutine[Any, Any, None], name: str) -> None:
    try:
        await work
    except Exception:
        log.exception("a background task ended", task=name)
