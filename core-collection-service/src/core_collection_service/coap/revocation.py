"""Taking the security context of a device away while the service runs: its folder is removed, or its keys are replaced.

The device is then refused within `CHECK_SECONDS`, and what it observes ends. New contexts are read at the next start.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import Final

import structlog
from aiocoap import Message
from aiocoap.credentials import CredentialsMap

from core_collection_service.coap.security import DeviceContext, context_of
from lightbox_shared.errors import NotAuthenticated

log = structlog.get_logger()

CHECK_SECONDS: Final = 2.0


async def drop_revoked(contexts: CredentialsMap, files: Executor) -> None:
    """Take the contexts out whose files are not what they were. `files` is the thread that has read them."""
    loop = asyncio.get_running_loop()
    known = {name: context for name, context in contexts.items() if isinstance(context, DeviceContext)}
    for name in await loop.run_in_executor(files, _revoked, known):
        del contexts[name]
        log.info("the security context of a device was taken away", context=name.lstrip(":"))
        known[name].revoke()


def _revoked(contexts: dict[str, DeviceContext]) -> list[str]:
    names = [name for name, context in contexts.items() if context.has_changed()]
    for name in names:
        contexts[name].give_up()
    return names


@asynccontextmanager
async def ended_by_revocation(request: Message) -> AsyncIterator[None]:
    """Raise `NotAuthenticated` in the context when the security context of the client is taken away."""
    context = context_of(request)
    if context is None:
        yield
        return
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as deadline:
            with context.on_revocation(lambda: deadline.reschedule(loop.time())):
                yield
    except TimeoutError:
        raise NotAuthenticated("The security context was taken away.") from None
