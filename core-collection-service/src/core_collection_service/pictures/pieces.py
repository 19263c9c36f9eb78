"""Large pictures piece by piece: whoever reads slowly, or nothing at all, holds a piece in memory and not a picture.

No connection to the database is held between two pieces. A picture that is deleted meanwhile ends in an exception: what
has been sent of it must never pass for all of it.
"""

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import IO, Any, Final, cast

import zstandard
from anyio import CapacityLimiter, from_thread, to_thread

from lightbox_shared.blobs import BlobMissing

PIECE_BYTES: Final = 256 * 1024

Read = Callable[[int, int], Coroutine[Any, Any, bytes]]
"""So many bytes as they are stored, from a place on."""


async def stored_pieces(read: Read, start: int, size: int) -> AsyncIterator[bytes]:
    """`size` of the stored bytes from `start` on. Raises what `read` raises."""
    end = start + size
    while start < end:
        piece = await read(start, min(PIECE_BYTES, end - start))
        if not piece:
            raise BlobMissing("A picture is shorter than its row says.")
        start += len(piece)
        yield piece


async def decoded_pieces(
    read: Read, stored_size: int, whole: int, wanted: range, limiter: CapacityLimiter
) -> AsyncIterator[bytes]:
    """The bytes `wanted` of a picture of `whole` bytes that is stored compressed; what is before them is decompressed
    and dropped. Raises what `read` raises, and `ZstdError`."""
    source = cast("IO[bytes]", _Source(read, stored_size))  # of a file nothing but `read` is used
    reader = zstandard.ZstdDecompressor().stream_reader(source, read_size=PIECE_BYTES)
    at = 0
    while at < wanted.stop:
        piece = await to_thread.run_sync(reader.read, PIECE_BYTES, limiter=limiter)
        is_last = at + len(piece) >= whole
        # The checksum stands behind the last byte: it is compared before that byte is given away.
        behind = await to_thread.run_sync(reader.read, 1, limiter=limiter) if is_last else b""
        if not piece or behind:
            raise BlobMissing("A picture has not the size that its row says.")
        part = piece[max(wanted.start - at, 0) : wanted.stop - at]
        at += len(piece)
        if part:
            yield part


class _Source:
    """A file for the decompressor, which reads in a thread; the bytes are fetched on the event loop."""

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self._size = size
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes, none at the end."""
        left = self._size - self._at
        wanted = left if size < 0 else min(size, left)
        piece = from_thread.run(self._read, self._at, wanted) if wanted else b""
        self._at += len(piece)
        return piece
