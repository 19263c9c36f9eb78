"""What the gateway asks of every service: whether it is ready, and what it can do."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

import httpx

from gateway.circuit_breaker import CircuitBreaker

TIMEOUT_SECONDS: Final = 2.0


class NotReady(Exception):
    """The service answers, and says that it is not ready."""


class Services(Protocol):
    """The installed services, asked by name."""

    async def check(self, service: str) -> None: ...

    async def openapi(self, service: str) -> Mapping[str, Any]: ...


class HttpServices:
    """The real ones. Both calls raise `httpx.HTTPError` for a service that is down, and close the circuit of one that
    is not: as soon as the gateway calls a service ready, requests reach it."""

    def __init__(
        self, http: httpx.AsyncClient, addresses: Mapping[str, str], circuits: Mapping[str, CircuitBreaker]
    ) -> None:
        self._http = http
        self._addresses = addresses
        self._circuits = circuits

    async def check(self, service: str) -> None:
        """Returns when the service is ready. Raises `NotReady`."""
        answer = await self._get(service, "/readyz")
        if answer.status_code != httpx.codes.OK:
            raise NotReady(f"{service} answered {answer.status_code}")

    async def openapi(self, service: str) -> Mapping[str, Any]:
        """The service's own OpenAPI document. Raises `TypeError` for something else."""
        answer = await self._get(service, "/openapi.json")
        answer.raise_for_status()
        document = answer.json()
        if not isinstance(document, dict):
            raise TypeError(f"{service} has no OpenAPI document")
        return document

    async def _get(self, service: str, path: str) -> httpx.Response:
        answer = await self._http.get(self._addresses[service] + path)
        self._circuits[service].succeeded()
        return answer
