"""Fetches the documents of the services and caches the merged one."""

import json
import time
from collections.abc import Iterable
from typing import Final

import anyio
import structlog

from gateway.clients.services import UpstreamServices
from gateway.openapi.merge import Document, merge
from gateway.routes import Routes

log = structlog.get_logger()

KEEP_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 5.0


class PlatformDocument:
    """The merged document, as JSON.

    It is cached for `KEEP_SECONDS`, or for `RETRY_SECONDS` if a service did not answer. The last document of a service
    stays in use while it is down. `cookie` is the name of the session cookie.
    """

    def __init__(self, services: UpstreamServices, installed: Iterable[str], routes: Routes, *, cookie: str) -> None:
        self._services = services
        self._installed = tuple(installed)
        self._routes = routes
        self._cookie = cookie
        self._known: dict[str, Document] = {}
        self._content = b""
        self._fresh_until = float("-inf")
        self._lock = anyio.Lock()

    async def get(self) -> bytes:
        """Return the document as JSON. Its member `x-unavailable` names services that have never answered."""
        async with self._lock:
            if time.monotonic() > self._fresh_until:
                complete = await self._fetch()
                merged = merge(self._known, self._routes, cookie=self._cookie)
                missing = [name for name in self._installed if name not in self._known]
                if missing:
                    merged["x-unavailable"] = missing
                self._content = json.dumps(merged, ensure_ascii=False, separators=(",", ":")).encode()
                self._fresh_until = time.monotonic() + (KEEP_SECONDS if complete else RETRY_SECONDS)
        return self._content

    async def _fetch(self) -> bool:
        complete = True

        async def fetch(service: str) -> None:
            nonlocal complete
            try:
                self._known[service] = await self._services.openapi(service)
            except Exception as error:  # noqa: BLE001 - an error of one service must not hide the others
                complete = False
                log.warning("no OpenAPI document", upstream=service, error=str(error) or type(error).__name__)

        async with anyio.create_task_group() as tasks:
            for service in self._installed:
                tasks.start_soon(fetch, service)
        return complete
