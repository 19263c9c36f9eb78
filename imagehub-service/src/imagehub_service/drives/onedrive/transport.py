"""One exchange over HTTP with Microsoft: bounded in bytes and time, redirects never followed, no cookies kept."""

import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Final

import anyio
import httpx
import structlog

from imagehub_service.drives.errors import DriveUnavailable, UnreadableAnswer

log = structlog.get_logger("onedrive")

TIMEOUT: Final = httpx.Timeout(8.0, connect=4.0)
"""Seconds of silence. All calls of a request together have to end before the gateway gives up."""
EXCHANGE_SECONDS: Final = 12.0
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
_INVALID_ADDRESS: Final = "Microsoft has sent an address that is not valid."


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A status with headers and the whole body."""

    status: int
    headers: httpx.Headers
    body: bytes = field(repr=False)

    @property
    def is_redirect(self) -> bool:
        """Whether it names another address."""
        return 300 <= self.status < 400


def microsoft_http() -> httpx.AsyncClient:
    """An HTTP client for Microsoft's servers, for all administrators."""
    http = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False)
    http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return http


async def exchange(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes | None = None,
    name: str,
) -> HttpAnswer:
    """Send a request and read the answer. `name` is what the log calls it, since addresses can be secret.

    Raises `httpx.TransportError`, `TimeoutError`, and `UnreadableAnswer` for a body that is too long or compressed.
    """
    own_id, started = str(uuid.uuid4()), time.perf_counter()
    sent = {"Accept": "application/json", "Accept-Encoding": "identity", "client-request-id": own_id, **headers}
    status, request_id, reason = 0, "", ""
    try:
        with anyio.fail_after(EXCHANGE_SECONDS):
            async with http.stream(method, url, headers=sent, content=content) as response:
                status, request_id = response.status_code, response.headers.get("request-id", "")[:64]
                return HttpAnswer(status, response.headers, await read_body(response, MAX_ANSWER_BYTES))
    except httpx.InvalidURL as error:  # of a redirect: httpx parses it, although it does not follow
        raise UnreadableAnswer(_INVALID_ADDRESS) from error
    except (httpx.TransportError, TimeoutError) as error:
        reason = type(error).__name__
        raise
    finally:
        ms = round((time.perf_counter() - started) * 1e3, 1)
        write = log.info if reason or status >= 400 else log.debug
        write(
            "microsoft", call=name, status=status, ms=ms, request_id=request_id, client_request_id=own_id, error=reason
        )


async def read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """The bytes as they came. Raises `UnreadableAnswer` if there are more than `max_bytes`, or they are compressed."""
    if response.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
        raise UnreadableAnswer("Microsoft has sent a compressed answer, which was not asked for.")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise UnreadableAnswer("Microsoft has sent an answer that is too long.")
    return bytes(body)


def address_in(text: str, schemes: Collection[str], *, base: httpx.URL | None = None) -> httpx.URL:
    """An address that Microsoft has sent; with `base` it may be relative to that. Raises `UnreadableAnswer` if it is
    not valid, has no host, or another scheme than these."""
    try:
        found = httpx.URL(text) if base is None else base.join(text)
        if found.scheme in schemes and found.host:
            return found
    except (httpx.InvalidURL, ValueError) as error:
        raise UnreadableAnswer(_INVALID_ADDRESS) from error
    raise UnreadableAnswer(_INVALID_ADDRESS)


def unavailable() -> DriveUnavailable:
    """For a server of Microsoft that does not answer, or answers that it can't."""
    return DriveUnavailable("Microsoft does not answer at the moment.")
