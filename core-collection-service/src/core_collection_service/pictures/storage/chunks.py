"""Large pictures in chunks: a client that reads slowly, or stops reading, holds one chunk in memory and not a picture.

No connection to the database is held between two chunks. If the picture is deleted in between, the iteration raises an
error, so that a part of a picture is never taken for the whole.
"""

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import IO, Any, Final, cast

import zstandard
from anyio import CapacityLimiter, from_thread, to_thread

from lightbox_shared.storage.blobs import BlobMissing

CHUNK_BYTES: Final = 256 * 1024

ReadStored = Callable[[int, int], Coroutine[Any, Any, bytes]]
"""Reads stored bytes, by position and number."""


async def stored_chunks(read: ReadStored, start: int, size: int) -> AsyncIterator[bytes]:
    """`size` of the stored bytes from `start` on. Raises what `read` raises, and `BlobMissing` if there are fewer."""
    end = start + size
    while start < end:
        chunk = await read(start, min(CHUNK_BYTES, end - start))
        if not chunk:
            raise BlobMissing("A picture is shorter than its row says.")
        start += len(chunk)
        yield chunk


async def decompressed_chunks(
    read: ReadStored, stored_size: int, size: int, wanted: range, limiter: CapacityLimiter
) -> AsyncIterator[bytes]:
    """The bytes at the positions `wanted` of an original of `size` bytes that is stored compressed, decompressed in a
    thread; those before them are decompressed and dropped. Raises what `read` raises, `ZstdError`, and `BlobMissing` if
    there are not `size` bytes."""
    source = cast("IO[bytes]", _StoredFile(read, stored_size))  # nothing but `read` is used of it
    reader = zstandard.ZstdDecompressor().stream_reader(source, read_size=CHUNK_BYTES)
    position = 0
    while position < wanted.stop:
        chunk = await to_thread.run_sync(reader.read, CHUNK_BYTES, limiter=limiter)
        is_last = position + len(chunk) >= size
        # The checksum is at the end of the frame: it is verified before the last bytes are sent.
        surplus = await to_thread.run_sync(reader.read, 1, limiter=limiter) if is_last else b""
        if not chunk or surplus:
            raise BlobMissing("A picture has not the size that its row says.")
        part = chunk[max(wanted.start - position, 0) : wanted.stop - position]
        position += len(chunk)
        if part:
            yield part


class _StoredFile:
    """The stored bytes as a file for the decompressor, which reads in a thread; they are fetched on the event loop."""

    def __init__(self, read: ReadStored, size: int) -> None:
        self._read = read
        self._size = size
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes, none at the end."""
        left = self._size - self._position
        wanted = left if size < 0 else min(size, left)
        chunk = from_thread.run(self._read, self._position, wanted) if wanted else b""
        self._position += len(chunk)
        return chunk
