"""Answers every request over CoAP: it is read, its blocks are assembled, a resource answers it, errors become problem
details, and one log line says what came of it. A picture in a hundred blocks is one line.

By multicast only `/.well-known/core` may be requested. The answer is sent after a random time, and only if there is a
link in it (RFC 7252 section 8.2).
"""

import asyncio
import random
import time
from typing import Final

import structlog
from aiocoap import Message
from aiocoap.numbers.codes import Code
from aiocoap.numbers.types import NON
from aiocoap.pipe import Pipe

from core_collection_service.coap.downloads import PictureParts, Representation, Transfers
from core_collection_service.coap.errors import BadOption, UploadTooLarge, error_response
from core_collection_service.coap.metrics import CoapMetrics
from core_collection_service.coap.observing import Observers
from core_collection_service.coap.requests import (
    CoapRequest,
    host_of,
    logged_path_of,
    method_of,
    path_of,
    transfer_of,
)
from core_collection_service.coap.resources import CollectionResource, DiscoveryResource, Resource, find_resource
from core_collection_service.coap.security import caller_of
from core_collection_service.coap.uploads import Block, Upload, Uploads
from core_collection_service.events.subscription import Topic
from core_collection_service.parameters import DEVICE_ID
from core_collection_service.protocol.media_types import CONTENT_FORMATS
from core_collection_service.state import Services
from lightbox_shared.errors import BadRequest, MethodNotAllowed, Unavailable
from lightbox_shared.observability.context import new_id

log = structlog.get_logger("access")

LEISURE_SECONDS: Final = 5.0
"""DEFAULT_LEISURE (RFC 7252 section 4.8)."""
MAX_REQUESTS: Final = 1000
"""So many requests are answered at the same time; observers do not count."""
MAX_GROUP_ANSWERS: Final = 100
"""So many requests by multicast wait for their random time at the same time."""
SUPPRESS_RESPONSE: Final = 26
"""No-Response (RFC 7967) for 2.xx, 4.xx and 5.xx."""
_LARGEST_SIZE_EXPONENT: Final = 6
_UNMATCHED: Final = "unmatched"


class CollectionSite:
    """The root of all resources. To be used from one event loop."""

    def __init__(
        self,
        services: Services,
        uploads: Uploads,
        observers: Observers,
        metrics: CoapMetrics,
        *,
        leisure_seconds: float | None = LEISURE_SECONDS,
    ) -> None:
        """`leisure_seconds` is None where no multicast is received."""
        self._services = services
        self._uploads = uploads
        self._observers = observers
        self._metrics = metrics
        self._leisure_seconds = leisure_seconds
        self._transfers = Transfers()
        self._parts = PictureParts(services.storage)
        self._requests = 0
        self._group_answers = 0

    async def render_to_pipe(self, pipe: Pipe) -> None:
        """Answer a request."""
        if self._leisure_seconds is not None and pipe.request.remote.is_multicast_locally:
            await self._answer_group(pipe)
            return
        started = time.monotonic()
        route = _UNMATCHED
        self._requests += 1
        try:
            if self._requests > MAX_REQUESTS:
                raise Unavailable("Too many requests are under way.")
            request = CoapRequest.of(pipe.request, caller_of(pipe.request, self._services.access))
            resource = find_resource(self._services, request.path)
            route = resource.route
            await self._answer(pipe, request, resource, started)
        except Exception as error:  # noqa: BLE001 - the client gets an error of every kind
            structlog.contextvars.bind_contextvars(request_id=new_id(96))
            message = error_response(error, limit=self._services.submissions.limits.max_bytes)
            if isinstance(error, BadOption) and pipe.request.mtype is NON:
                message.opt.no_response = SUPPRESS_RESPONSE  # it has to be rejected (RFC 7252 section 5.4.1)
            self._log(pipe.request, route, message, started)
            pipe.add_response(message, is_last=True)
        finally:
            self._requests -= 1

    async def _answer(self, pipe: Pipe, request: CoapRequest, resource: Resource, started: float) -> None:
        method = request.message.code
        if method is Code.POST and isinstance(resource, CollectionResource):
            await self._answer_post(pipe, request, resource, started)
        elif method is not Code.GET:
            raise MethodNotAllowed
        elif isinstance(resource, CollectionResource) and resource.is_observed(request):
            await self._answer_observe(pipe, request, resource, started)
        else:
            await self._answer_get(pipe, request, resource, started)

    async def _answer_post(
        self, pipe: Pipe, request: CoapRequest, resource: CollectionResource, started: float
    ) -> None:
        """Accept a body, or a block of one: 2.31 until it is complete."""
        upload = self._assemble(request, resource)
        block1 = request.message.opt.block1
        if upload is None:
            pipe.add_response(Message(code=Code.CONTINUE, block1=block1), is_last=True)
            return
        with upload:
            message = await resource.post(request, upload.body())
        message.opt.block1 = block1
        self._log(request.message, resource.route, message, min(started, upload.started))
        pipe.add_response(message, is_last=True)

    def _assemble(self, request: CoapRequest, resource: CollectionResource) -> Upload | None:
        """The complete upload; None while blocks are missing. Raises what `Uploads` and `check_post` raise."""
        message = request.message
        block1 = message.opt.block1
        if block1 is not None and block1.block_number:
            block = Block(block1.start, block1.size, block1.more, message.payload)
            return self._uploads.append(request.transfer, block)
        limit = resource.check_post(request)
        if (message.opt.size1 or 0) > limit:
            raise UploadTooLarge(limit)
        host, space = host_of(message), self._services.disk_space
        if block1 is None:
            whole = Block(0, len(message.payload), False, message.payload)
            return self._uploads.begin(None, host, whole, limit, space)
        block = Block(0, block1.size, block1.more, message.payload, message.opt.size1 or 0)
        return self._uploads.begin(request.transfer, host, block, limit, space)

    async def _answer_get(self, pipe: Pipe, request: CoapRequest, resource: Resource, started: float) -> None:
        """Send a representation, or a block of one."""
        message = request.message
        number, _, exponent = message.opt.block2 or (0, False, _LARGEST_SIZE_EXPONENT)
        found = self._transfers.get(request.transfer) if number else None
        if found is None:
            found = await resource.get(request)
        if not number and found.etag in message.opt.etags:
            response = Message(code=Code.VALID, etag=found.etag)
        else:
            response = await self._block(found, number, 1 << (exponent + 4), is_requested=request.wants_block)
            if response.opt.block2 is None or not response.opt.block2.more:
                self._transfers.forget(request.transfer)
            else:
                self._transfers.remember(request.transfer, found)
        if not number:
            self._log(message, resource.route, response, started)
        pipe.add_response(response, is_last=True)

    async def _block(self, found: Representation, number: int, size: int, *, is_requested: bool) -> Message:
        """A block of a representation, or all of it if it fits into one block and none was requested."""
        start = number * size
        if number and start >= found.size:
            raise BadRequest("There is no such block.")
        if isinstance(found.content, bytes):
            payload = found.content[start : start + size]
        else:
            payload = await self._parts.read(found.content, start, size)
        content_format = CONTENT_FORMATS[found.media_type]
        message = Message(code=Code.CONTENT, payload=payload, content_format=content_format, etag=found.etag)
        if found.size > size or is_requested:
            message.opt.block2 = (number, start + size < found.size, size.bit_length() - 5)
            if not number:
                message.opt.size2 = found.size
        return message

    async def _answer_observe(
        self, pipe: Pipe, request: CoapRequest, resource: CollectionResource, started: float
    ) -> None:
        """Serve an observer; once and without Observe if it does not register, or there are too many."""
        device_id = DEVICE_ID.read(request)
        request.caller.check_may_read(device_id)
        topic = Topic(resource.name, device_id)
        if request.message.opt.observe == 0 and self._observers.has_room(request.message):
            self._requests -= 1  # observers have a limit of their own
            try:
                await self._observers.serve(
                    pipe,
                    topic,
                    lambda record: resource.notification(request, record),
                    lambda message: self._log(request.message, resource.route, message, started),
                )
            finally:
                self._requests += 1
        message = resource.notification(request, await self._observers.newest(topic))
        self._log(request.message, resource.route, message, started)
        pipe.add_response(message, is_last=True)

    async def _answer_group(self, pipe: Pipe) -> None:
        """Answer a request by multicast, or leave it without a response."""
        message = Message(code=Code.CONTENT, no_response=SUPPRESS_RESPONSE)
        is_discovery = pipe.request.code is Code.GET and path_of(pipe.request) == (".well-known", "core")
        if is_discovery and self._group_answers < MAX_GROUP_ANSWERS:
            self._group_answers += 1
            try:
                found = await self._discovery_for_group(pipe.request)
                if found is not None:
                    await asyncio.sleep(random.uniform(0, self._leisure_seconds or 0))  # noqa: S311 - not a secret
                    message = found
            finally:
                self._group_answers -= 1
        pipe.add_response(message, is_last=True)

    async def _discovery_for_group(self, message: Message) -> Message | None:
        """The links; None if there are none, if a further block is requested, and in place of an error."""
        try:
            request = CoapRequest.of(message, caller_of(message, self._services.access))
            found = await DiscoveryResource(self._services, "/.well-known/core").get(request)
        except Exception:  # noqa: BLE001 - errors are not sent in answer to multicast
            return None
        if not found.size:
            return None
        number, _, exponent = message.opt.block2 or (0, False, _LARGEST_SIZE_EXPONENT)
        self._transfers.remember(transfer_of(message), found)
        return await self._block(found, number, 1 << (exponent + 4), is_requested=False) if not number else None

    def _log(self, request: Message, route: str, response: Message, started: float) -> None:
        """Write one line for a request, and count it."""
        seconds = time.monotonic() - started
        method, code = method_of(request), response.code.dotted
        self._metrics.observe(method, route, code, seconds)
        log.info("request", method=method, path=logged_path_of(request), code=code, ms=round(seconds * 1e3, 1))
