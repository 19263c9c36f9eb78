"""A collection over CoAP: requests (RFC 7252), block-wise transfers (RFC 7959), observation (RFC 7641).

Known limits: no encryption, and therefore no API key. A notification describes the newest picture, so that of several
that arrive at the same moment only the last one may be announced (RFC 7641 section 1.3).
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Final, Self

import cbor2
from aiocoap import GET, POST, Code, Context, Message
from aiocoap.error import Error

from lightbox.collect.address import Address
from lightbox.collect.blockwise import get_blockwise, send_blockwise
from lightbox.collect.callbacks import ProgressCallback, StatusCallback, ignore_progress
from lightbox.collect.coap_request import CoapRequester, request_error
from lightbox.collect.errors import AccessDenied, CollectError, Conflict, TransientError, problem_sentence
from lightbox.collect.models import DownloadedPicture, Picture, PictureEvent
from lightbox.collect.retry import resubscribing

LINK_FORMAT: Final = 40
CBOR: Final = 60
MEDIA_TYPES: Final = {21: "image/gif", 22: "image/jpeg", 23: "image/png"}
ETAG_BYTES: Final = 8
TRANSPORTS: Final = ["udp6"]
LOGGER: Final = "coap-client"
RENEW_SECONDS: Final = 600.0
"""The interval at which an observation is registered again: a server that was restarted has forgotten it."""
_TRANSIENT: Final = frozenset(
    {Code.SERVICE_UNAVAILABLE, Code.TOO_MANY_REQUESTS, Code.REQUEST_ENTITY_INCOMPLETE, Code.GATEWAY_TIMEOUT}
)


class CoapTransport:
    """A `Transport` for a `coap://` address."""

    def __init__(self, address: Address, requester: CoapRequester) -> None:
        self._address = address
        self._requester = requester

    @classmethod
    @asynccontextmanager
    async def open(cls, address: Address, on_status: StatusCallback) -> AsyncIterator[Self]:
        """A transport whose socket is open until the end of the context."""
        log = logging.getLogger(LOGGER)
        log.propagate = False
        log.handlers = [logging.NullHandler()]  # errors reach the terminal as exceptions
        context = await Context.create_client_context(loggername=LOGGER, transports=TRANSPORTS)
        try:
            yield cls(address, CoapRequester(context, address.server, on_status))
        finally:
            await context.shutdown()

    async def send(self, picture: Picture, on_progress: ProgressCallback) -> bool:
        """See `Transport.send`."""

        def new_request() -> Message:
            return self._message(POST, self._address.path, content_format=CBOR)

        response = await send_blockwise(self._requester, new_request, picture.to_cbor(), on_progress)
        _raise_for_code(response)
        return bool(response.code == Code.CREATED)

    async def get(self, device_id: str, timestamp: str | None, on_progress: ProgressCallback) -> DownloadedPicture:
        """See `Transport.get`."""
        query = [f"deviceId={device_id}"]
        if timestamp is None:
            return await self._download(self._address.path + "/latest", query, on_progress)
        return await self._download(self._address.path, [*query, f"timestamp={timestamp}"], on_progress)

    async def fetch(self, href: str, on_progress: ProgressCallback) -> DownloadedPicture:
        """See `Transport.fetch`."""
        if not href.startswith("/") or href.startswith("//"):
            raise CollectError("The picture is said to be on another server.")
        path, _, query = href.partition("?")
        return await self._download(path, query.split("&") if query else [], on_progress)

    async def discover(self, query: str | None) -> str:
        """See `Transport.discover`."""

        def new_request() -> Message:
            options = query.split("&") if query else []
            return self._message(GET, "/.well-known/core", options, accept=LINK_FORMAT)

        response = await get_blockwise(self._requester, new_request, ignore_progress)
        _raise_for_code(response)
        return bytes(response.payload).decode(errors="replace")

    async def watch(
        self, device_id: str | None, on_ready: Callable[[], None], on_status: StatusCallback
    ) -> AsyncGenerator[PictureEvent, None]:
        """See `Transport.watch`."""
        newest_id: int | None = None  # until the first notification, which describes the newest picture of before
        notifications = resubscribing(
            lambda: self._observation(device_id),
            on_ready=on_ready,
            on_lost=lambda: on_status("The server does not answer; asking again ..."),
        )
        async with aclosing(notifications):
            async for event in notifications:
                if event is not None and newest_id is not None and event.id > newest_id:
                    yield event
                newest_id = max(newest_id or 0, event.id if event is not None else 0)

    @asynccontextmanager
    async def _observation(self, device_id: str | None) -> AsyncIterator[AsyncIterator[PictureEvent | None]]:
        """Register an observation, and yield its notifications, of which the first has been received.

        They end after `RENEW_SECONDS`. Raises `TransientError` and `CollectError`.
        """
        query = [] if device_id is None else [f"deviceId={device_id}"]
        message = self._message(GET, self._address.path, query, accept=CBOR)
        message.opt.observe = 0
        request = self._requester.context.request(message, handle_blockwise=False)
        renew_at = asyncio.get_running_loop().time() + RENEW_SECONDS
        try:
            following = aiter(request.observation)
            first = await self._requester.response(request.response)
            _raise_for_code(first)
            if first.opt.observe is None:
                raise CollectError("This can't be observed.")
            yield _notifications(_newest(first), following, renew_at)
        except (Error, OSError) as error:
            raise request_error(error) from error
        finally:
            if not request.observation.cancelled:
                request.observation.cancel()

    async def _download(self, path: str, query: Sequence[str], on_progress: ProgressCallback) -> DownloadedPicture:
        response = await get_blockwise(self._requester, lambda: self._message(GET, path, query), on_progress)
        _raise_for_code(response)
        content_format = response.opt.content_format
        media_type = None if content_format is None else MEDIA_TYPES.get(int(content_format))
        # An ETag has room for eight bytes (RFC 7252 section 5.10); this collection puts the first of the digest there.
        etag = response.opt.etag
        sha256 = bytes(etag) if etag and len(etag) == ETAG_BYTES else None
        return DownloadedPicture(bytes(response.payload), media_type, sha256)

    def _message(
        self,
        code: Code,
        path: str,
        query: Sequence[str] = (),
        *,
        content_format: int | None = None,
        accept: int | None = None,
    ) -> Message:
        try:
            message = Message(code=code, uri=self._address.server)
        except ValueError as error:
            raise CollectError(f"{self._address} is no URL over CoAP.") from error
        message.opt.uri_path = tuple(path.strip("/").split("/"))
        message.opt.uri_query = tuple(query)
        if content_format is not None:
            message.opt.content_format = content_format
        if accept is not None:
            message.opt.accept = accept
        return message


async def _notifications(
    first: PictureEvent | None, following: AsyncIterator[Message], renew_at: float
) -> AsyncGenerator[PictureEvent | None, None]:
    """Yield the first notification and the following ones until the time `renew_at` of the event loop."""
    yield first
    while True:
        try:
            async with asyncio.timeout_at(renew_at):
                notification = await anext(following)
        except TimeoutError:
            return
        _raise_for_code(notification)
        yield _newest(notification)


def _raise_for_code(response: Message) -> None:
    """Raises `TransientError`, `Conflict`, `AccessDenied` or `CollectError` unless the response is a success."""
    if response.code.is_successful():
        return
    sentence = problem_sentence(_decode_cbor(response.payload), f"The server answered {response.code}.")
    if response.code == Code.CONFLICT:
        raise Conflict(sentence)
    if response.code in {Code.UNAUTHORIZED, Code.FORBIDDEN}:
        raise AccessDenied(sentence)
    if response.code in _TRANSIENT:
        raise TransientError(sentence, retry_after=response.opt.max_age)
    raise CollectError(sentence)


def _decode_cbor(payload: bytes) -> object:
    """The value in the payload, or None if it is not CBOR."""
    try:
        return cbor2.loads(payload)
    except (cbor2.CBORDecodeError, ValueError, TypeError, ArithmeticError, RecursionError):
        return None


def _newest(notification: Message) -> PictureEvent | None:
    """The picture that a notification describes, or None while the collection is empty. Raises `CollectError`."""
    body = _decode_cbor(notification.payload)
    if not isinstance(body, dict):
        raise CollectError("The notification is not understood here.")
    return PictureEvent.from_metadata(body) if body else None
