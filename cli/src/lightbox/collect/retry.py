"""Requests are sent again when a response is lost. That is safe: reading changes nothing, and a picture that is sent
twice is stored once."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final, TypeVar

import anyio
import stamina

from lightbox.collect.errors import CollectError, ReadTimeout, TransientError

ATTEMPTS: Final = 4
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0

Result = TypeVar("Result")
Item = TypeVar("Item")


def _retrying(attempts: int | None) -> stamina.AsyncRetryingCaller:
    """Retries with pauses that double; None for attempts without end."""
    return stamina.AsyncRetryingCaller(
        attempts, timeout=None, wait_initial=FIRST_PAUSE_SECONDS, wait_max=LONGEST_PAUSE_SECONDS, wait_jitter=0
    )


def _backoff(error: Exception) -> bool | float:
    """Whether to try again, or the seconds that the server asks to wait before that."""
    if isinstance(error, TransientError) and error.retry_after is not None:
        return min(error.retry_after, LONGEST_PAUSE_SECONDS)
    return isinstance(error, TransientError)


async def with_retries(request: Callable[[], Awaitable[Result]]) -> Result:
    """Await `request()`, and again when it raises `TransientError`, `ATTEMPTS` times at most.

    The pauses in between double, from `FIRST_PAUSE_SECONDS` up to `LONGEST_PAUSE_SECONDS`, unless the server says how
    long to wait. Raises what the last attempt raises.
    """
    return await _retrying(ATTEMPTS)(_backoff, request)


async def resubscribing(
    subscribe: Callable[[], AbstractAsyncContextManager[AsyncIterator[Item]]],
    *,
    on_ready: Callable[[], None],
    on_lost: Callable[[], None],
) -> AsyncGenerator[Item, None]:
    """Yield the items of a subscription, and subscribe again whenever it ends; goes on until the generator is closed.

    `on_ready` is called once, when the first subscription stands; `on_lost` whenever one ends by `TransientError` or
    `ReadTimeout`. A subscription that ends without an error is renewed at once. Raises `CollectError` if the first one
    is never made.
    """
    is_first = True
    while True:
        try:
            async with AsyncExitStack() as stack:

                async def enter(stack: AsyncExitStack = stack) -> AsyncIterator[Item]:
                    return await stack.enter_async_context(subscribe())

                attempts = 1 if is_first else None
                items = await _retrying(attempts)((TransientError, ReadTimeout), enter)
                if is_first:
                    on_ready()
                is_first = False
                async for item in items:
                    yield item
        except (TransientError, ReadTimeout) as error:
            if is_first:
                raise CollectError(str(error)) from error
            on_lost()
            await anyio.sleep(FIRST_PAUSE_SECONDS)
