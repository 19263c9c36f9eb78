"""Work side by side whose results come in order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagehub_service.gallery.adding.side_by_side import in_order


async def items(numbers: Sequence[int]) -> AsyncIterator[int]:
    for number in numbers:
        yield number


@given(
    delays=st.lists(st.integers(0, 5), max_size=30),
    failing=st.sets(st.integers(0, 29)),
    slots=st.integers(1, 5),
    ahead=st.integers(1, 6),
    callers=st.integers(1, 4),
)
def test_results_come_in_order_within_the_bounds(
    delays: list[int], failing: set[int], slots: int, ahead: int, callers: int
) -> None:
    async def main() -> None:
        semaphore = asyncio.Semaphore(slots)
        under_way = [0] * callers

        async def one(caller: int) -> None:
            async def work(number: int) -> int:
                under_way[caller] += 1
                assert under_way[caller] <= ahead
                assert sum(under_way) <= slots
                for _ in range(delays[number]):
                    await asyncio.sleep(0)
                under_way[caller] -= 1
                if number in failing:
                    raise ValueError(number)
                return number

            seen = []
            async for number, task in in_order(items(range(len(delays))), work, slots=semaphore, ahead=ahead):
                assert task.done()
                assert (task.exception() is not None) == (number in failing)
                seen.append(number)
            assert seen == list(range(len(delays)))

        await asyncio.wait_for(asyncio.gather(*(one(caller) for caller in range(callers))), 20)
        assert semaphore._value == slots

    asyncio.run(main())


@pytest.mark.parametrize("after", [0, 1, 5])
async def test_what_is_not_done_is_cancelled(after: int) -> None:
    semaphore = asyncio.Semaphore(3)
    ended: list[int] = []

    async def work(number: int) -> None:
        try:
            if number >= after:
                await asyncio.Event().wait()
        finally:
            ended.append(number)

    async def consume() -> None:
        async with aclosing(in_order(items(range(20)), work, slots=semaphore, ahead=9)) as results:
            async for _ in results:
                pass

    task = asyncio.create_task(consume())
    for _ in range(50):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert sorted(ended) == list(range(after + 3))
    assert semaphore._value == 3
