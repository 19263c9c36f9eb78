"""Downloads: Graph redirects to an address on another host that works without a token, and never gets it."""

from typing import Final

import anyio
import httpx
import stamina

from imagehub_service.drives.errors import FileTooLarge, UnreadableAnswer
from imagehub_service.drives.onedrive.connections import Connections
from imagehub_service.drives.onedrive.errors import failure, pause_seconds
from imagehub_service.drives.onedrive.graph import ATTEMPTS, PAUSE_SECONDS, Call, Graph
from imagehub_service.drives.onedrive.names import item_path
from imagehub_service.drives.onedrive.transport import address_in, unavailable

DOWNLOAD_SECONDS: Final = 300.0
MAX_REDIRECTS: Final = 5
_EXPIRED: Final = frozenset({401, 403, 404, 410})


class _TryAgain(Exception):
    """The host does not answer as it should, or the address has expired: Graph gives another one."""


class Downloads:
    """Fetches the bytes of files."""

    def __init__(self, http: httpx.AsyncClient, graph: Graph, connections: Connections, *, allow_http: bool) -> None:
        """`allow_http` is for a Graph that is itself called without TLS."""
        self._http = http
        self._graph = graph
        self._connections = connections
        self._schemes = {"https", "http"} if allow_http else {"https"}

    async def fetch(self, account_id: int, file_id: str, *, max_bytes: int) -> bytes:
        """The bytes of a file. Raises `DriveError`: `FileTooLarge` before more than `max_bytes` are in memory."""
        call = Call("GET", self._graph.url(f"{item_path(file_id)}/content"), name="content")
        try:
            with anyio.fail_after(DOWNLOAD_SECONDS):
                async for attempt in stamina.retry_context(
                    on=(httpx.TransportError, _TryAgain),
                    attempts=ATTEMPTS,
                    wait_initial=0.2,
                    wait_max=2.0,
                    wait_jitter=0.2,
                ):
                    with attempt:
                        data = await self._follow(account_id, await self._address(account_id, call), max_bytes)
                        await self._connections.check_connected(account_id)  # the host of the file asks for no token
                        return data
        except httpx.InvalidURL as error:  # of a redirect: httpx parses it, although it does not follow
            raise UnreadableAnswer("The address of the file is not valid.") from error
        except (httpx.TransportError, TimeoutError, _TryAgain) as error:
            raise unavailable() from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _address(self, account_id: int, call: Call) -> httpx.URL:
        answer = (await self._graph.send(account_id, call)).http
        if answer.status >= 400:
            raise failure(answer.status, answer.body)
        if not answer.is_redirect:
            raise UnreadableAnswer("Microsoft Graph has not said where the file is.")
        return self._next(httpx.URL(call.url), answer.headers)

    async def _follow(self, account_id: int, address: httpx.URL, max_bytes: int) -> bytes:
        for _ in range(MAX_REDIRECTS):
            async with self._http.stream("GET", address, headers={"Accept-Encoding": "identity"}) as response:
                if response.is_redirect:
                    address = self._next(address, response.headers)
                    continue
                if response.status_code == 200:
                    return await _read(response, max_bytes)
                if response.status_code == 429 or "retry-after" in response.headers:
                    pause = pause_seconds(response.headers.get("retry-after"), default=PAUSE_SECONDS)
                    await self._connections.block(account_id, pause)
                if response.status_code in _EXPIRED or response.status_code == 429 or response.status_code >= 500:
                    raise _TryAgain
                raise UnreadableAnswer("The host with the file has answered something that is not known.")
        raise UnreadableAnswer("The host with the file redirects again and again.")

    def _next(self, address: httpx.URL, headers: httpx.Headers) -> httpx.URL:
        return address_in(headers.get("location", ""), self._schemes, base=address)


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
        raise UnreadableAnswer("The file came compressed, which was not asked for.")
    announced = response.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > max_bytes:
        raise FileTooLarge.of(max_bytes)
    data = bytearray()
    async for chunk in response.aiter_raw():
        data += chunk
        if len(data) > max_bytes:
            raise FileTooLarge.of(max_bytes)
    return bytes(data)
