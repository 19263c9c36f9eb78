"""Which sessions are dead although their tokens have not expired.

Each gateway polls auth-service, so a session that was ended is dead everywhere after one poll at most. While
auth-service is down the gateway works with what it knows; before it ever knew anything it accepts no token, since
a restart must not bring the dead back.
"""

import time
from collections.abc import Callable
from typing import Final

import anyio
import structlog

from gateway.clients.auth import RevocationFeed
from lightbox_shared.auth.tokens import LEEWAY_SECONDS
from lightbox_shared.errors import Unavailable

log = structlog.get_logger()

FORGET_EVERY_SECONDS: Final = 60.0


class Revocations:
    """The revoked sessions, kept until their last token has expired."""

    def __init__(self, feed: RevocationFeed, *, poll_seconds: float, clock: Callable[[], float] = time.time) -> None:
        self._feed = feed
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._revoked: dict[int, int] = {}
        self._cursor: str | None = None
        self._reachable: bool | None = None
        self._forget_at = 0.0
        self.known = False
        """Whether the list was ever had."""

    def covers(self, session: int | None) -> bool:
        """Whether the session was revoked. Raises `Unavailable` as long as that can't be known."""
        if not self.known:
            raise Unavailable("Whether this session is still valid can't be checked at the moment.")
        return session in self._revoked

    async def poll_forever(self) -> None:
        """Ask again and again until cancelled; a failure is logged once, and so is its end."""
        while True:
            await self.poll()
            await anyio.sleep(self._poll_seconds)

    async def poll(self) -> None:
        """Ask for what is new, page by page."""
        try:
            while True:
                page = await self._feed.after(self._cursor)
                self._revoked.update(page.revoked)
                moved = page.cursor != self._cursor
                self._cursor = page.cursor
                if not page.revoked or not moved:
                    break
        except Exception as error:  # noqa: BLE001 - whatever is wrong over there, we go on with what we know
            if self._reachable is not False:
                log.warning("revocations can't be fetched", error=str(error) or type(error).__name__)
            self._reachable = False
            return
        if self._reachable is False:
            log.info("revocations are fetched again", revoked=len(self._revoked))
        self._reachable = self.known = True
        self._forget()

    def _forget(self) -> None:
        now = self._clock()
        if now < self._forget_at:
            return
        self._forget_at = now + FORGET_EVERY_SECONDS
        self._revoked = {sid: exp for sid, exp in self._revoked.items() if exp + LEEWAY_SECONDS >= now}
