"""Bodies that come in blocks (Block1, RFC 7959): put together within limits, many at once, forgotten when they stop.

An upload is known by its client's endpoint, the request's options and so the Request-Tag (RFC 9175 section 3), not by
tokens, of which a client may use another for each block. Two uploads of one endpoint to one address without a
Request-Tag can't be told apart, and the later one replaces the earlier (RFC 7959 section 2.5): blocks of both are
refused as soon as that can be seen, which is when a number comes again with other bytes, and when two of them have just
begun.

What is unfinished has a part of the memory for uploads to itself, and each address a number of uploads, so that nobody
who begins many and goes on with none keeps others out: those that stopped longest ago make way.
"""

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from io import BytesIO
from types import TracebackType
from typing import Final, NamedTuple, Self

from core_collection_service.coap.errors import IncompleteUpload, UploadTooLarge
from core_collection_service.pictures.memory_budget import MemoryBudget, Reservation, UploadMemoryBudget
from lightbox_shared.errors import BadRequest, Unavailable

FORGET_AFTER: Final = 93.0
"""Seconds since the last block: as long as a client waits for an acknowledgement (MAX_TRANSMIT_WAIT)."""
OVERHEAD: Final = 4096
"""What an upload takes beside its bytes, counted generously: so many small ones can't fill the memory either."""
UNFINISHED_BYTES: Final = 128 * 1024 * 1024
MOST_OF_HOST: Final = 256
"""Of one address, where a network of cameras may be behind: as many as may begin at the same moment."""
STALLED_AFTER: Final = 10.0
"""Seconds without a block after which an upload makes way for others, when memory is short."""


class Block(NamedTuple):
    """One block: `start` is its place in the body."""

    start: int
    size: int
    more: bool
    payload: bytes


@dataclass(slots=True)
class Upload:
    """A body, or what there is of it; a context manager that gives its memory back."""

    host: Hashable
    limit: int
    reserved: Reservation
    unfinished: Reservation
    """The same bytes, in the part for what is not complete."""
    started: float
    touched: float
    data: BytesIO = field(default_factory=BytesIO)
    size: int = 0
    is_beginning: bool = True
    """There is one block."""
    rivalled: bool = False
    """Another one had just begun under the same name."""

    def has(self, start: int, payload: bytes) -> bool:
        """Whether these bytes are there."""
        return self.data.getbuffer()[start : start + len(payload)] == payload

    def body(self) -> bytes:
        """All of it, without a copy."""
        return self.data.getvalue()

    def release(self) -> None:
        """Give its memory back."""
        self.unfinished.release()
        self.reserved.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.release()


class Uploads:
    """All uploads under way; use it as an object of one event loop, and `close` it at the end."""

    def __init__(
        self,
        memory: UploadMemoryBudget,
        *,
        unfinished_bytes: int = UNFINISHED_BYTES,
        most_of_host: int = MOST_OF_HOST,
        forget_after: float = FORGET_AFTER,
    ) -> None:
        self._memory = memory
        self._unfinished = MemoryBudget(unfinished_bytes, "Too many uploads are under way.")
        self._largest = unfinished_bytes - OVERHEAD
        self._most_of_host = most_of_host
        self._forget_after = forget_after
        self._under_way: OrderedDict[Hashable, Upload] = OrderedDict()
        """The one that waits longest first."""
        self._beginnings: OrderedDict[Hashable, None] = OrderedDict()
        self._of_hosts: defaultdict[Hashable, OrderedDict[Hashable, None]] = defaultdict(OrderedDict)
        """The names of each address's, in the same order."""
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._under_way)

    def begin(self, name: Hashable, host: Hashable, block: Block, limit: int) -> Upload | None:
        """The first block, or all of it; returns the upload if it is complete. Raises `UploadTooLarge`, `BadRequest`
        and `Unavailable`."""
        now = time.monotonic()
        earlier = self._under_way.get(name)
        if earlier is not None and block.more and earlier.size == block.size and earlier.has(0, block.payload):
            return None  # sent again
        self._drop(name)
        if block.more and len(self._of_hosts.get(host, ())) >= self._most_of_host:
            self._drop(next(iter(self._of_hosts[host])))
        upload = Upload(host, limit, self._memory.reserve(), self._unfinished.reserve(), now, now)
        upload.rivalled = earlier is not None and earlier.size == block.size
        try:
            self._add(upload, block)
        except BaseException:
            upload.release()
            raise
        if not block.more:
            return upload
        self._under_way[name] = upload
        self._beginnings[name] = None
        self._of_hosts[host][name] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._forget_after, self._forget)
        return None

    def append(self, name: Hashable, block: Block) -> Upload | None:
        """A later block; returns the upload if it is complete. Raises the same, and `IncompleteUpload`."""
        upload = self._under_way.get(name)
        if upload is None or block.start > upload.size:
            raise IncompleteUpload
        try:
            if upload.rivalled:
                raise IncompleteUpload("Two uploads began here at once. A Request-Tag keeps them apart.")
            if block.start < upload.size:
                if not block.more or not upload.has(block.start, block.payload):
                    raise IncompleteUpload("This block has been here with other bytes. Please begin again.")
                return None
            # It goes on: no longer one of those that make way, least of all for itself.
            upload.is_beginning = False
            upload.touched = time.monotonic()
            self._beginnings.pop(name, None)
            self._under_way.move_to_end(name)
            self._of_hosts[upload.host].move_to_end(name)
            self._add(upload, block)
        except BaseException:
            self._drop(name)
            raise
        if block.more:
            return None
        self._remove(name)
        upload.unfinished.release()
        return upload

    def close(self) -> None:
        """Forget all."""
        if self._timer is not None:
            self._timer.cancel()
        for name in list(self._under_way):
            self._drop(name)

    def _add(self, upload: Upload, block: Block) -> None:
        size = len(block.payload)
        if block.more and size != block.size:
            raise BadRequest("A block that others follow has to be full.")
        if size > block.size:
            raise BadRequest("A block has more bytes than it says.")
        limit = min(upload.limit, self._largest)
        if upload.size + size > limit:
            raise UploadTooLarge(limit)
        taken = size if upload.size else OVERHEAD + size
        if block.more:
            self._make_room(taken)
            upload.unfinished.grow(taken)
        upload.reserved.grow(taken)
        upload.data.write(block.payload)
        upload.size += size

    def _make_room(self, size: int) -> None:
        """In the part for what is unfinished. Raises `Unavailable` where all go on."""
        while True:
            try:
                self._unfinished.check(size, 0)
            except Unavailable:
                oldest = next(iter(self._beginnings or self._under_way), None)
                if oldest is None or not self._makes_way(self._under_way[oldest]):
                    raise
                self._drop(oldest)
            else:
                return

    @staticmethod
    def _makes_way(upload: Upload) -> bool:
        return upload.is_beginning or time.monotonic() - upload.touched > STALLED_AFTER

    def _drop(self, name: Hashable) -> None:
        upload = self._remove(name)
        if upload is not None:
            upload.release()

    def _remove(self, name: Hashable) -> Upload | None:
        upload = self._under_way.pop(name, None)
        if upload is not None:
            self._beginnings.pop(name, None)
            of_host = self._of_hosts[upload.host]
            del of_host[name]
            if not of_host:
                del self._of_hosts[upload.host]
        return upload

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
