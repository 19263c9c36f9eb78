"""Ending tasks."""

import asyncio
from collections.abc import Iterable
from typing import Any

from anyio import CancelScope


async def cancel_and_wait(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and return when all of them have ended: what they use can be closed then. A task that is only
    cancelled goes on, with its connection to the database for one, until the event loop comes to it.

    Their results and exceptions are dropped.
    """
    cancelled = list(tasks)
    for task in cancelled:
        task.cancel()
    # A cancelled scope of anyio would cancel them again each time they wait for something while they tidy up.
    with CancelScope(shield=True):
        await asyncio.gather(*cancelled, return_exceptions=True)
