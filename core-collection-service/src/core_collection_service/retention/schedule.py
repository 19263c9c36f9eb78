"""The rules of retention, applied again and again by one replica at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog

from core_collection_service.retention.service import Retention

log = structlog.get_logger()

FIRST_AFTER_SECONDS: Final = 60.0
EVERY_SECONDS: Final = 3600.0


@asynccontextmanager
async def applied(
    retention: Retention, *, first_after: float = FIRST_AFTER_SECONDS, every: float = EVERY_SECONDS
) -> AsyncIterator[None]:
    """Apply the rules soon after the start and then every hour, until the end of the context."""
    task = asyncio.create_task(_apply_on(retention, first_after, every), name="retention")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _apply_on(retention: Retention, first_after: float, every: float) -> None:
    await asyncio.sleep(first_after)
    while True:
        devices = count = size = 0
        try:
            async for cleaned in retention.apply(share=True):
                devices, count, size = devices + 1, count + cleaned.pictures, size + cleaned.size
        except Exception as error:  # noqa: BLE001 - whatever it is, the next time may go well
            log.warning("could not apply the rules of retention", error=str(error) or type(error).__name__)
        if count:
            log.info("the rules of retention let pictures go", devices=devices, pictures=count, bytes=size)
        await asyncio.sleep(every)
