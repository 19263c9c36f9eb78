"""Representations that go out in blocks (Block2, RFC 7959), without a copy for each client.

A picture of 20 MB is 20,000 requests. What is remembered for a client between two of them is which picture it reads,
some hundred bytes; the bytes are shared by all who read the same, in parts of a megabyte, within one limit for
everybody. Whatever was forgotten is looked up again, so no block is ever answered by 4.08; the ETag tells the client
if it became another one (section 2.4).

Known limits: a part of a picture that is stored compressed costs reading all of it once.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from core_collection_service.pictures.repository import PictureRecord
from core_collection_service.pictures.service import Pictures

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


class Remembered:
    """Which representation each client is reading, the latest ones within a limit."""

    def __init__(self, limit: int = REMEMBERED_BYTES) -> None:
        self._limit = limit
        self._used = 0
        self._by_name: OrderedDict[Hashable, Representation] = OrderedDict()

    def get(self, name: Hashable) -> Representation | None:
        """What was answered last under this name."""
        found = self._by_name.get(name)
        if found is not None:
            self._by_name.move_to_end(name)
        return found

    def put(self, name: Hashable, representation: Representation) -> None:
        """For the blocks to come."""
        self.forget(name)
        self._by_name[name] = representation
        self._used += _weight(representation)
        while self._used > self._limit:
            self.forget(next(iter(self._by_name)))

    def forget(self, name: Hashable) -> None:
        """All blocks are sent."""
        found = self._by_name.pop(name, None)
        if found is not None:
            self._used -= _weight(found)


class Parts:
    """The bytes of pictures, by parts. Use it as an object of one event loop."""

    def __init__(self, pictures: Pictures, limit: int = SHARED_BYTES) -> None:
        self._pictures = pictures
        self._limit = limit
        self.held = 0
        """Bytes at this moment."""
        self._parts: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._reading = asyncio.Semaphore(READERS)

    async def read(self, record: PictureRecord, start: int, size: int) -> bytes:
        """`size` bytes from `start`, fewer at the end; they may not cross a border of parts. Raises `NoSuchPicture`."""
        number, offset = divmod(start, PART_BYTES)
        part = self._find(record.id, number) or await self._load(record, number)
        return part[offset : offset + size]

    async def _load(self, record: PictureRecord, number: int) -> bytes:
        async with self._reading:
            found = self._find(record.id, number)  # somebody else may have read it while we waited
            if found is not None:
                return found
            part = await self._pictures.part(record, number * PART_BYTES, PART_BYTES)
        if (record.id, number) not in self._parts:
            self._parts[record.id, number] = part
            self.held += len(part)
        while self.held > self._limit:
            self.held -= len(self._parts.popitem(last=False)[1])
        return part

    def _find(self, picture_id: int, number: int) -> bytes | None:
        found = self._parts.get((picture_id, number))
        if found is not None:
            self._parts.move_to_end((picture_id, number))
        return found


def _weight(representation: Representation) -> int:
    return RECORD_BYTES + (len(representation.of) if isinstance(representation.of, bytes) else 0)
