"""Threads that ask the event loop for what only it can do, and tasks that are cancelled while they wait for one."""

import asyncio
import threading
from contextlib import suppress

import anyio
import pytest

from annotation_service.exports.thread_bridge import Bridge, Stopped, run_in_thread


async def run(work: "Work") -> None:
    await run_in_thread(work, limiter=anyio.CapacityLimiter(1))


class Work:
    """Calls `call` in a thread until that raises, and knows what happened."""

    def __init__(self, *, calls: int = 1) -> None:
        self.begun = asyncio.Event()
        self.call_has_ended = self.thread_has_ended = False
        self.results: list[int] = []
        self.raised: BaseException | None = None
        self._calls = calls

    def __call__(self, bridge: Bridge) -> None:
        try:
            for number in range(self._calls):
                self.results.append(bridge.call(self.call, number))
        except BaseException as error:
            self.raised = error
            raise
        finally:
            self.thread_has_ended = True

    async def call(self, number: int) -> int:
        return number * 2


class Waiting(Work):
    """Its call waits for ever, and takes a while to close what it uses when it is cancelled."""

    async def call(self, number: int) -> int:
        self.begun.set()
        try:
            return await asyncio.get_running_loop().create_future() or number
        finally:
            await asyncio.sleep(0.05)
            self.call_has_ended = True


class Refusing(Work):
    async def call(self, number: int) -> int:
        raise ConnectionError(number)


async def test_results_come_back_to_the_thread() -> None:
    work = Work(calls=3)
    await run(work)
    assert work.results == [0, 2, 4]


async def test_an_error_of_a_call_is_raised_in_the_thread_and_by_it() -> None:
    work = Refusing()
    with pytest.raises(ConnectionError):
        await run(work)
    assert isinstance(work.raised, ConnectionError)


async def test_a_cancelled_task_goes_on_when_the_call_and_the_thread_have_ended() -> None:
    work = Waiting()
    task = asyncio.ensure_future(run(work))
    await work.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (work.call_has_ended, work.thread_has_ended) == (True, True)
    assert isinstance(work.raised, Stopped)


async def test_no_call_begins_after_the_task_was_cancelled() -> None:
    may_go_on, works = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    work = Work()

    def late(bridge: Bridge) -> None:
        loop.call_soon_threadsafe(works.set)
        may_go_on.wait(30)
        work(bridge)

    task = asyncio.ensure_future(run_in_thread(late, limiter=anyio.CapacityLimiter(1)))
    await works.wait()
    task.cancel()
    await asyncio.sleep(0)
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert isinstance(work.raised, Stopped)
    assert work.results == []


@pytest.mark.parametrize("turns", range(12))
async def test_whenever_a_task_is_cancelled_nothing_of_it_goes_on(turns: int) -> None:
    running = 0

    class Counting(Work):
        async def call(self, number: int) -> int:
            nonlocal running
            running += 1
            try:
                await asyncio.sleep(0)
                return number
            finally:
                try:  # it may be cancelled here as well
                    await asyncio.sleep(0.001)
                finally:
                    running -= 1

    work = Counting(calls=20)
    task = asyncio.ensure_future(run(work))
    for _ in range(turns * 3):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert running == 0
    results = list(work.results)
    await asyncio.sleep(0.01)
    assert work.results == results


async def test_a_task_that_is_cancelled_twice_waits_all_the_same() -> None:
    work = Waiting()
    limiter = anyio.CapacityLimiter(1)
    task = asyncio.ensure_future(run_in_thread(work, limiter=limiter))
    await work.begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert limiter.borrowed_tokens == 1
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (work.call_has_ended, work.thread_has_ended) == (True, True)
