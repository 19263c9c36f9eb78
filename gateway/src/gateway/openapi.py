"""One OpenAPI document of the platform, merged from those of its services.

Only what the table routes is in it, and who may call is told by the table. Schemas of one name that differ between
services get the service's name in front. A service that is down keeps what it said last.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import anyio
import structlog

from gateway.clients.services import Services
from gateway.routes import Access, Routes

log = structlog.get_logger()

Document = Mapping[str, Any]

KEEP_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 5.0
DISCLAIMER: Final = (
    "The models that come with Lightbox are demonstrations, trained on synthetic phantoms that the project draws "
    "itself. They are not medical devices, and what they answer says nothing about a person."
)
_METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_TOKENS: Final = ("bearer", "token", "session", "key")


class PlatformDocument:
    """The merged document, kept for a minute; for some seconds only while a service is missing in it."""

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


def merge(documents: Mapping[str, Document], routes: Routes, *, cookie: str) -> dict[str, Any]:
    """One document of several, in the order of the services' names."""
    paths: dict[str, dict[str, Any]] = {}
    components: dict[str, dict[str, Any]] = {}
    renamed = _collisions(documents)
    for service, document in sorted(documents.items()):
        names = {
            f"#/components/{kind}/{name}": f"#/components/{kind}/{_prefixed(service, name)}"
            for kind, entries in document.get("components", {}).items()
            for name in entries
            if (kind, name) in renamed
        }
        for path, item in document.get("paths", {}).items():
            kept = _routed(path, item, service, routes)
            if kept:
                paths.setdefault(path, {}).update(_rewritten(kept, names))
        for kind, entries in document.get("components", {}).items():
            for name, entry in entries.items():
                final = _prefixed(service, name) if (kind, name) in renamed else name
                components.setdefault(kind, {})[final] = _rewritten(entry, names)
    schemes = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "token": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Token <jwt>`"},
        "session": {"type": "apiKey", "in": "cookie", "name": cookie},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "`lbx_...`"},
    }
    components.setdefault("securitySchemes", {}).update(schemes)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lightbox", "version": "0.1.0", "description": DISCLAIMER},
        "servers": [{"url": "/"}],
        "paths": dict(sorted(paths.items())),
        "components": components,
    }


def _routed(path: str, item: Document, service: str, routes: Routes) -> dict[str, Any]:
    """What of a path item the table sends to this service, with the security that the table demands."""
    kept: dict[str, Any] = {}
    for key, operation in item.items():
        if key not in _METHODS:
            kept[key] = operation
            continue
        route = routes.find(path, key.upper())
        if route is None or route.service != service:
            continue
        if route.access is Access.PUBLIC:
            kept[key] = operation
        else:
            anonymous: list[dict[str, list[str]]] = [{}] if route.access is Access.OPTIONAL else []
            kept[key] = {**operation, "security": [*anonymous, *({name: []} for name in _TOKENS)]}
    return kept if kept.keys() & _METHODS else {}


def _collisions(documents: Mapping[str, Document]) -> set[tuple[str, str]]:
    """(kind, name) of components that several services have, and not with the same content."""
    seen: Counter[tuple[str, str]] = Counter()
    contents: set[str] = set()
    for document in documents.values():
        for kind, entries in document.get("components", {}).items():
            for name, entry in entries.items():
                content = f"{kind} {name} {entry!r}"
                if content not in contents:
                    contents.add(content)
                    seen[kind, name] += 1
    return {key for key, count in seen.items() if count > 1}


def _prefixed(service: str, name: str) -> str:
    return "".join(part.title() for part in service.removesuffix("-service").split("-")) + name


def _rewritten(node: Document, names: Mapping[str, str]) -> dict[str, Any]:
    """The same tree with references renamed."""

    def rewrite(value: object) -> object:
        if isinstance(value, dict):
            return _rewritten(value, names)
        return [rewrite(each) for each in value] if isinstance(value, list) else value

    return {
        key: names.get(value, value) if key == "$ref" and isinstance(value, str) else rewrite(value)
        for key, value in node.items()
    }
