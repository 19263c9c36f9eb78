"""Work in threads, with a bounded queue."""

import threading

import anyio
import pytest

from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.errors import Unavailable


async def test_results_and_exceptions_come_back() -> None:
    threads = BoundedThreads(2, max_waiting=1, busy="Busy.")
    assert await threads.run(threading.get_ident) != threading.get_ident()

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await threads.run(fail)


async def test_the_queue_is_bounded() -> None:
    threads, go_on = BoundedThreads(1, max_waiting=1, busy="Busy."), threading.Event()
    done: list[int] = []

    def work(number: int) -> None:
        assert go_on.wait(10)
        done.append(number)

    async with anyio.create_task_group() as tasks:
        for number in (1, 2):
            tasks.start_soon(threads.run, lambda number=number: work(number))
            await anyio.wait_all_tasks_blocked()
        with pytest.raises(Unavailable, match="Busy") as refused:
            await threads.run(lambda: work(3))
        assert refused.value.headers == {"Retry-After": "1"}
        go_on.set()
    assert done == [1, 2]
    await threads.run(lambda: work(4))
    assert done == [1, 2, 4]
