"""Work that is done side by side, and whose results come in the order in which it was given out."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeVar

from lightbox_shared.concurrency.cancelling import cancel_and_wait

Item = TypeVar("Item")
Result = TypeVar("Result")


async def in_order(
    items: AsyncIterator[Item],
    work: Callable[[Item], Awaitable[Result]],
    *,
    slots: asyncio.Semaphore,
    ahead: int,
) -> AsyncGenerator[tuple[Item, asyncio.Task[Result]]]:
    """Run `work` on each item in a task of its own, at most `ahead` at a time, and yield the tasks, which are done, in
    the order of the items.

    A task has one of the `slots` from its start until the caller asks for the next one, so that these, which several
    callers may share, bound what is in memory. Tasks that are not done are cancelled when the generator is closed.
    """
    running: deque[tuple[Item, asyncio.Task[Result]]] = deque()
    try:
        async for item in items:
            # What has a slot goes on without a further one, so those who share them can't wait for each other for ever.
            while running and (len(running) >= ahead or slots.locked()):
                await asyncio.wait([running[0][1]])
                yield running[0]
                running.popleft()
                slots.release()
            await slots.acquire()
            running.append((item, asyncio.ensure_future(work(item))))
        while running:
            await asyncio.wait([running[0][1]])
            yield running[0]
            running.popleft()
            slots.release()
    finally:
        for _ in running:
            slots.release()
        await cancel_and_wait(task for _, task in running)
