"""Block-wise transfers (RFC 7959) by a client, one block after the other, so that somebody can see how far they are.

The library transfers in blocks by itself, and says nothing until all are through. Here each block is a request of its
own, and the library retransmits it when it or its answer is lost. Uploads carry a Request-Tag (RFC 9175 section 3), so
that two of one client at once are kept apart.
"""

import secrets
from collections.abc import Callable
from typing import Final

from aiocoap import Code, Message

from lightbox.collect.coap_request import CoapRequester
from lightbox.collect.errors import CollectError, Lost
from lightbox.collect.transport import Advance

LARGEST_EXPONENT: Final = 6
"""Blocks of 1,024 bytes."""

Build = Callable[[], Message]
"""Makes the request anew for each block, without its payload."""


async def send_in_blocks(requester: CoapRequester, build: Build, payload: bytes, advance: Advance) -> Message:
    """The answer to a request with this payload, whole. Raises `Lost` and `CollectError`."""
    exponent, offset, tag = LARGEST_EXPONENT, 0, secrets.token_bytes(4)
    remote: object = None
    while True:
        size = 2 ** (exponent + 4)
        message = build()
        message.payload = payload[offset : offset + size]
        more = offset + size < len(payload)
        if offset or more:
            message.opt.block1 = (offset // size, more, exponent)
            message.opt.request_tag = [tag]
            if not offset:
                message.opt.size1 = len(payload)
        answer = await requester.ask(message, remote)
        remote = answer.remote
        wanted = exponent if answer.opt.block1 is None else answer.opt.block1.size_exponent
        if answer.code == Code.REQUEST_ENTITY_TOO_LARGE and wanted < exponent:
            exponent, offset = wanted, 0
            continue
        if not answer.code.is_successful() or not more:
            return await _whole(requester, build, answer, lambda _done, _total: None)
        if answer.code != Code.CONTINUE:
            raise CollectError(f"The server answered {answer.code} before it had the whole picture.")
        offset += len(message.payload)
        exponent = min(exponent, wanted)
        advance(offset, len(payload))


async def get_in_blocks(requester: CoapRequester, build: Build, advance: Advance) -> Message:
    """The answer to a request without a payload, whole. Raises `Lost` and `CollectError`."""
    message = build()
    message.opt.size2 = 0  # "how large is it?" (section 4)
    return await _whole(requester, build, await requester.ask(message), advance)


async def _whole(requester: CoapRequester, build: Build, answer: Message, advance: Advance) -> Message:
    first, data = answer, bytearray(answer.payload)
    while answer.opt.block2 is not None and answer.opt.block2.more:
        advance(len(data), first.opt.size2)
        exponent = answer.opt.block2.size_exponent
        number, rest = divmod(len(data), 2 ** (exponent + 4))
        if rest or not answer.payload:
            raise CollectError("The server's blocks do not fit together.")
        message = build()
        message.opt.block2 = (number, False, exponent)
        answer = await requester.ask(message, first.remote)
        if not answer.code.is_successful():
            return answer
        if answer.opt.etag != first.opt.etag or answer.opt.block2 is None or answer.opt.block2.block_number != number:
            raise Lost("What the server has changed while it was read.")
        data += answer.payload
    advance(len(data), len(data))
    first.payload = bytes(data)
    return first
