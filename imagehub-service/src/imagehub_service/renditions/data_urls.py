"""Pictures inside of JSON, as ImageHub's clients show them."""

import base64
from collections.abc import Iterator
from typing import Final

PIECE_BYTES: Final = 3 * 256 * 1024
"""A multiple of three, so that pieces of base64 can be put together."""


def data_url(media_type: str, data: bytes) -> str:
    """A data URL (RFC 2397)."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def data_url_pieces(media_type: str, data: bytes) -> Iterator[bytes]:
    """The same for a large picture, in pieces, so that it is not in memory twice."""
    yield f"data:{media_type};base64,".encode()
    view = memoryview(data)
    for start in range(0, len(data), PIECE_BYTES):
        yield base64.b64encode(view[start : start + PIECE_BYTES])
