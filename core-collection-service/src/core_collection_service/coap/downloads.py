"""Representations that are sent in blocks (Block2, RFC 7959), without a copy for each client.

A picture of 20 MB is 20,000 requests. Between two of them it is remembered which representation the client is reading,
some hundred bytes for a picture; the bytes of pictures are shared by all clients that read the same, in parts of a
megabyte, within one limit. A representation that was forgotten is generated again, so no block is answered by 4.08; the
ETag tells the client if the representation has changed (section 2.4).

Known limit: for a part of a picture that is stored compressed, all of it is read.
"""

import asyncio
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cachetools import LRUCache

from core_collection_service.pictures.models import PictureRecord
from core_collection_service.pictures.storage.service import PictureStorage

PART_BYTES: Final = 1024 * 1024
"""A multiple of every block size."""
PARTS_BYTES: Final = 64 * 1024 * 1024
TRANSFERS_BYTES: Final = 16 * 1024 * 1024
RECORD_BYTES: Final = 1024
"""What a picture's metadata take in memory, about."""
READERS: Final = 2
"""How many parts are read from the database at a time."""
ETAG_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Representation:
    """What a resource answers."""

    media_type: str
    etag: bytes
    content: bytes | PictureRecord
    """Bytes that were generated for the request, or a picture whose original is sent."""

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.size


class Transfers:
    """Which representation each client is reading; those that were used last, within a limit of bytes."""

    def __init__(self, limit: int = TRANSFERS_BYTES) -> None:
        self._representations: LRUCache[Hashable, Representation] = LRUCache(limit, getsizeof=_size_in_memory)

    def get(self, transfer: Hashable) -> Representation | None:
        """The representation of a transfer, unless it was forgotten."""
        return self._representations.get(transfer)

    def remember(self, transfer: Hashable, representation: Representation) -> None:
        """Keep the representation of a transfer, in place of an earlier one. One that is larger than the limit is not
        kept."""
        self.forget(transfer)
        with suppress(ValueError):
            self._representations[transfer] = representation

    def forget(self, transfer: Hashable) -> None:
        """Drop the representation of a transfer that is complete."""
        self._representations.pop(transfer, None)


class PictureParts:
    """The originals of pictures, by parts, cached within a limit of bytes. To be used from one event loop."""

    def __init__(self, storage: PictureStorage, limit: int = PARTS_BYTES) -> None:
        self._storage = storage
        self._parts: LRUCache[tuple[int, int], bytes] = LRUCache(limit, getsizeof=len)
        self._reading = asyncio.Semaphore(READERS)

    async def read(self, record: PictureRecord, start: int, size: int) -> bytes:
        """`size` bytes from `start` on, fewer at the end of the picture, which have to be within one part. Raises
        `NoSuchPicture` if the picture has been deleted."""
        number, offset = divmod(start, PART_BYTES)
        part = self._parts.get((record.id, number)) or await self._load(record, number)
        return part[offset : offset + size]

    async def _load(self, record: PictureRecord, number: int) -> bytes:
        async with self._reading:
            found = self._parts.get((record.id, number))  # another client's request may have read it meanwhile
            if found is not None:
                return found
            part = await self._storage.part(record, number * PART_BYTES, PART_BYTES)
        self._parts[record.id, number] = part
        return part

    @property
    def cached_bytes(self) -> int:
        """The size of the cache at this moment."""
        return int(self._parts.currsize)


def _size_in_memory(representation: Representation) -> int:
    return RECORD_BYTES + (len(representation.content) if isinstance(representation.content, bytes) else 0)
