"""Requests are sent again when an answer is lost, which is safe: reading changes nothing, and the same picture sent
twice is one picture."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import anyio

from lightbox.collect.errors import Lost

ATTEMPTS: Final = 4
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0

Result = TypeVar("Result")


async def with_retries(
    work: Callable[[], Awaitable[Result]],
    say: Callable[[str], None],
    *,
    attempts: int = ATTEMPTS,
    first_pause: float = FIRST_PAUSE_SECONDS,
) -> Result:
    """Do `work`, and again when it raises `Lost`, after a pause that the server may name. Raises what the last attempt
    raises."""
    pause = first_pause
    while True:
        attempts -= 1
        try:
            return await work()
        except Lost as error:
            if attempts <= 0:
                raise
            seconds = pause if error.retry_after is None else min(error.retry_after, LONGEST_PAUSE_SECONDS)
            say(f"{error} Trying again in {seconds:g} s ...")
            await anyio.sleep(seconds)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
