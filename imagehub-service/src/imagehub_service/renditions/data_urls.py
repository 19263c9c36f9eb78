"""Pictures inside of JSON, as ImageHub's clients show them."""

import base64
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

PIECE_BYTES: Final = 3 * 256 * 1024
"""Of a chunk; a multiple of three, so that pieces of base64 can be put together."""


def data_url(media_type: str, data: bytes) -> str:
    """A data URL (RFC 2397)."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


async def data_url_pieces(media_type: str, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The same for a large picture, of which one chunk is in memory at a time. All chunks but the last have a multiple
    of three bytes."""
    yield f"data:{media_type};base64,".encode()
    async for chunk in chunks:
        yield base64.b64encode(chunk)
