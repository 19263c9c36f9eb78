"""The requests that the gateway sends to every service: whether it is ready, and its OpenAPI document."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

import httpx

from gateway.circuit_breaker import CircuitBreaker
from lightbox_shared.observability.health import Degraded

TIMEOUT_SECONDS: Final = 2.0
DOCUMENT_SECONDS: Final = 20.0
"""A service makes its document when it is first asked for it, which takes a while where the machine is busy."""


class NotReady(Exception):
    """The service has answered that it is not ready."""


class UpstreamServices(Protocol):
    """The installed services, which are asked by name."""

    async def check_ready(self, service: str) -> None:
        """Return if the service is ready. Raises `Degraded` if it works in part, and another exception otherwise."""
        ...

    async def openapi(self, service: str) -> Mapping[str, Any]:
        """Return the OpenAPI document of the service. Raises an exception if there is none."""
        ...


class HttpUpstreamServices:
    """The installed services, over HTTP; a client with `TIMEOUT_SECONDS` for an answer suits.

    Both methods raise `httpx.HTTPError` for a service that is down. An answer closes the service's circuit breaker, so
    requests reach a service as soon as the gateway reports it ready.
    """

    def __init__(
        self, http: httpx.AsyncClient, addresses: Mapping[str, str], breakers: Mapping[str, CircuitBreaker]
    ) -> None:
        self._http = http
        self._addresses = addresses
        self._breakers = breakers

    async def check_ready(self, service: str) -> None:
        """Return if the service is ready. Raises `Degraded`, `NotReady` or `httpx.HTTPError`."""
        answer = await self._http.get(f"{self._addresses[service]}/readyz")
        self._breakers[service].record_success()
        if answer.status_code != httpx.codes.OK:
            raise NotReady(f"{service} answered {answer.status_code}")
        found = answer.json()
        if found["status"] == "degraded":
            raise Degraded(", ".join(f"{name}: {text}" for name, text in found["checks"].items() if text != "ok"))

    async def openapi(self, service: str) -> Mapping[str, Any]:
        """Return the service's OpenAPI document. Raises `TypeError` for other JSON, `ValueError`, `httpx.HTTPError`."""
        answer = await self._http.get(f"{self._addresses[service]}/openapi.json", timeout=DOCUMENT_SECONDS)
        self._breakers[service].record_success()
        answer.raise_for_status()
        document = answer.json()
        if not isinstance(document, dict):
            raise TypeError(f"{service} has no OpenAPI document")
        return document
