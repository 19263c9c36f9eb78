"""The rules of retention, applied every hour by one replica at a time."""

from contextlib import AbstractAsyncContextManager
from typing import Final

import structlog

from core_collection_service.retention.service import Retention
from lightbox_shared.concurrency.background import periodic_task

log = structlog.get_logger()

FIRST_AFTER_SECONDS: Final = 60.0
EVERY_SECONDS: Final = 3600.0


def scheduled_retention(
    retention: Retention, *, first_after: float = FIRST_AFTER_SECONDS
) -> AbstractAsyncContextManager[None]:
    """Apply the rules `first_after` seconds after the start and then every hour, until the end of the context."""

    async def apply() -> None:
        devices = count = size = 0
        try:
            async for expired in retention.apply(alone=True):
                devices, count, size = devices + 1, count + expired.pictures, size + expired.size
        finally:
            if count:
                log.info("expired pictures were deleted", devices=devices, pictures=count, bytes=size)

    return periodic_task(apply, "retention", every=EVERY_SECONDS, first_after=first_after)
