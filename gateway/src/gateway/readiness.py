"""The readiness of the platform: of its services, and of the gateway itself."""

import asyncio
from collections.abc import Mapping

from lightbox_shared.observability.health import Check, CheckResults, run_checks


class Readiness:
    """Runs all checks, in one round at a time, whose results are shared by all calls that wait for it.

    A round sends a request to every service, and `/readyz` is public, so the rounds must not grow with the requests.
    Results are not cached, since a service may have failed since: a deployment that waits for readiness would go on.
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._lock = asyncio.Lock()
        self._begun = 0
        self._completed = 0
        self._results = CheckResults({}, "ready")

    async def results(self) -> CheckResults:
        """Return the results of `run_checks` in a round that began after this call."""
        asked = self._begun
        async with self._lock:
            if self._completed <= asked:
                self._begun += 1
                self._results = await run_checks(self._checks)
                self._completed = self._begun
            return self._results
