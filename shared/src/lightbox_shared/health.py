"""The operational paths: `/healthz` (the process answers), `/readyz` (what it depends on answers too), `/metrics`."""

from collections.abc import Awaitable, Callable, Mapping

import anyio
import structlog
from fastapi import APIRouter
from starlette.responses import Response

from lightbox_shared.errors.dialects import json_response
from lightbox_shared.metrics import HttpMetrics

log = structlog.get_logger()

Check = Callable[[], Awaitable[None]]
"""Returns if a dependency of the service works, and raises any exception if it does not."""

CHECK_TIMEOUT_SECONDS = 2.0


async def run_checks(checks: Mapping[str, Check]) -> dict[str, str]:
    """Run all checks concurrently. Returns results by name, such as `{"database": "ok", "models": "TimeoutError"}`.

    A failure is named by the class of its exception; its text, which may contain host and user names, is only logged.
    """
    results: dict[str, str] = dict.fromkeys(checks, "ok")

    async def run(name: str, check: Check) -> None:
        try:
            with anyio.fail_after(CHECK_TIMEOUT_SECONDS):
                await check()
        except Exception as error:  # noqa: BLE001 - any failure means "not ready"
            log.warning("not ready", check=name, error=str(error) or type(error).__name__)
            results[name] = type(error).__name__

    async with anyio.create_task_group() as tasks:
        for name, check in checks.items():
            tasks.start_soon(run, name, check)
    return results


def health_router(checks: Mapping[str, Check], metrics: HttpMetrics) -> APIRouter:
    """A router with `/healthz`, `/readyz` and `/metrics`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> Response:
        return json_response({"status": "ok"}, 200)

    @router.get("/readyz")
    async def readyz() -> Response:
        results = await run_checks(checks)
        ready = all(result == "ok" for result in results.values())
        body = {"status": "ready" if ready else "not ready", "checks": results}
        return json_response(body, 200 if ready else 503, {"Cache-Control": "no-store"})

    @router.get("/metrics")
    async def render_metrics() -> Response:
        return await metrics.render()

    return router
