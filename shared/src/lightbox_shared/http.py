"""Calls between services. The typed clients in a service's `clients/` are subclasses of `ServiceClient`.

A call carries the service's own token, the request id and the trace. Where that can't do a thing twice, it is retried
after connection errors and after 502, 503 and 504; a service that still does not answer is `Unavailable`.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote_plus

import anyio
import httpx
import stamina

from lightbox_shared.auth.jwks import KeySet
from lightbox_shared.config import Settings
from lightbox_shared.errors import Unavailable
from lightbox_shared.observability.context import context_headers

TIMEOUT = httpx.Timeout(5.0, connect=2.0)
RENEW_BEFORE_SECONDS: Final = 60
_GRANT: Final = {"grant_type": "client_credentials"}
_RETRY_STATUSES: Final = frozenset({502, 503, 504})
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 - a path
JWKS_PATH: Final = "/.well-known/jwks.json"


_Send = Callable[[dict[str, str]], Awaitable[httpx.Response]]
"""Sends a request with these headers."""


class ServiceTokens:
    """The access token of this service itself, by the client credentials grant (RFC 6749 section 4.4).

    It is renewed `RENEW_BEFORE_SECONDS` before it expires.
    """

    def __init__(self, http: httpx.AsyncClient, *, service: str, secret: str) -> None:
        self._http = http
        self._credentials = (quote_plus(service), quote_plus(secret))  # section 2.3.1
        self._token = ""
        self._expires_at = 0.0
        self._lock = anyio.Lock()

    def forget(self) -> None:
        """Get a new token for the next call, since a service has refused the current one."""
        self._expires_at = 0.0

    async def get(self) -> str:
        """A valid token. Raises `httpx.HTTPError` if auth-service does not answer or refuses."""
        if time.monotonic() < self._expires_at - RENEW_BEFORE_SECONDS:
            return self._token
        async with self._lock:
            if time.monotonic() >= self._expires_at - RENEW_BEFORE_SECONDS:
                answer = await self._http.post(TOKEN_PATH, data=_GRANT, auth=self._credentials)
                answer.raise_for_status()
                body = answer.json()
                self._token = body["access_token"]
                self._expires_at = time.monotonic() + body["expires_in"]
        return self._token


class ServiceClient:
    """The base class of a typed client for one service."""

    def __init__(self, http: httpx.AsyncClient, tokens: ServiceTokens) -> None:
        self._http = http
        self._tokens = tokens

    async def get(self, path: str, **params: str | int) -> httpx.Response:
        """Send a GET request with retries and return the response, which may be an error.

        Raises `Unavailable` if the service does not answer, or answers 502, 503 or 504.
        """
        return await self._send(lambda headers: self._http.get(path, params=params, headers=headers), repeatable=True)

    async def put(self, path: str, body: object) -> httpx.Response:
        """Send a PUT request with `body` as JSON. It is retried like a GET: a PUT that arrives twice has the effect of
        one (RFC 9110 section 9.2.2).

        Raises `Unavailable` like `get`.
        """
        return await self._send(lambda headers: self._http.put(path, json=body, headers=headers), repeatable=True)

    async def post(
        self,
        path: str,
        body: object = None,
        *,
        data: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        timeout_seconds: float | None = None,
        repeatable: bool = False,
    ) -> httpx.Response:
        """Send a POST request with `body` as JSON, or with the fields `data` and the `files` (field -> name, content,
        media type) as a multipart form.

        It is retried only if it can't have been carried out: if no connection was made, or the token was refused. With
        `repeatable`, for requests that may arrive twice, it is retried like a GET. `timeout_seconds` is
        how long the service may be silent, where the default is too short. Raises `Unavailable` like `get`.
        """
        waiting = TIMEOUT if timeout_seconds is None else httpx.Timeout(timeout_seconds, connect=TIMEOUT.connect)
        return await self._send(
            lambda headers: self._http.post(path, json=body, data=data, files=files, headers=headers, timeout=waiting),
            repeatable=repeatable,
        )

    async def _send(self, send: _Send, *, repeatable: bool) -> httpx.Response:
        retried = (httpx.TransportError, _RetryableStatus) if repeatable else (*_NOT_SENT, _TokenRefused)
        try:
            async for attempt in stamina.retry_context(
                on=retried, attempts=3, wait_initial=0.05, wait_max=0.5, timeout=5.0
            ):
                with attempt:
                    token = await self._tokens.get()
                    answer = await send(outgoing_headers(token))
                    if answer.status_code == httpx.codes.UNAUTHORIZED:
                        self._tokens.forget()
                        raise _TokenRefused(answer.status_code)
                    if answer.status_code in _RETRY_STATUSES:
                        raise _RetryableStatus(answer.status_code)
                    return answer
        except (httpx.HTTPError, _RetryableStatus) as error:
            raise Unavailable("A service that is needed for this does not answer at the moment.") from error
        raise AssertionError("unreachable: the last attempt returns or raises")


class _RetryableStatus(Exception):
    """The service answered with a status after which the request is sent again."""


class _TokenRefused(_RetryableStatus):
    """The service has not carried the request out, since it did not accept the token."""


def outgoing_headers(token: str) -> dict[str, str]:
    """The headers of a call with this token, and with the request id and trace of the current request."""
    return {"Authorization": f"Bearer {token}", **context_headers()}


def service_http(url: str) -> httpx.AsyncClient:
    """An HTTP client for the service at `url`."""
    return httpx.AsyncClient(base_url=url, timeout=TIMEOUT)


@asynccontextmanager
async def auth_access(
    settings: Settings, service: str
) -> AsyncIterator[tuple[KeySet, ServiceTokens, httpx.AsyncClient]]:
    """Open what a service needs of auth-service: the public keys, tokens of its own, and an HTTP client."""
    async with service_http(settings.auth_service_url) as http:

        async def fetch_keys() -> dict[str, Any]:
            answer = await http.get(JWKS_PATH)
            answer.raise_for_status()
            document: dict[str, Any] = answer.json()
            return document

        secret = settings.client_secret.get_secret_value()
        yield KeySet(fetch_keys), ServiceTokens(http, service=service, secret=secret), http
