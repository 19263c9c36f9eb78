"""A collection over CoAP (RFC 7252), its pictures in blocks (RFC 7959), observed (RFC 7641).

Known limits: no encryption, so no key either. A notification is about the newest picture: of several that arrive at the
same moment a client may hear of the last one alone (RFC 7641 section 1.3).
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
from lightbox.collect.blocks import get_in_blocks, send_in_blocks
from lightbox.collect.coap_request import CoapRequester, failure
from lightbox.collect.errors import CollectError, Conflict, Lost, NotAllowed, ReadTimeout, problem_sentence
from lightbox.collect.transport import Advance, Arrived, Fetched, Picture, Say, unseen

LINK_FORMAT: Final = 40
CBOR: Final = 60
MEDIA_TYPES: Final = {21: "image/gif", 22: "image/jpeg", 23: "image/png"}
ETAG_BYTES: Final = 8
TRANSPORTS: Final = ["udp6"]
LOGGER: Final = "coap-client"
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
RENEW_SECONDS: Final = 600.0
"""So often an observation is asked for anew, since a server that was started again knows nothing of it."""
_TRY_AGAIN: Final = frozenset(
    {Code.SERVICE_UNAVAILABLE, Code.TOO_MANY_REQUESTS, Code.REQUEST_ENTITY_INCOMPLETE, Code.GATEWAY_TIMEOUT}
)


class CoapTransport:
    """A collection at a `coap://` address."""

    def __init__(self, address: Address, requester: CoapRequester) -> None:
        self._address = address
        self._requester = requester

    @classmethod
    @asynccontextmanager
    async def open(cls, address: Address, say: Say) -> AsyncIterator[Self]:
        """With a socket that is kept until the end of the context. Raises `CollectError`."""
        log = logging.getLogger(LOGGER)
        log.propagate = False
        log.handlers = [logging.NullHandler()]  # what is to be said, the command says itself
        context = await Context.create_client_context(loggername=LOGGER, transports=TRANSPORTS)
        try:
            yield cls(address, CoapRequester(context, address.server, say))
        finally:
            await context.shutdown()

    async def send(self, picture: Picture, advance: Advance) -> bool:
        """See `Transport`."""

        def build() -> Message:
            return self._message(POST, self._address.path, content_format=CBOR)

        answer = await send_in_blocks(self._requester, build, picture.document(), advance)
        _check(answer)
        return bool(answer.code == Code.CREATED)

    async def get(self, device_id: str, timestamp: str | None, advance: Advance) -> Fetched:
        """See `Transport`."""
        query = [f"deviceId={device_id}"]
        if timestamp is None:
            return await self._picture(self._address.path + "/latest", query, advance)
        return await self._picture(self._address.path, [*query, f"timestamp={timestamp}"], advance)

    async def fetch(self, href: str, advance: Advance) -> Fetched:
        """See `Transport`."""
        if not href.startswith("/") or href.startswith("//"):
            raise CollectError("The picture is said to be on another server.")
        path, _, query = href.partition("?")
        return await self._picture(path, query.split("&") if query else [], advance)

    async def discover(self, query: str | None) -> str:
        """See `Transport`."""

        def build() -> Message:
            options = query.split("&") if query else []
            return self._message(GET, "/.well-known/core", options, accept=LINK_FORMAT)

        answer = await get_in_blocks(self._requester, build, unseen)
        _check(answer)
        return bytes(answer.payload).decode(errors="replace")

    async def watch(
        self, device_id: str | None, ready: Callable[[], None], say: Callable[[str], None]
    ) -> AsyncGenerator[Arrived, None]:
        """See `Transport`."""
        seen, pause, was_observed = 0, FIRST_PAUSE_SECONDS, False
        while True:
            try:
                async with aclosing(self._notifications(device_id)) as answers:
                    async for answer in answers:
                        found = _newest(answer)
                        # The first answer is how things are before anything arrives.
                        is_news = found is not None and found.id > seen
                        seen = max(seen, found.id if found is not None else 0)
                        if found is not None and is_news and was_observed:
                            yield found
                        if not was_observed:
                            ready()
                        was_observed, pause = True, FIRST_PAUSE_SECONDS
            except (Lost, ReadTimeout) as error:
                if not was_observed:
                    raise CollectError(str(error)) from error
                say("The server does not answer; asking again ...")
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _notifications(self, device_id: str | None) -> AsyncGenerator[Message, None]:
        """Ends when the observation is to be renewed. Raises `Lost` and `CollectError`."""
        query = [] if device_id is None else [f"deviceId={device_id}"]
        message = self._message(GET, self._address.path, query, accept=CBOR)
        message.opt.observe = 0
        request = self._requester.context.request(message, handle_blockwise=False)
        notifications = aiter(request.observation)
        renewal = asyncio.get_running_loop().time() + RENEW_SECONDS
        try:
            answer = await self._requester.answer(request.response)
            _check(answer)
            if answer.opt.observe is None:
                raise CollectError("This can't be observed.")
            while True:
                yield answer
                async with asyncio.timeout_at(renewal):
                    answer = await anext(notifications)
                _check(answer)
        except TimeoutError:
            return
        except (Error, OSError) as error:
            raise failure(error) from error
        finally:
            if not request.observation.cancelled:
                request.observation.cancel()

    async def _picture(self, path: str, query: Sequence[str], advance: Advance) -> Fetched:
        answer = await get_in_blocks(self._requester, lambda: self._message(GET, path, query), advance)
        _check(answer)
        content_format = answer.opt.content_format
        media_type = None if content_format is None else MEDIA_TYPES.get(int(content_format))
        # Eight bytes is what an ETag has room for (RFC 7252 section 5.10); this collection's are those of the digest.
        etag = answer.opt.etag
        return Fetched(bytes(answer.payload), media_type, bytes(etag) if etag and len(etag) == ETAG_BYTES else None)

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


def _check(answer: Message) -> None:
    """Raises `Lost`, `Conflict` or `CollectError` unless the answer is a success."""
    if answer.code.is_successful():
        return
    sentence = problem_sentence(_cbor(answer.payload), f"The server answered {answer.code}.")
    if answer.code == Code.CONFLICT:
        raise Conflict(sentence)
    if answer.code in {Code.UNAUTHORIZED, Code.FORBIDDEN}:
        raise NotAllowed(sentence)
    if answer.code in _TRY_AGAIN:
        raise Lost(sentence, retry_after=answer.opt.max_age)
    raise CollectError(sentence)


def _cbor(payload: bytes) -> object:
    try:
        return cbor2.loads(payload)
    except (cbor2.CBORDecodeError, ValueError, TypeError, ArithmeticError, RecursionError):
        return None


def _newest(answer: Message) -> Arrived | None:
    """The picture that a notification is about; None while there is none. Raises `CollectError`."""
    body = _cbor(answer.payload)
    if not isinstance(body, dict):
        raise CollectError("The notification is not understood here.")
    return Arrived.of_metadata(body) if body else None
