"""Representations that go out in blocks (Block2, RFC 7959), without a copy for each client.

A picture of 20 MB is 20,000 requests. What is remembered for a client between two of them is which picture it reads,
some hundred bytes; the bytes are shared by all who read the same, in parts of a megabyte, within one limit for
everybody. Whatever was forgotten is looked up again, so no block is ever answered by 4.08; the ETag tells the client
if it became another one (section 2.4).

Known limits: a part of a picture that is stored compressed costs reading all of it once.
"""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from core_collection_service.pictures.repository import PictureRecord
from core_collection_service.pictures.service import Pictures
from core_collection_service.recent import Recent

PART_BYTES: Final = 1024 * 1024
"""A multiple of every block size."""
SHARED_BYTES: Final = 64 * 1024 * 1024
REMEMBERED_BYTES: Final = 16 * 1024 * 1024
RECORD_BYTES: Final = 1024
READERS: Final = 2
ETAG_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Representation:
    """What a resource answers: bytes that were made for it, or a picture."""

    content_format: int
    etag: bytes
    of: bytes | PictureRecord
    max_age: int | None = None

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.of) if isinstance(self.of, bytes) else self.of.size


class Remembered(Recent[Hashable, Representation]):
    """Which representation each client is reading, the latest ones within a limit."""

    def __init__(self, limit: int = REMEMBERED_BYTES) -> None:
        super().__init__(limit, _weight)


class Parts:
    """The bytes of pictures, by parts. Use it as an object of one event loop."""

    def __init__(self, pictures: Pictures, limit: int = SHARED_BYTES) -> None:
        self._pictures = pictures
        self._parts: Recent[tuple[int, int], bytes] = Recent(limit, lambda _, part: len(part))
        self._reading = asyncio.Semaphore(READERS)

    async def read(self, record: PictureRecord, start: int, size: int) -> bytes:
        """`size` bytes from `start`, fewer at the end; they may not cross a border of parts. Raises `NoSuchPicture`."""
        number, offset = divmod(start, PART_BYTES)
        part = self._parts.get((record.id, number)) or await self._load(record, number)
        return part[offset : offset + size]

    async def _load(self, record: PictureRecord, number: int) -> bytes:
        async with self._reading:
            found = self._parts.get((record.id, number))  # somebody else may have read it while we waited
            if found is not None:
                return found
            part = await self._pictures.part(record, number * PART_BYTES, PART_BYTES)
        self._parts.put((record.id, number), part)
        return part

    @property
    def held(self) -> int:
        """Bytes at this moment."""
        return self._parts.held


def _weight(_name: Hashable, representation: Representation) -> int:
    return RECORD_BYTES + (len(representation.of) if isinstance(representation.of, bytes) else 0)
