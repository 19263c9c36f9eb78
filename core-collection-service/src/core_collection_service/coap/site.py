"""Every request over CoAP comes through here: it is read, its blocks are put together, a resource answers it, failures
become problem details, and one line of the log says what came of it. A picture in a hundred blocks is one line.

Groups are asked for `/.well-known/core` alone, and answered after a random time, when there is something to say (RFC
7252 section 8.2).
"""

import asyncio
import random
import time
from typing import Final

import structlog
from aiocoap import Message
from aiocoap.numbers.codes import Code
from aiocoap.pipe import Pipe

from core_collection_service.access import Access
from core_collection_service.coap import resources
from core_collection_service.coap.downloads import Parts, Remembered, Representation
from core_collection_service.coap.errors import UploadTooLarge, answer_to
from core_collection_service.coap.metrics import CoapMetrics
from core_collection_service.coap.observing import Observers
from core_collection_service.coap.requests import Asked, host_of, method_of, name_of, path_of, shown_path_of
from core_collection_service.coap.resources import Collection, Resource
from core_collection_service.coap.security import caller_of
from core_collection_service.coap.uploads import Block, Upload, Uploads
from core_collection_service.events.subscription import Topic
from core_collection_service.pictures import list_queries
from core_collection_service.state import Services
from lightbox_shared.context import new_id
from lightbox_shared.errors import BadRequest, MethodNotAllowed, Unavailable

log = structlog.get_logger("access")

LEISURE_SECONDS: Final = 5.0
"""DEFAULT_LEISURE (RFC 7252 section 4.8)."""
MOST_AT_ONCE: Final = 1000
MOST_GROUP_ANSWERS: Final = 100
_NOBODY_HEARS: Final = 26
"""No-Response (RFC 7967): neither 2.xx nor 4.xx nor 5.xx."""
_LARGEST_BLOCK: Final = 6
_BLOCK_BYTES: Final = 1024
_UNMATCHED: Final = "unmatched"


class CollectionSite:
    """The root of the resources. Use it as an object of one event loop, and `close` it at the end."""

    def __init__(
        self,
        services: Services,
        access: Access,
        uploads: Uploads,
        observers: Observers,
        metrics: CoapMetrics,
        *,
        leisure_seconds: float | None = LEISURE_SECONDS,
    ) -> None:
        """`leisure_seconds` None: there are no groups to answer."""
        self._services = services
        self._access = access
        self._uploads = uploads
        self._observers = observers
        self._metrics = metrics
        self._leisure_seconds = leisure_seconds
        self._remembered = Remembered()
        self._parts = Parts(services.pictures)
        self._at_once = 0
        self._group_answers = 0

    async def render_to_pipe(self, pipe: Pipe) -> None:
        """Answer a request."""
        if self._leisure_seconds is not None and pipe.request.remote.is_multicast_locally:
            await self._answer_group(pipe)
            return
        started = time.monotonic()
        route = _UNMATCHED
        self._at_once += 1
        try:
            if self._at_once > MOST_AT_ONCE:
                raise Unavailable("Too many requests are under way.")
            asked = Asked.of(pipe.request, caller_of(pipe.request, self._access))
            resource = resources.at(self._services, asked.path)
            route = resource.route
            await self._answer(pipe, asked, resource, started)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told
            structlog.contextvars.bind_contextvars(request_id=new_id(96))
            limit = self._services.pictures.limits.max_bytes
            _, message = answer_to(error, limit=limit)
            self._tell(pipe.request, route, message, started)
            pipe.add_response(message, is_last=True)
        finally:
            self._at_once -= 1

    async def _answer(self, pipe: Pipe, asked: Asked, resource: Resource, started: float) -> None:
        method = asked.message.code
        if method is Code.POST and isinstance(resource, Collection):
            await self._take(pipe, asked, resource, started)
        elif method is not Code.GET:
            raise MethodNotAllowed
        elif isinstance(resource, Collection) and resource.is_observed(asked):
            await self._observe(pipe, asked, resource, started)
        else:
            await self._give(pipe, asked, resource, started)

    async def _take(self, pipe: Pipe, asked: Asked, resource: Collection, started: float) -> None:
        """A body, or a block of one."""
        upload = self._received(asked, resource)
        block1 = asked.message.opt.block1
        if upload is None:
            pipe.add_response(Message(code=Code.CONTINUE, block1=block1), is_last=True)
            return
        with upload:
            done = await resource.post(asked, upload.body())
        message = done.message()
        message.opt.block1 = block1
        self._tell(asked.message, resource.route, message, min(started, upload.started))
        pipe.add_response(message, is_last=True)

    def _received(self, asked: Asked, resource: Collection) -> Upload | None:
        message = asked.message
        block1 = message.opt.block1
        if block1 is not None and block1.block_number:
            block = Block(block1.start, block1.size, block1.more, message.payload)
            return self._uploads.append(asked.name, block)
        limit = resource.expected(asked)
        if (message.opt.size1 or 0) > limit:
            raise UploadTooLarge(limit)
        if block1 is None:
            return self._uploads.begin(None, None, Block(0, len(message.payload), False, message.payload), limit)
        block = Block(0, block1.size, block1.more, message.payload)
        return self._uploads.begin(asked.name, host_of(message), block, limit)

    async def _give(self, pipe: Pipe, asked: Asked, resource: Resource, started: float) -> None:
        """A representation, or a block of one."""
        request = asked.message
        number, _, exponent = request.opt.block2 or (0, False, _LARGEST_BLOCK)
        found = self._remembered.get(asked.name) if number else None
        if found is None:
            found = await resource.get(asked)
        if not number and found.etag in request.opt.etags:
            message = Message(code=Code.VALID, etag=found.etag)
        else:
            message = await self._block(found, number, 1 << (exponent + 4), is_asked_for=asked.wants_block)
            if message.opt.block2 is None or not message.opt.block2.more:
                self._remembered.forget(asked.name)
            else:
                self._remembered.put(asked.name, found)
        if not number:
            self._tell(request, resource.route, message, started)
        pipe.add_response(message, is_last=True)

    async def _block(self, found: Representation, number: int, size: int, *, is_asked_for: bool) -> Message:
        start = number * size
        if number and start >= found.size:
            raise BadRequest("There is no such block.")
        if isinstance(found.of, bytes):
            payload = found.of[start : start + size]
        else:
            payload = await self._parts.read(found.of, start, size)
        message = Message(code=Code.CONTENT, payload=payload, content_format=found.content_format, etag=found.etag)
        if found.size > size or is_asked_for:
            message.opt.block2 = (number, start + size < found.size, size.bit_length() - 5)
            if not number:
                message.opt.size2 = found.size
        return message

    async def _observe(self, pipe: Pipe, asked: Asked, resource: Collection, started: float) -> None:
        device_id = list_queries.device(asked)
        asked.caller.check_may_read(device_id)
        topic = Topic(resource.name, device_id)
        if asked.message.opt.observe == 0 and self._observers.has_room(asked.message):
            self._at_once -= 1  # observers have a limit of their own
            try:
                await self._observers.serve(
                    pipe,
                    topic,
                    lambda record: resource.note(asked, record),
                    lambda message: self._tell(asked.message, resource.route, message, started),
                )
            finally:
                self._at_once += 1
        message = resource.note(asked, await self._observers.newest(topic))
        self._tell(asked.message, resource.route, message, started)
        pipe.add_response(message, is_last=True)

    async def _answer_group(self, pipe: Pipe) -> None:
        message = Message(code=Code.CONTENT, no_response=_NOBODY_HEARS)
        is_asked = pipe.request.code is Code.GET and path_of(pipe.request) == (".well-known", "core")
        if is_asked and self._group_answers < MOST_GROUP_ANSWERS:
            self._group_answers += 1
            try:
                found = await self._for_group(pipe.request)
                if found is not None:
                    await asyncio.sleep(random.uniform(0, self._leisure_seconds or 0))  # noqa: S311 - not a secret
                    message = found
            finally:
                self._group_answers -= 1
        pipe.add_response(message, is_last=True)

    async def _for_group(self, request: Message) -> Message | None:
        try:
            asked = Asked.of(request, caller_of(request, self._access))
            found = await resources.Links(self._services, "/.well-known/core").get(asked)
        except Exception:  # noqa: BLE001 - a group is told of no failure
            return None
        if not found.size:
            return None
        number, _, exponent = request.opt.block2 or (0, False, _LARGEST_BLOCK)
        self._remembered.put(name_of(request), found)
        return await self._block(found, number, 1 << (exponent + 4), is_asked_for=False) if not number else None

    def _tell(self, request: Message, route: str, response: Message, started: float) -> None:
        """One line and one count for a request."""
        seconds = time.monotonic() - started
        method, code = method_of(request), response.code.dotted
        self._metrics.observe(method, route, code, seconds)
        log.info("request", method=method, path=shown_path_of(request), code=code, ms=round(seconds * 1e3, 1))
