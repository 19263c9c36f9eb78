"""Calls of Microsoft Graph v1.0 for an administrator.

- 401: the tokens are refreshed once and the call is sent once more; after that, the account has to consent again.
- 429, and 503 with `Retry-After`: nothing is sent for this user until the pause is over, by any process.
- 5xx and connections that break: sent again with growing pauses where that can do no harm.
- The token goes to Graph's own address alone. Redirects are never followed with it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import anyio
import httpx
import stamina

from imagehub_service.drives.errors import UnreadableAnswer
from imagehub_service.drives.onedrive.connections import Access, Connections
from imagehub_service.drives.onedrive.errors import pause_seconds
from imagehub_service.drives.onedrive.transport import HttpAnswer, exchange, unavailable

CALL_SECONDS: Final = 20.0
ATTEMPTS: Final = 3
PAUSE_SECONDS: Final = 1.0
"""Where Graph asks for a pause and does not say for how long."""
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Call:
    """A request to Graph."""

    method: str
    url: str
    body: Mapping[str, object] | None = None
    repeatable: bool = True
    """Whether it does no harm if it arrives twice."""
    name: str = ""
    """What the log calls it."""


@dataclass(frozen=True, slots=True)
class GraphAnswer:
    """An answer below 500, other than 401 and 429."""

    http: HttpAnswer
    may_be_second: bool
    """Whether an attempt before, of which no answer came, may have been carried out."""


class _Paused(Exception):
    """Graph has not carried the call out, and asks for a pause."""


class _ServerError(Exception):
    """Graph has a problem."""


class Graph:
    """Sends calls."""

    def __init__(self, http: httpx.AsyncClient, connections: Connections, base_url: str) -> None:
        self._http = http
        self._connections = connections
        self._base = base_url.rstrip("/")
        self._origin = _origin(httpx.URL(self._base))

    def url(self, path: str) -> str:
        """The address of a path below the root of Graph."""
        return self._base + path

    def check_link(self, link: str) -> str:
        """The link, if it leads to Graph. Raises `UnreadableAnswer` for other hosts, which must not get the token."""
        try:
            origin = _origin(httpx.URL(link))
        except (httpx.InvalidURL, ValueError) as error:
            raise UnreadableAnswer("Microsoft Graph has sent a link that is not valid.") from error
        if origin != self._origin:
            raise UnreadableAnswer("Microsoft Graph has sent a link to another host.")
        return link

    async def send(self, account_id: int, call: Call) -> GraphAnswer:
        """Send a call. Raises `ConsentNeeded`, `DriveUnavailable` and `UnreadableAnswer`."""
        retried = (
            (httpx.TransportError, TimeoutError, _ServerError, _Paused) if call.repeatable else (*_NOT_SENT, _Paused)
        )
        may_be_second = False
        try:
            with anyio.fail_after(CALL_SECONDS):
                async for attempt in stamina.retry_context(
                    on=retried, attempts=ATTEMPTS, wait_initial=0.2, wait_max=2.0, wait_jitter=0.2, timeout=None
                ):
                    with attempt:
                        try:
                            answer = await self._authorized(account_id, call)
                        except (httpx.TransportError, TimeoutError, _ServerError) as error:
                            may_be_second = may_be_second or not isinstance(error, _NOT_SENT)
                            raise
                        return GraphAnswer(answer, may_be_second)
        except (httpx.TransportError, TimeoutError, _ServerError, _Paused) as error:
            raise unavailable() from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _authorized(self, account_id: int, call: Call) -> HttpAnswer:
        access = await self._connections.access(account_id)
        answer = await self._exchange(account_id, access, call)
        if answer.status == httpx.codes.UNAUTHORIZED:
            access = await self._connections.access(account_id, refused=access.generation)
            answer = await self._exchange(account_id, access, call)
            if answer.status == httpx.codes.UNAUTHORIZED:
                raise await self._connections.consent_needed(account_id)
        return answer

    async def _exchange(self, account_id: int, access: Access, call: Call) -> HttpAnswer:
        headers = {"Authorization": f"Bearer {access.token}"}
        content = None
        if call.body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(call.body).encode()
        answer = await exchange(self._http, call.method, call.url, headers=headers, content=content, name=call.name)
        retry_after = answer.headers.get("retry-after")
        if answer.status == 429 or (answer.status == 503 and retry_after is not None):
            await self._connections.block(account_id, pause_seconds(retry_after, default=PAUSE_SECONDS))
            raise _Paused
        if answer.status >= 500 and answer.status not in {501, 507}:
            raise _ServerError(answer.status)
        return answer


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
