"""The budget of decoding: never above its limit, nobody waits for ever, and who leaves makes room."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from io import BytesIO
from typing import Final

import pytest
from anyio import CancelScope, current_time, fail_after
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from PIL import Image
from support.gateway import until

from lightbox_shared.concurrency.decoding import BUSY, DecodingBudget, DecodingThreads
from lightbox_shared.errors import Unavailable

LIMIT: Final = 800
SHARE: Final = LIMIT // 8
MOST_WAITING: Final = 4


class Decoder:
    """One who decodes a picture of a size, until told to end."""

    def __init__(self, budget: DecodingBudget, size: int) -> None:
        self.size = size
        self.counted = min(size, LIMIT - SHARE)
        self.running = False
        self.refused = False
        self.go_on = asyncio.Event()
        self.task = asyncio.create_task(self._decode(budget))

    async def _decode(self, budget: DecodingBudget) -> None:
        try:
            async with budget.reserve(self.size):
                self.running = True
                try:
                    await self.go_on.wait()
                finally:
                    self.running = False
        except Unavailable:
            self.refused = True


class Budgets(RuleBasedStateMachine):
    """Pictures begin, end and are given up in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.budget = DecodingBudget(LIMIT, max_waiting=MOST_WAITING)
        self.decoders: list[Decoder] = []

    def settle(self) -> None:
        """Let every task go as far as it can."""

        async def turns() -> None:
            for _ in range(20):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())
        self.decoders = [each for each in self.decoders if not each.task.done()]

    def waiting(self, *, large: bool) -> list[Decoder]:
        return [each for each in self.decoders if not each.running and (each.size > SHARE) is large]

    @property
    def running(self) -> list[Decoder]:
        return [each for each in self.decoders if each.running]

    @rule(size=st.one_of(st.integers(0, SHARE), st.integers(SHARE + 1, LIMIT), st.just(50 * LIMIT)))
    def begin(self, size: int) -> None:
        waiting = len(self.waiting(large=size > SHARE))

        async def make() -> Decoder:
            return Decoder(self.budget, size)

        made = self.loop.run_until_complete(make())
        self.decoders.append(made)
        self.settle()
        assert made.refused is (waiting == MOST_WAITING)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.running)).go_on.set()
        self.settle()

    @precondition(lambda self: self.decoders)
    @rule(data=st.data(), turns=st.integers(0, 6))
    def give_up(self, data: st.DataObject, turns: int) -> None:
        """Also in the moment in which another one makes room: some turns of the event loop after it ends."""
        victim = data.draw(st.sampled_from(self.decoders))
        if self.running:
            data.draw(st.sampled_from(self.running)).go_on.set()

        async def leave() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            victim.task.cancel()

        self.loop.run_until_complete(leave())
        self.settle()
        assert victim.task.done()
        assert victim.task.cancelled() or victim.task.exception() is None

    @invariant()
    def never_above_the_limit(self) -> None:
        assert self.budget.held == sum(each.counted for each in self.running) <= LIMIT
        assert sum(each.counted for each in self.running if each.size > SHARE) <= LIMIT - SHARE
        assert self.budget.waiting == len(self.decoders) - len(self.running) <= 2 * MOST_WAITING

    @invariant()
    def first_come_first_served(self) -> None:
        for large in (False, True):
            of_kind = [each.running for each in self.decoders if (each.size > SHARE) is large]
            assert of_kind == sorted(of_kind, reverse=True)

    @invariant()
    def nothing_waits_for_what_is_free(self) -> None:
        free = LIMIT - self.budget.held
        small, large = self.waiting(large=False), self.waiting(large=True)
        if large:
            taken = sum(each.counted for each in self.running if each.size > SHARE)
            assert large[0].counted > min(free, LIMIT - SHARE - taken)
            of_small = sum(each.counted for each in self.running if each.size <= SHARE)
            assert not small or small[0].counted > min(free, SHARE - of_small)
        elif small:
            assert small[0].counted > free

    def teardown(self) -> None:
        """Whatever was begun, all of it gets its turn, though new small and large ones keep coming."""
        before = list(self.decoders)
        for number in range(4 * len(before) + 4):
            if all(each.running or each.task.done() for each in before):
                break
            for each in self.running:
                each.go_on.set()
            self.settle()
            self.begin(SHARE if number % 2 else LIMIT)
        assert all(each.running or each.task.done() for each in before)
        for _ in range(100):
            for each in self.running:
                each.go_on.set()
            self.settle()
        assert (self.decoders, self.budget.held, self.budget.waiting) == ([], 0, 0)
        self.loop.close()


TestBudgets = Budgets.TestCase
TestBudgets.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)


async def test_small_pictures_pass_a_large_one_that_waits_but_do_not_keep_it_out() -> None:
    budget = DecodingBudget(LIMIT)
    first, large = Decoder(budget, LIMIT), Decoder(budget, LIMIT)
    small = [Decoder(budget, SHARE) for _ in range(3)]
    await asyncio.sleep(0)
    assert [each.running for each in (first, large, *small)] == [True, False, True, False, False]
    first.go_on.set()
    await asyncio.sleep(0.01)
    assert [each.running for each in (large, *small)] == [True, True, False, False]
    for each in (large, *small):
        each.go_on.set()
    await asyncio.gather(*(each.task for each in (first, large, *small)))
    assert budget.held == 0


async def test_a_large_picture_gets_its_turn_while_small_ones_keep_coming() -> None:
    budget = DecodingBudget(LIMIT)
    running = [Decoder(budget, SHARE) for _ in range(8)]
    await asyncio.sleep(0)
    assert all(each.running for each in running)
    large = Decoder(budget, LIMIT)
    coming = [Decoder(budget, SHARE) for _ in range(8)]
    for each in running[:7]:
        assert not any(waiting.running for waiting in (large, *coming))
        each.go_on.set()
        await asyncio.sleep(0.001)
    assert [each.running for each in (large, *coming)] == [True, *[False] * 8]
    for each in (large, running[7], *coming):
        each.go_on.set()
    await asyncio.gather(large.task, *(each.task for each in coming))
    assert budget.held == 0


@pytest.mark.parametrize("turns", range(6))
async def test_who_leaves_in_the_moment_of_being_admitted_leaves_nothing_behind(turns: int) -> None:
    budget = DecodingBudget(LIMIT)
    first, leaving, last = (Decoder(budget, LIMIT) for _ in range(3))
    await asyncio.sleep(0.001)
    first.go_on.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    leaving.task.cancel()
    await asyncio.sleep(0.001)
    assert leaving.task.cancelled()
    assert (last.running, budget.held) == (True, last.counted)
    last.go_on.set()
    await last.task
    assert budget.held == 0


async def test_too_many_waiting_are_refused() -> None:
    budget = DecodingBudget(LIMIT, max_waiting=1)
    async with budget.reserve(LIMIT):
        waiting = asyncio.create_task(_reserved(budget, LIMIT))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match=BUSY) as refused:
            await _reserved(budget, LIMIT)
        assert refused.value.headers == {"Retry-After": "2"}
        await _reserved(budget, SHARE)  # which has a queue of its own
    await waiting


async def _reserved(budget: DecodingBudget, size: int) -> None:
    async with budget.reserve(size):
        pass


def png(side: int) -> bytes:
    """A picture that takes 3 bytes a pixel."""
    buffer = BytesIO()
    Image.new("L", (side, side)).save(buffer, "PNG")
    return buffer.getvalue()


async def test_two_kinds_of_work_share_the_budget_and_no_thread() -> None:
    budget, go_on = DecodingBudget(3_500_000), threading.Event()
    readers, uploads = (DecodingThreads(budget, 1, max_pixels=10**6) for _ in range(2))
    large, small = png(1000), png(100)
    reading = [asyncio.create_task(readers.decode(large, go_on.wait)) for _ in range(16)]
    await until(lambda: budget.held > 0)
    assert await uploads.decode(small, lambda: "done") == "done"
    waiting = asyncio.create_task(uploads.decode(large, lambda: "also"))
    await until(lambda: budget.waiting > 0)
    assert (budget.held, budget.waiting) == (3_000_000, 1)
    go_on.set()
    done, _ = await asyncio.wait([waiting, *reading[8:]], return_when=asyncio.FIRST_COMPLETED)
    assert done == {waiting}
    await asyncio.gather(*reading)
    assert budget.held == 0


@pytest.mark.parametrize("threads", [1, 2])
async def test_a_small_picture_passes_large_ones_of_its_kind_that_wait_for_memory(threads: int) -> None:
    budget = DecodingBudget(4_000_000)
    uploads = DecodingThreads(budget, threads, max_pixels=10**6)
    async with budget.reserve(3_000_000):  # another request decodes
        waiting = [asyncio.create_task(uploads.decode(png(1000), partial(decoded, png(1000)))) for _ in range(6)]
        await until(lambda: budget.waiting == threads)
        for side in range(1, 50):
            with fail_after(5):
                assert await uploads.decode(png(side), partial(decoded, png(side))) == (side, side)
        assert not any(task.done() for task in waiting)
    assert await asyncio.gather(*waiting) == [(1000, 1000)] * 6
    assert budget.held == 0


async def test_work_that_loads_its_bytes_and_work_that_has_them_share_threads_without_a_deadlock() -> None:
    budget = DecodingBudget(4_000_000)
    kinds = [DecodingThreads(budget, threads, max_pixels=10**6, max_waiting=10**6) for threads in (1, 2)]
    files = {side: png(side) for side in (30, 200, 1000)}

    async def loaded(threads: DecodingThreads, side: int) -> tuple[int, int]:
        async with threads.turn() as turn:
            data = await turn.run(partial(files.__getitem__, side))
            size = await turn.decode(data, partial(decoded, data))
            return await turn.run(lambda: size)

    def work(number: int) -> Coroutine[None, None, tuple[int, int]]:
        threads, side = kinds[number % 2], (30, 200, 1000)[number % 3]
        if number % 5 < 2:
            return loaded(threads, side)
        return threads.decode(files[side], partial(decoded, files[side]))

    async with budget.reserve(3_400_000):
        tasks = [asyncio.create_task(work(number)) for number in range(120)]
        await until(lambda: budget.waiting >= len(kinds))
    with fail_after(60):
        sides = [size[0] for size in await asyncio.gather(*tasks)]
    assert sides == [(30, 200, 1000)[number % 3] for number in range(120)]
    assert budget.held == 0


@pytest.mark.parametrize("loads", [True, False])
async def test_turn_and_memory_have_one_deadline(loads: bool) -> None:
    budget, go_on = DecodingBudget(4_000_000), threading.Event()
    threads = DecodingThreads(budget, 1, max_pixels=10**6, max_wait=3)
    data = png(1000)

    async def decode(work: Callable[[], object]) -> None:
        if not loads:
            await threads.decode(data, work)
            return
        async with threads.turn() as turn:
            await turn.decode(data, work)

    first = asyncio.create_task(decode(go_on.wait))
    await until(lambda: budget.held > 0)
    began = current_time()
    second = asyncio.create_task(decode(bool))
    await asyncio.sleep(0.01)
    other = asyncio.create_task(_reserved_until(budget, 3_000_000, second))  # is before it in the queue for memory
    await asyncio.sleep(2)
    go_on.set()
    await first
    with pytest.raises(Unavailable):
        await second
    assert 2.9 < current_time() - began < 4.5  # two deadlines would be 5 seconds
    await other
    assert budget.held == 0


@pytest.mark.parametrize("decodes", [True, False])
async def test_the_wait_for_a_thread_has_a_deadline(decodes: bool) -> None:
    go_on = threading.Event()
    threads = DecodingThreads(DecodingBudget(4_000_000), 1, max_pixels=10**6, max_wait=0.3, busy="Busy.")

    def ask(work: Callable[[], object]) -> Coroutine[None, None, object]:
        return threads.decode(png(100), work) if decodes else threads.run(work)

    first = asyncio.create_task(threads.run(go_on.wait))
    await asyncio.sleep(0.01)
    began = current_time()
    try:
        with pytest.raises(Unavailable, match="Busy"), fail_after(60):
            await ask(bool)
        assert current_time() - began > 0.2
    finally:
        go_on.set()
    assert await first is True
    with fail_after(5):
        assert await ask(lambda: "done") == "done"


async def _reserved_until(budget: DecodingBudget, size: int, task: asyncio.Task[None]) -> None:
    async with budget.reserve(size):
        await asyncio.wait([task])


def decoded(data: bytes) -> tuple[int, int]:
    image = Image.open(BytesIO(data))
    image.load()
    return image.size


async def test_who_leaves_while_a_thread_works_keeps_the_memory_until_it_ends() -> None:
    budget, go_on = DecodingBudget(10**7), threading.Event()
    threads = DecodingThreads(budget, 1, max_pixels=10**6)
    with CancelScope() as scope:

        async def leave() -> None:
            await until(lambda: budget.held > 0)
            scope.cancel()
            await asyncio.sleep(0.01)
            assert budget.held == 3_000_000
            go_on.set()

        leaving = asyncio.create_task(leave())
        await threads.decode(png(1000), go_on.wait)
    await leaving
    assert budget.held == 0


async def test_what_the_work_raises_is_raised_and_frees_its_memory() -> None:
    budget = DecodingBudget(10**6)
    with suppress(ZeroDivisionError):
        await DecodingThreads(budget, 1, max_pixels=10**6).decode(png(100), lambda: 1 // 0)
        pytest.fail("nothing was raised")
    assert budget.held == 0
