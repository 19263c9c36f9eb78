"""Whether everything that is installed is ready."""

import asyncio
from collections.abc import Mapping

from lightbox_shared.health import Check, run_checks


class Readiness:
    """Runs checks, one round at a time, however many ask: anybody may, and each round is a request to every service.

    An answer is never older than its question. One that is kept for a moment says "ready" of a service that has died
    since, and whoever waited for it (a test, a load balancer, a deployment) goes on too early.
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._lock = asyncio.Lock()
        self._begun = 0
        self._completed = 0
        self._results: dict[str, str] = {}

    async def results(self) -> dict[str, str]:
        """What each check says, as `run_checks`, of a round that began after this call; all calls that wait for the
        same round share it."""
        asked = self._begun
        async with self._lock:
            if self._completed <= asked:
                self._begun += 1
                self._results = await run_checks(self._checks)
                self._completed = self._begun
            return self._results
