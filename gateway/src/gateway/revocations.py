"""The sessions that were revoked before their tokens expired.

The gateway polls auth-service for them, so after `revocation_poll_seconds` at most it refuses the tokens of a revoked
session, and ends the answers that are still under way to it, such as streams of events. While auth-service is down, the
gateway uses the list that it has. A gateway that has just started has no list: it accepts no token until its first poll
has succeeded, since a restart must not make revoked tokens valid again.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import structlog

from gateway.clients.auth import RevocationFeed
from lightbox_shared.auth.tokens import LEEWAY_SECONDS
from lightbox_shared.errors import Unavailable

log = structlog.get_logger()

FORGET_EVERY_SECONDS: Final = 60.0


class Revocations:
    """The revoked sessions. Each is kept until its last token has expired.

    `clock` returns seconds since the epoch.
    """

    def __init__(self, feed: RevocationFeed, *, clock: Callable[[], float] = time.time) -> None:
        self._feed = feed
        self._clock = clock
        self._revoked: dict[int, int] = {}
        self._cursor: str | None = None
        self._reachable: bool | None = None
        self._forget_at = 0.0
        self._callbacks: dict[int, set[Callable[[], None]]] = {}
        self.loaded = False
        """Whether a poll has succeeded since the start."""

    def is_revoked(self, session: int | None) -> bool:
        """Whether the session was revoked. Raises `Unavailable` until a poll has succeeded."""
        if not self.loaded:
            raise Unavailable("Whether this session is still valid can't be checked at the moment.")
        return session in self._revoked

    @contextmanager
    def on_revocation(self, session: int | None, callback: Callable[[], None]) -> Iterator[None]:
        """Until the end of the context, call `callback` when the session is revoked; at once if it was already."""
        if session is None:
            yield
            return
        self._callbacks.setdefault(session, set()).add(callback)
        try:
            if session in self._revoked:
                callback()
            yield
        finally:
            remaining = self._callbacks[session]
            remaining.discard(callback)
            if not remaining:
                del self._callbacks[session]

    async def poll(self) -> None:
        """Fetch the sessions that were revoked since the last poll.

        Errors are logged and not raised. Of failures in a row the first is logged, and the success that ends them.
        """
        try:
            while True:
                page = await self._feed.after(self._cursor)
                self._add(page.revoked)
                moved = page.cursor != self._cursor
                self._cursor = page.cursor
                if not page.revoked or not moved:
                    break
        except Exception as error:  # noqa: BLE001 - after any error the list that is there stays in use
            if self._reachable is not False:
                log.warning("revocations can't be fetched", error=str(error) or type(error).__name__)
            self._reachable = False
            return
        if self._reachable is False:
            log.info("revocations are fetched again", revoked=len(self._revoked))
        self._reachable = self.loaded = True
        self._forget_expired()

    def _add(self, revoked: Mapping[int, int]) -> None:
        news = [session for session in revoked if session not in self._revoked]
        self._revoked.update(revoked)
        for session in news:
            for callback in tuple(self._callbacks.get(session, ())):
                callback()

    def _forget_expired(self) -> None:
        now = self._clock()
        if now < self._forget_at:
            return
        self._forget_at = now + FORGET_EVERY_SECONDS
        self._revoked = {sid: exp for sid, exp in self._revoked.items() if exp + LEEWAY_SECONDS >= now}
