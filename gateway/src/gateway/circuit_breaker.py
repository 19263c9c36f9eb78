"""A circuit breaker for each service: after some failures in a row, requests are refused without an attempt.

While the breaker is open, requests are refused at once. After a pause it is half-open: one request is sent as a trial,
which closes the breaker if it succeeds. The pause doubles with each trial that fails. A failure is a service that does
not answer; an answer is a success, even with status 500.
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
    """The breaker of one service: closed (requests pass), open, or half-open (one trial is under way).

    `clock` returns seconds and never goes back.
    """

    __slots__ = ("_clock", "_failures", "_on_trial", "_open_until", "_pause", "service")

    def __init__(self, service: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.service = service
        self._clock = clock
        self._failures = 0
        self._pause = 0.0
        self._open_until = 0.0
        self._on_trial = False

    def admit(self) -> bool:
        """Call this before a request. Returns whether the request is the trial.

        Raises `Unavailable` while the breaker is open, or half-open with a trial under way.
        """
        if self._failures < FAILURES:
            return False
        wait = self._open_until - self._clock()
        if wait > 0 or self._on_trial:
            raise Unavailable(f"{self.service} does not answer at the moment.", retry_after=max(1, round(wait + 0.5)))
        self._on_trial = True
        return True

    def record_success(self) -> None:
        """Call this when the service has answered. It closes the breaker."""
        if self._failures >= FAILURES:
            log.info("service answers again", upstream=self.service)
        self._failures = 0
        self._pause = 0.0
        self._on_trial = False

    def record_failure(self, *, trial: bool) -> None:
        """Call this when the service can't be reached, or closed the connection without an answer.

        `trial` is what `admit` returned. Only trials make the pause longer: several requests that were under way when
        the service went down fail for one reason.
        """
        self._failures += 1
        if self._failures == FAILURES:
            log.warning("service does not answer", upstream=self.service)
        elif not trial:
            return
        self._on_trial = False
        self._pause = min(self._pause * 2 or FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        self._open_until = self._clock() + self._pause

    def release_trial(self, *, trial: bool) -> None:
        """Call this when a request ended without a success or failure. If it was the trial, the next one may be."""
        if trial:
            self._on_trial = False
