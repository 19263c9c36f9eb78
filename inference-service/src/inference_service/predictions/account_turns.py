"""Turns of accounts: one account has so many at once, and its other requests wait for them and not before those
of others."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from anyio import CapacityLimiter, current_time, fail_after

from lightbox_shared.errors import TooManyRequests

TURNS: Final = 2
MAX_WAITING: Final = 32
"""More than a page of the history has previews, which browsers may ask for all at once."""
MAX_WAIT_SECONDS: Final = 20.0
"""Less than the gateway waits for an answer; what waits for something else afterwards has the rest of it."""
RETRY_AFTER_SECONDS: Final = 2


class TooManyWindows(TooManyRequests):
    """The account asks for more pictures at once than are made for it."""

    code = "too-many-windows"
    default_detail = "Too many of your pictures are being made at once."


class AccountTurns:
    """Who has a turn, in this process: `turns` of an account at once, while at most `max_waiting` of it wait. Used by
    one event loop."""

    def __init__(
        self, turns: int = TURNS, *, max_waiting: int = MAX_WAITING, max_wait: float = MAX_WAIT_SECONDS
    ) -> None:
        self._turns = turns
        self._max_waiting = max_waiting
        self._max_wait = max_wait
        self._of_account: dict[int, CapacityLimiter] = {}

    @asynccontextmanager
    async def turn(self, account_id: int) -> AsyncIterator[float]:
        """A turn of the account, until the end of the context. Its value is when the request has waited for too long,
        in the time of the event loop: `max_wait` seconds from now. Raises `TooManyWindows` if too many of the account
        wait, or it has no turn before that."""
        turns = self._of_account.setdefault(account_id, CapacityLimiter(self._turns))
        if turns.statistics().tasks_waiting >= self._max_waiting:
            raise TooManyWindows(retry_after=RETRY_AFTER_SECONDS)
        borrower, deadline = object(), current_time() + self._max_wait
        try:
            try:
                with fail_after(self._max_wait):
                    await turns.acquire_on_behalf_of(borrower)
            except TimeoutError:
                raise TooManyWindows(retry_after=RETRY_AFTER_SECONDS) from None
            try:
                yield deadline
            finally:
                turns.release_on_behalf_of(borrower)
        finally:
            known = turns.statistics()
            if not known.borrowed_tokens and not known.tasks_waiting:
                self._of_account.pop(account_id, None)
