"""A fuse for each service: after some failed connections in a row nobody waits for the next one.

While it is open, requests are refused at once; after a pause one of them goes through as a trial. The pause grows
while the trials fail. What a service answers, be it 500, is no failure here: only that it does not answer.
"""

import time
from collections.abc import Callable
from typing import Final

import structlog

from lightbox_shared.errors import Unavailable

log = structlog.get_logger()

FAILURES: Final = 5
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 10.0


class CircuitBreaker:
    """The state of one service's connections: closed (all is well), open, or on trial."""

    __slots__ = ("_clock", "_failures", "_on_trial", "_open_until", "_pause", "service")

    def __init__(self, service: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.service = service
        self._clock = clock
        self._failures = 0
        self._pause = 0.0
        self._open_until = 0.0
        self._on_trial = False

    def enter(self) -> bool:
        """Call before a request; True makes it the trial. Raises `Unavailable` while the breaker is open."""
        if self._failures < FAILURES:
            return False
        wait = self._open_until - self._clock()
        if wait > 0 or self._on_trial:
            raise Unavailable(f"{self.service} does not answer at the moment.", retry_after=max(1, round(wait + 0.5)))
        self._on_trial = True
        return True

    def succeeded(self) -> None:
        """The service has answered."""
        if self._failures >= FAILURES:
            log.info("service answers again", upstream=self.service)
        self._failures = 0
        self._pause = 0.0
        self._on_trial = False

    def failed(self, *, trial: bool) -> None:
        """The service can't be reached, or hung up without an answer. Only a trial makes the pause longer: whatever
        else was under way when the service went down fails for the same reason."""
        self._failures += 1
        if self._failures == FAILURES:
            log.warning("service does not answer", upstream=self.service)
        elif not trial:
            return
        self._on_trial = False
        self._pause = min(self._pause * 2 or FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        self._open_until = self._clock() + self._pause

    def gave_up(self, *, trial: bool) -> None:
        """The request ended before anything was known about the service; the next one may try."""
        if trial:
            self._on_trial = False
