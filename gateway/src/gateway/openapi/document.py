"""The platform's document, made of what its services say and kept for a while."""

import time
from collections.abc import Iterable
from typing import Any, Final

import anyio
import structlog

from gateway.clients.services import Services
from gateway.openapi.merge import Document, merge
from gateway.routes import Routes

log = structlog.get_logger()

KEEP_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 5.0


class PlatformDocument:
    """The merged document, kept for a minute; for some seconds only while a service is missing in it. A service that is
    down keeps what it said last."""

    def __init__(self, services: Services, installed: Iterable[str], routes: Routes, *, cookie: str) -> None:
        self._services = services
        self._installed = tuple(installed)
        self._routes = routes
        self._cookie = cookie
        self._known: dict[str, Document] = {}
        self._merged: dict[str, Any] = {}
        self._fresh_until = float("-inf")
        self._lock = anyio.Lock()

    async def get(self) -> dict[str, Any]:
        """The document; `x-unavailable` names services that never answered."""
        async with self._lock:
            if time.monotonic() > self._fresh_until:
                complete = await self._fetch()
                self._merged = merge(self._known, self._routes, cookie=self._cookie)
                missing = [name for name in self._installed if name not in self._known]
                if missing:
                    self._merged["x-unavailable"] = missing
                self._fresh_until = time.monotonic() + (KEEP_SECONDS if complete else RETRY_SECONDS)
        return self._merged

    async def _fetch(self) -> bool:
        complete = True

        async def fetch(service: str) -> None:
            nonlocal complete
            try:
                self._known[service] = await self._services.openapi(service)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the others are shown
                complete = False
                log.warning("no OpenAPI document", upstream=service, error=str(error) or type(error).__name__)

        async with anyio.create_task_group() as tasks:
            for service in self._installed:
                tasks.start_soon(fetch, service)
        return complete
