"""Work that is asked for several times at once is done once."""

import asyncio
from contextlib import suppress

import pytest

from lightbox_shared.concurrency.single_flight import SingleFlight


class Work:
    """Ends when the test says so."""

    def __init__(self) -> None:
        self.started = 0
        self.ended_early = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> int:
        self.started += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.ended_early += 1
            raise
        if self.started > 1:
            raise ValueError("the second time")
        return self.started


async def test_once_for_all_who_wait() -> None:
    flight, work = SingleFlight[str, int](), Work()
    tasks = [asyncio.create_task(flight.run("a", work)) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    work.may_end.set()
    assert await asyncio.gather(*tasks) == [1] * 5
    results = await asyncio.gather(*(flight.run("a", work) for _ in range(3)), return_exceptions=True)
    assert [str(each) for each in results] == ["the second time"] * 3
    assert work.started == 2


async def test_it_goes_on_when_somebody_leaves() -> None:
    flight, work = SingleFlight[str, int](), Work()
    leaving, staying = (asyncio.create_task(flight.run("a", work)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    work.may_end.set()
    assert await staying == 1


async def test_it_ends_when_all_have_left() -> None:
    flight, first, second = SingleFlight[str, int](ends_abandoned=True), Work(), Work()
    leaving = [asyncio.create_task(flight.run("a", first)) for _ in range(2)]
    await asyncio.sleep(0.01)
    leaving[0].cancel()
    await asyncio.sleep(0.01)
    assert first.ended_early == 0  # somebody still waits
    leaving[1].cancel()
    await asyncio.gather(*leaving, return_exceptions=True)
    later = asyncio.create_task(flight.run("a", second))  # which does not get what was given up
    await asyncio.sleep(0.01)
    assert (first.ended_early, second.started) == (1, 1)
    second.may_end.set()
    assert await later == 1


async def test_closing_waits_for_what_was_given_up() -> None:
    flight, has_ended = SingleFlight[str, None](ends_abandoned=True), False

    async def work() -> None:
        nonlocal has_ended
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for _ in range(20):
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0)
            has_ended = True

    leaving = asyncio.create_task(flight.run("a", work))
    await asyncio.sleep(0.01)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await flight.close()
    assert has_ended


async def test_other_keys_are_other_work() -> None:
    flight, work = SingleFlight[int, int](), Work()
    tasks = [asyncio.create_task(flight.run(key, work)) for key in range(3)]
    await asyncio.sleep(0.01)
    assert work.started == 3
    await flight.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in results] == [asyncio.CancelledError] * 3
