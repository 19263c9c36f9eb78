"""Block-wise transfers (RFC 7959) with progress.

aiocoap can transfer in blocks by itself, but reports nothing until the last one is through. Here each block is a
request of its own, which aiocoap retransmits when it or its response is lost. Uploads carry a Request-Tag (RFC 9175
section 3), so that a server keeps apart two uploads that one client makes at the same time.
"""

import secrets
from collections.abc import Callable
from typing import Final

from aiocoap import Code, Message

from lightbox.collect.callbacks import ProgressCallback, ignore_progress
from lightbox.collect.coap_request import CoapRequester
from lightbox.collect.errors import CollectError, TransientError

MAX_SIZE_EXPONENT: Final = 6
"""The largest SZX of RFC 7959 section 2.2: a block has 2 ** (SZX + 4) bytes, 1,024 here."""

RequestFactory = Callable[[], Message]
"""Makes the request without its payload; called for each block, since a message can be sent once."""


async def send_blockwise(
    requester: CoapRequester, new_request: RequestFactory, payload: bytes, on_progress: ProgressCallback
) -> Message:
    """Send a request with this payload, and return the response with its complete payload.

    Raises `TransientError` if a response is lost and `CollectError` if the server breaks the protocol.
    """
    exponent, offset, tag = MAX_SIZE_EXPONENT, 0, secrets.token_bytes(4)
    remote: object = None
    while True:
        size = 2 ** (exponent + 4)
        message = new_request()
        message.payload = payload[offset : offset + size]
        more = offset + size < len(payload)
        if offset or more:
            message.opt.block1 = (offset // size, more, exponent)
            message.opt.request_tag = [tag]
            if not offset:
                message.opt.size1 = len(payload)
        response = await requester.request(message, remote)
        remote = response.remote
        wanted = exponent if response.opt.block1 is None else response.opt.block1.size_exponent
        if response.code == Code.REQUEST_ENTITY_TOO_LARGE and wanted < exponent:
            exponent, offset = wanted, 0
            continue
        if not response.code.is_successful() or not more:
            return await _with_all_blocks(requester, new_request, response, ignore_progress)
        if response.code != Code.CONTINUE:
            raise CollectError(f"The server answered {response.code} before it had the whole picture.")
        offset += len(message.payload)
        exponent = min(exponent, wanted)
        on_progress(offset, len(payload))


async def get_blockwise(
    requester: CoapRequester, new_request: RequestFactory, on_progress: ProgressCallback
) -> Message:
    """Send a request without a payload, and return the response with its complete payload.

    Raises `TransientError` if a response is lost or the resource changes meanwhile, and `CollectError` if the server
    breaks the protocol.
    """
    message = new_request()
    message.opt.size2 = 0  # asks for the size of the whole (section 4)
    return await _with_all_blocks(requester, new_request, await requester.request(message), on_progress)


async def _with_all_blocks(
    requester: CoapRequester, new_request: RequestFactory, first: Message, on_progress: ProgressCallback
) -> Message:
    """The first response, its payload completed by the blocks that follow it."""
    response, data = first, bytearray(first.payload)
    while response.opt.block2 is not None and response.opt.block2.more:
        on_progress(len(data), first.opt.size2)
        exponent = response.opt.block2.size_exponent
        number, rest = divmod(len(data), 2 ** (exponent + 4))
        if rest or not response.payload:
            raise CollectError("The server's blocks do not fit together.")
        message = new_request()
        message.opt.block2 = (number, False, exponent)
        response = await requester.request(message, first.remote)
        if not response.code.is_successful():
            return response
        if (
            response.opt.etag != first.opt.etag
            or response.opt.block2 is None
            or response.opt.block2.block_number != number
        ):
            raise TransientError("What the server has changed while it was read.")
        data += response.payload
    on_progress(len(data), len(data))
    first.payload = bytes(data)
    return first
