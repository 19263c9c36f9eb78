"""Bodies that come in blocks (Block1, RFC 7959): put together within limits, many at once, forgotten when they stop.

An upload is known by its client's endpoint, the request's options and so the Request-Tag (RFC 9175 section 3), not by
tokens, of which a client may use another for each block. Two uploads of one endpoint to one address without a
Request-Tag can't be told apart, and the later one replaces the earlier (RFC 7959 section 2.5): blocks of both are
refused as soon as that can be seen, which is when a number comes again with other bytes, and when two of them have just
begun.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, NamedTuple, Self

from core_collection_service.coap.errors import IncompleteUpload, UploadTooLarge
from core_collection_service.pictures.memory import Reservation, UploadMemory
from lightbox_shared.errors import BadRequest

FORGET_AFTER: Final = 93.0
"""Seconds since the last block: as long as a client waits for an acknowledgement (MAX_TRANSMIT_WAIT)."""
OVERHEAD: Final = 4096
"""What an upload takes beside its bytes, counted generously: so many small ones can't fill the memory either."""


class Block(NamedTuple):
    """One block: `start` is its place in the body."""

    start: int
    size: int
    more: bool
    payload: bytes


@dataclass(slots=True)
class Upload:
    """A body, or what there is of it; a context manager that gives its memory back."""

    limit: int
    reserved: Reservation
    started: float
    touched: float
    data: bytearray = field(default_factory=bytearray)
    rivalled: bool = False
    """Another one had just begun under the same name."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.reserved.release()


class Uploads:
    """All uploads under way; use it as an object of one event loop, and `close` it at the end."""

    def __init__(self, memory: UploadMemory, *, forget_after: float = FORGET_AFTER) -> None:
        self._memory = memory
        self._forget_after = forget_after
        self._under_way: OrderedDict[Hashable, Upload] = OrderedDict()
        """The one that waits longest first."""
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._under_way)

    def begin(self, name: Hashable, block: Block, limit: int) -> Upload | None:
        """The first block, or all of it; returns the upload if it is complete. Raises `UploadTooLarge`, `BadRequest`
        and `Unavailable`."""
        now = time.monotonic()
        earlier = self._under_way.get(name)
        if earlier is not None and block.more and earlier.data == block.payload:
            return None  # sent again
        self._drop(name)
        upload = Upload(limit, self._memory.reserve(OVERHEAD), now, now)
        upload.rivalled = earlier is not None and len(earlier.data) == block.size
        try:
            self._add(upload, block)
        except BaseException:
            upload.reserved.release()
            raise
        if not block.more:
            return upload
        self._under_way[name] = upload
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._forget_after, self._forget)
        return None

    def append(self, name: Hashable, block: Block) -> Upload | None:
        """A later block; returns the upload if it is complete. Raises the same, and `IncompleteUpload`."""
        upload = self._under_way.get(name)
        if upload is None or block.start > len(upload.data):
            raise IncompleteUpload
        try:
            if upload.rivalled:
                raise IncompleteUpload("Two uploads began here at once. A Request-Tag keeps them apart.")
            if block.start < len(upload.data):
                if upload.data[block.start : block.start + len(block.payload)] != block.payload:
                    raise IncompleteUpload("This block has been here with other bytes. Please begin again.")
                return None
            self._add(upload, block)
        except BaseException:
            self._drop(name)
            raise
        if block.more:
            upload.touched = time.monotonic()
            self._under_way.move_to_end(name)
            return None
        return self._under_way.pop(name)

    def close(self) -> None:
        """Forget all."""
        if self._timer is not None:
            self._timer.cancel()
        for name in list(self._under_way):
            self._drop(name)

    @staticmethod
    def _add(upload: Upload, block: Block) -> None:
        size = len(block.payload)
        if block.more and size != block.size:
            raise BadRequest("A block that others follow has to be full.")
        if len(upload.data) + size > upload.limit:
            raise UploadTooLarge(upload.limit)
        upload.reserved.grow(size)
        upload.data += block.payload

    def _drop(self, name: Hashable) -> None:
        upload = self._under_way.pop(name, None)
        if upload is not None:
            upload.reserved.release()

    def _forget(self) -> None:
        self._timer = None
        now = time.monotonic()
        while self._under_way:
            name, upload = next(iter(self._under_way.items()))
            left = upload.touched + self._forget_after - now
            if left > 0:
                self._timer = asyncio.get_running_loop().call_later(left, self._forget)
                return
            self._drop(name)
