"""Decoding of pictures within a budget of memory, in threads.

A file of some kilobytes can be a picture of 50 megapixels, and decoding takes several copies of it. What one takes is
known from its header (`lightbox_shared.images.decoding_memory`). All that a service decodes at the same time shares one
`DecodingBudget`; a picture that does not fit waits. Each kind of work, such as uploads and what readers ask for, has
`DecodingThreads` of its own, so that neither waits for the threads of the other.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, TypeVar

from anyio import CapacityLimiter, WouldBlock, current_time, fail_after, to_thread

from lightbox_shared.errors import Unavailable
from lightbox_shared.images.decoding_memory import decoding_memory

SMALL_SHARE: Final = 8
"""Pictures that take at most one part in so many of the budget are small, and have that part to themselves."""
MAX_WAITING: Final = 256
MAX_WAIT_SECONDS: Final = 20.0
"""Less than the gateway waits for an answer."""
RETRY_AFTER_SECONDS: Final = 2
BUSY: Final = "Too many pictures are being decoded."

Result = TypeVar("Result")


class _Queue:
    """The pictures of one kind that wait, in the order in which they came."""

    def __init__(self) -> None:
        self.held = 0
        """Bytes of those that are being decoded."""
        self.waiting: deque[tuple[int, asyncio.Future[None]]] = deque()


class DecodingBudget:
    """At most `limit` bytes at once, for as many pictures as fit. Used by one event loop.

    Small and large pictures wait in two queues, each first come, first served. Large ones have the budget without the
    share of the small ones; small ones have all that is free, but while a large one waits only their share. So neither
    kind keeps the other out. A picture that is larger than the budget counts as large as all that large ones may
    have: it is decoded, and none of the large ones beside it.
    """

    def __init__(self, limit: int, *, max_waiting: int = MAX_WAITING) -> None:
        """`max_waiting` is for each queue."""
        self._limit = limit
        self._share = limit // SMALL_SHARE
        self._max_waiting = max_waiting
        self._small = _Queue()
        self._large = _Queue()

    @property
    def held(self) -> int:
        """Bytes that are reserved at this moment."""
        return self._small.held + self._large.held

    @property
    def waiting(self) -> int:
        """How many pictures wait."""
        return len(self._small.waiting) + len(self._large.waiting)

    def is_small(self, size: int) -> bool:
        """Whether a picture that takes `size` bytes waits with the small ones."""
        return size <= self._share

    @asynccontextmanager
    async def reserve(self, size: int, *, max_wait: float = MAX_WAIT_SECONDS) -> AsyncIterator[None]:
        """Hold `size` bytes in the context, which begins when they are free. Raises `Unavailable` if too many wait, or
        after `max_wait` seconds.

        What runs inside must not need anything that others hold while they wait here, such as a connection of the
        database, or a turn of `DecodingThreads`. Threads are never held by those that wait.
        """
        queue = self._small if self.is_small(size) else self._large
        size = min(size, self._limit - self._share)
        if queue.waiting or not self._fits(queue, size):
            await self._wait(queue, size, max_wait)
        else:
            queue.held += size
        try:
            yield
        finally:
            queue.held -= size
            self._admit()

    async def _wait(self, queue: _Queue, size: int, max_wait: float) -> None:
        """Return when the bytes are held. Raises `Unavailable`."""
        if len(queue.waiting) >= self._max_waiting:
            raise Unavailable(BUSY, retry_after=RETRY_AFTER_SECONDS)
        admitted = asyncio.get_running_loop().create_future()
        place = (size, admitted)
        queue.waiting.append(place)
        try:
            with fail_after(max_wait):
                await admitted
        except BaseException as error:
            if admitted.done() and not admitted.cancelled():  # admitted and cancelled at the same time
                queue.held -= size
            else:
                queue.waiting.remove(place)
            self._admit()
            if isinstance(error, TimeoutError):
                raise Unavailable(BUSY, retry_after=RETRY_AFTER_SECONDS) from None
            raise

    def _fits(self, queue: _Queue, size: int) -> bool:
        if self.held + size > self._limit:
            return False
        if queue is self._large:
            return queue.held + size <= self._limit - self._share
        return not self._large.waiting or queue.held + size <= self._share

    def _admit(self) -> None:
        """Let those go on for whom there is room now."""
        for queue in (self._large, self._small):
            while queue.waiting and self._fits(queue, queue.waiting[0][0]):
                size, admitted = queue.waiting[0]
                if admitted.cancelled():  # and about to leave the queue by itself
                    break
                queue.waiting.popleft()
                queue.held += size
                admitted.set_result(None)


class DecodingThreads:
    """Threads for one kind of work on pictures: `threads` at a time, while at most `max_waiting` wait. Used by one
    event loop.

    Work takes up to three things, always in this order: a turn, memory of the budget, a thread. There are three kinds
    of turns, as many of each as threads. `turn` is for work whose bytes are not in memory yet. `decode` has turns for
    small pictures and others for large ones, since it knows the size from the start; so a small one never waits
    behind large ones that wait for memory. As turns bound how many of one kind of work wait for memory, kinds that
    share a budget take turns there.

    Nobody waits for ever: who runs in a thread waits for nothing, so threads become free; who waits for a thread holds
    nothing that those in threads need, so memory becomes free; and who holds a turn waits for memory or a thread, and
    never for a second turn, so turns become free. Code that asks for a turn while it holds memory of the same budget
    would break this.
    """

    def __init__(
        self,
        budget: DecodingBudget,
        threads: int,
        *,
        max_pixels: int,
        max_waiting: int = MAX_WAITING,
        max_wait: float = MAX_WAIT_SECONDS,
        busy: str = BUSY,
    ) -> None:
        """`busy` is the sentence for clients whose picture is refused, also where it has waited for its turn for
        `max_wait` seconds, or work without a turn for a thread. The waits for turn and memory together are no longer
        than that. `max_pixels` is the size above which the work refuses a picture by its header."""
        self._budget = budget
        self._loading = CapacityLimiter(threads)
        self._small = CapacityLimiter(threads)
        self._large = CapacityLimiter(threads)
        self._threads = CapacityLimiter(threads)
        self._max_pixels = max_pixels
        self._max_waiting = max_waiting
        self._max_wait = max_wait
        self._busy = busy

    @asynccontextmanager
    async def turn(self, *, deadline: float | None = None) -> AsyncIterator["Turn"]:
        """A turn to oneself. Bytes of pictures that are loaded inside of it are in memory for as many pictures as
        there are threads. Raises `Unavailable` if too many wait, or it takes longer than `max_wait`; with a
        `deadline`, in the time of the event loop, until then."""
        self._check_queue()
        if deadline is None:
            deadline = current_time() + self._max_wait
        async with self._turn_of(self._loading, deadline):
            yield Turn(self._budget, self._threads, self._max_pixels, deadline)

    async def run(self, work: Callable[[], Result]) -> Result:
        """The result of work that decodes nothing. Raises its exceptions, and `Unavailable` if too many wait, or there
        is no thread for it for `max_wait` seconds."""
        self._check_queue()
        return await self._run(work, current_time() + self._max_wait)

    async def decode(
        self, data: bytes, work: Callable[[], Result], *, min_size: tuple[int, int] | None = None
    ) -> Result:
        """The result of work that decodes the picture `data`. Raises its exceptions, and `Unavailable`. `min_size` is
        that of `decoding_memory`."""
        self._check_queue()
        turn = Turn(self._budget, self._threads, self._max_pixels, current_time() + self._max_wait)
        size = await self._run(turn.reading_size(data, min_size), turn.deadline)
        async with self._turn_of(self._small if self._budget.is_small(size) else self._large, turn.deadline):
            return await turn.decode_within(size, work)

    async def _run(self, work: Callable[[], Result], deadline: float) -> Result:
        """The result of work, for which there is a thread before `deadline`. Raises `Unavailable` otherwise."""
        async with self._turn_of(self._threads, deadline):
            return await to_thread.run_sync(work, limiter=CapacityLimiter(1))  # a thread of our own is free

    def _check_queue(self) -> None:
        queues = (self._loading, self._small, self._large, self._threads)
        if sum(queue.statistics().tasks_waiting for queue in queues) >= self._max_waiting:
            raise Unavailable(self._busy)

    @asynccontextmanager
    async def _turn_of(self, turns: CapacityLimiter, deadline: float) -> AsyncIterator[None]:
        borrower = object()
        try:
            turns.acquire_on_behalf_of_nowait(borrower)
        except WouldBlock:
            try:
                with fail_after(deadline - current_time()):
                    await turns.acquire_on_behalf_of(borrower)
            except TimeoutError:
                raise Unavailable(self._busy) from None
        try:
            yield
        finally:
            turns.release_on_behalf_of(borrower)


class Turn:
    """The turn of one picture."""

    def __init__(self, budget: DecodingBudget, threads: CapacityLimiter, max_pixels: int, deadline: float) -> None:
        self._budget = budget
        self._threads = threads
        self._max_pixels = max_pixels
        self.deadline = deadline
        """When the picture has waited for too long, in the time of the event loop."""

    async def run(self, work: Callable[[], Result]) -> Result:
        """The result of work that decodes nothing. Raises its exceptions."""
        return await to_thread.run_sync(work, limiter=self._threads)

    async def decode(
        self, data: bytes, work: Callable[[], Result], *, min_size: tuple[int, int] | None = None
    ) -> Result:
        """The result of work that decodes the picture `data`, once there is memory for it. Raises its exceptions, and
        `Unavailable` if too many wait."""
        return await self.decode_within(await self.run(self.reading_size(data, min_size)), work)

    def reading_size(self, data: bytes, min_size: tuple[int, int] | None) -> Callable[[], int]:
        """Work that tells how many bytes decoding the picture `data` takes (`decoding_memory`)."""
        return partial(decoding_memory, data, max_pixels=self._max_pixels, min_size=min_size)

    async def decode_within(self, size: int, work: Callable[[], Result]) -> Result:
        """The result of work that takes `size` bytes, once they are free. Raises its exceptions, and `Unavailable`."""
        async with self._budget.reserve(size, max_wait=self.deadline - current_time()):
            return await self.run(work)
