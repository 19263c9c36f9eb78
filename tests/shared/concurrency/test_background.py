"""Work beside the requests: it runs, it survives errors, and it ends with its context."""

import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from lightbox_shared.concurrency import background
from lightbox_shared.concurrency.background import background_task, periodic_task


async def test_a_task_ends_with_its_context() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with background_task(work(), "waiting"):
        await started.wait()
        assert not ended.is_set()
    assert ended.is_set()


async def test_an_error_of_a_task_is_logged_and_the_service_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    # A logger that a service has used before keeps the processors of that service, and is not captured.
    monkeypatch.setattr(background, "log", structlog.get_logger())
    failed = asyncio.Event()

    async def work() -> None:
        failed.set()
        raise RuntimeError("the disk is full")

    with capture_logs() as logged:
        async with background_task(work(), "writer"):
            await failed.wait()
            await asyncio.sleep(0)
    assert [(each["event"], each["task"]) for each in logged] == [("a background task ended", "writer")]


async def test_an_error_in_the_context_is_not_lost() -> None:
    with pytest.raises(LookupError):
        async with background_task(asyncio.sleep(60), "sleeping"):
            raise LookupError


async def test_a_periodic_task_goes_on_after_an_error() -> None:
    runs = 0
    thrice = asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            thrice.set()
        raise RuntimeError

    async with periodic_task(work, "often", every=0.001):
        await asyncio.wait_for(thrice.wait(), 5)
    before = runs
    await asyncio.sleep(0.01)
    assert runs == before


async def test_the_first_run_can_be_sooner() -> None:
    ran = asyncio.Event()

    async def work() -> None:
        ran.set()

    async with periodic_task(work, "rare", every=3600, first_after=0):
        await asyncio.wait_for(ran.wait(), 5)


async def test_no_run_before_its_time() -> None:
    ran = asyncio.Event()

    async def work() -> None:
        ran.set()

    async with periodic_task(work, "rare", every=3600):
        await asyncio.sleep(0.01)
    assert not ran.is_set()
