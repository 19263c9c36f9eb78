"""The operational paths: `/healthz` (the process answers), `/readyz` (what it depends on answers too), `/metrics`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import anyio
import structlog
from fastapi import APIRouter
from starlette.responses import Response

from lightbox_shared.errors.dialects import json_response
from lightbox_shared.observability.metrics import HttpMetrics

log = structlog.get_logger()

Check = Callable[[], Awaitable[None]]
"""Returns if a dependency of the service works, and raises any exception if it does not."""

CHECK_TIMEOUT_SECONDS = 2.0


class Degraded(Exception):
    """Raised by a check if the service works in part: it goes on getting requests, and `/readyz` says the text, which
    everybody may read."""


@dataclass(frozen=True, slots=True)
class CheckResults:
    """What some checks have found."""

    results: Mapping[str, str]
    """By the name of the check, such as `{"database": "ok", "models": "TimeoutError", "disk": "no room"}`."""
    status: Literal["ready", "degraded", "not ready"]

    @property
    def status_code(self) -> int:
        """200 also for `degraded`: whoever takes a service out that is not ready would take away what works."""
        return 503 if self.status == "not ready" else 200


async def run_checks(checks: Mapping[str, Check]) -> CheckResults:
    """Run all checks concurrently.

    A failure is named by the class of its exception; its text, which may contain host and user names, is only logged.
    """
    results: dict[str, str] = dict.fromkeys(checks, "ok")
    failed = False

    async def run(name: str, check: Check) -> None:
        nonlocal failed
        try:
            with anyio.fail_after(CHECK_TIMEOUT_SECONDS):
                await check()
        except Degraded as found:
            results[name] = str(found)
        except Exception as error:  # noqa: BLE001 - any failure means "not ready"
            log.warning("not ready", check=name, error=str(error) or type(error).__name__)
            results[name] = type(error).__name__
            failed = True

    async with anyio.create_task_group() as tasks:
        for name, check in checks.items():
            tasks.start_soon(run, name, check)
    works = all(result == "ok" for result in results.values())
    return CheckResults(results, "not ready" if failed else "ready" if works else "degraded")


def health_router(checks: Mapping[str, Check], metrics: HttpMetrics) -> APIRouter:
    """A router with `/healthz`, `/readyz` and `/metrics`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> Response:
        return json_response({"status": "ok"}, 200)

    @router.get("/readyz")
    async def readyz() -> Response:
        found = await run_checks(checks)
        body = {"status": found.status, "checks": found.results}
        return json_response(body, found.status_code, {"Cache-Control": "no-store"})

    @router.get("/metrics")
    async def render_metrics() -> Response:
        return await metrics.render()

    return router
