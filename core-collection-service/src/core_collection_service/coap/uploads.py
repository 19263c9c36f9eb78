"""Bodies that arrive in blocks (Block1, RFC 7959): assembled within limits, many at the same time, and forgotten when
they stop.

An upload is identified by the client's endpoint and the request's options, Request-Tag (RFC 9175 section 3) among them,
and not by tokens, of which a client may use another for each block. Two uploads of one endpoint with the same options
can't be told apart, and the later one replaces the earlier (RFC 7959 section 2.5). Blocks of both are refused as soon
as that is noticed: when a block number arrives again with other bytes, and when both have just begun.

Uploads that are not complete have a part of the memory for uploads to themselves, and each address a number of uploads,
so that a client that begins many and continues none does not keep others out: the uploads that stopped longest ago are
dropped first.

On disk, a first block reserves room for its own bytes only, whatever size it announces (Size1, RFC 7959 section 4):
anybody can send one datagram from an address that is not theirs (RFC 9175 section 2.3). There has to be room for what
it announces, and that is reserved when a second block comes, as from a client that has seen the answer to the first. A
second datagram proves little, so what is reserved for bytes that have not come is limited for all uploads together.
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
from lightbox_shared.concurrency.memory_budget import MemoryBudget, Reservation, UploadMemoryBudget
from lightbox_shared.errors import BadRequest, Unavailable
from lightbox_shared.errors.disk_full import DiskFull
from lightbox_shared.storage.disk_space import DiskReservation, DiskSpace

FORGET_AFTER_SECONDS: Final = 93.0
"""Without a new block; as long as a client waits for an acknowledgement (MAX_TRANSMIT_WAIT, RFC 7252 section 4.8.2)."""
OVERHEAD_BYTES: Final = 4096
"""What an upload takes beside its body, counted generously, so that many small ones can't fill the memory either."""
UNFINISHED_BYTES: Final = 128 * 1024 * 1024
MAX_UPLOADS_OF_HOST: Final = 256
"""Of one address, which a network of cameras may share: so many may begin at the same moment."""
STALLED_AFTER_SECONDS: Final = 10.0
"""Without a new block; then an upload is dropped if others need its memory."""


class Block(NamedTuple):
    """One block of a body."""

    start: int
    """Its position in the body."""
    size: int
    """The size that all blocks but the last have."""
    more: bool
    """Whether others follow."""
    payload: bytes
    announced: int = 0
    """The size of the body as the first block says it, 0 if it does not."""


@dataclass(slots=True)
class Upload:
    """A body, or the part of it that has arrived; a context manager that releases its memory and its room on disk
    when the body has been stored, or not."""

    host: Hashable
    limit: int
    reserved: Reservation
    unfinished: Reservation
    """The same bytes, counted in the part for uploads that are not complete."""
    room: DiskReservation
    """For the body on disk. Nothing is written before it is complete."""
    started: float
    """When the first block arrived, by the monotonic clock."""
    last_block: float
    """When the last one arrived."""
    announced: int = 0
    """The size of the body as its first block says it, 0 if it does not."""
    ahead: int = 0
    """That, once it counts among what is reserved before it has come."""
    data: BytesIO = field(default_factory=BytesIO)
    size: int = 0
    is_first_block: bool = True
    """There is one block as yet."""
    is_ambiguous: bool = False
    """Another upload with the same identity had just begun."""

    def contains(self, start: int, payload: bytes) -> bool:
        """Whether these bytes have arrived at this position."""
        return self.data.getbuffer()[start : start + len(payload)] == payload

    def body(self) -> bytes:
        """All bytes, without a copy."""
        return self.data.getvalue()

    def release(self) -> None:
        """Release its memory, and its room on disk."""
        self.unfinished.release()
        self.reserved.release()
        self.room.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.room.release(written=self.size)
        self.release()


class Uploads:
    """All uploads in progress. To be used from one event loop, and closed at the end."""

    def __init__(
        self,
        memory: UploadMemoryBudget,
        *,
        unfinished_bytes: int = UNFINISHED_BYTES,
        max_uploads_of_host: int = MAX_UPLOADS_OF_HOST,
        forget_after_seconds: float = FORGET_AFTER_SECONDS,
    ) -> None:
        self._memory = memory
        self._unfinished = MemoryBudget(unfinished_bytes, "Too many uploads are under way.")
        self._largest = unfinished_bytes - OVERHEAD_BYTES
        self._max_uploads_of_host = max_uploads_of_host
        self._forget_after_seconds = forget_after_seconds
        self._in_progress: OrderedDict[Hashable, Upload] = OrderedDict()
        """By transfer; those that have waited longest for a block are first."""
        self._with_one_block: OrderedDict[Hashable, None] = OrderedDict()
        """The transfers of which there is one block, in the same order."""
        self._of_hosts: defaultdict[Hashable, OrderedDict[Hashable, None]] = defaultdict(OrderedDict)
        """The transfers of each address, in the same order."""
        self._most_ahead = unfinished_bytes
        """More than so many bytes do not come before others are complete."""
        self._ahead = 0
        """Bytes that uploads of two blocks and more have announced."""
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._in_progress)

    def begin(self, transfer: Hashable, host: Hashable, block: Block, limit: int, space: DiskSpace) -> Upload | None:
        """Accept a first block, of a body that may have `limit` bytes and is kept in `space`. Returns the upload if it
        is complete. Raises `UploadTooLarge`, `BadRequest`, `DiskFull` and `Unavailable`."""
        now = time.monotonic()
        earlier = self._in_progress.get(transfer)
        if earlier is not None and block.more and earlier.size == block.size and earlier.contains(0, block.payload):
            return None  # the same block again
        self._drop(transfer)
        if block.more and len(self._of_hosts.get(host, ())) >= self._max_uploads_of_host:
            self._drop(next(iter(self._of_hosts[host])))
        if block.more:
            space.reserve(block.announced, address=host).release()  # it is only looked whether there is room
        room = self._reserve_room(space, host, len(block.payload))
        try:
            reserved = self._memory.reserve(address=host)
        except BaseException:
            room.release()
            raise
        upload = Upload(host, limit, reserved, self._unfinished.reserve(), room, now, now, block.announced)
        upload.is_ambiguous = earlier is not None and earlier.size == block.size
        try:
            self._add(upload, block)
        except BaseException:
            upload.release()
            raise
        if not block.more:
            return upload
        self._in_progress[transfer] = upload
        self._with_one_block[transfer] = None
        self._of_hosts[host][transfer] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._forget_after_seconds, self._forget)
        return None

    def append(self, transfer: Hashable, block: Block) -> Upload | None:
        """Accept a later block. Returns the upload if it is complete. Raises `IncompleteUpload` for a block that does
        not continue it, `UploadTooLarge`, `BadRequest`, `DiskFull` and `Unavailable`."""
        upload = self._in_progress.get(transfer)
        if upload is None or block.start > upload.size:
            raise IncompleteUpload
        try:
            if upload.is_ambiguous:
                raise IncompleteUpload("Two uploads began here at once. A Request-Tag keeps them apart.")
            if block.start < upload.size:
                if not block.more or not upload.contains(block.start, block.payload):
                    raise IncompleteUpload("This block has been here with other bytes. Please begin again.")
                return None
            # Before memory is made free for it, since it must not be dropped for that itself.
            upload.is_first_block = False
            upload.last_block = time.monotonic()
            self._with_one_block.pop(transfer, None)
            self._in_progress.move_to_end(transfer)
            self._of_hosts[upload.host].move_to_end(transfer)
            self._reserve_ahead(upload)
            self._add(upload, block)
        except BaseException:
            self._drop(transfer)
            raise
        if block.more:
            return None
        self._remove(transfer)
        upload.unfinished.release()
        return upload

    def close(self) -> None:
        """Forget all uploads."""
        if self._timer is not None:
            self._timer.cancel()
        for transfer in list(self._in_progress):
            self._drop(transfer)

    def _add(self, upload: Upload, block: Block) -> None:
        size = len(block.payload)
        if block.more and size != block.size:
            raise BadRequest("A block that others follow has to be full.")
        if size > block.size:
            raise BadRequest("A block has more bytes than it says.")
        limit = min(upload.limit, self._largest)
        if upload.size + size > limit:
            raise UploadTooLarge(limit)
        needed = size if upload.size else OVERHEAD_BYTES + size
        if block.more:
            self._make_room(needed)
            upload.unfinished.grow(needed)
        upload.reserved.grow(needed)
        self._grow_room(upload.room, upload.size + size)
        upload.data.write(block.payload)
        upload.size += size

    def _make_room(self, size: int) -> None:
        """Drop uploads until `size` bytes are free in the part for those that are not complete. Raises `Unavailable` if
        none may be dropped."""
        while True:
            try:
                self._unfinished.check(size, 0)
            except Unavailable:
                oldest = next(iter(self._with_one_block or self._in_progress), None)
                if oldest is None or not self._may_be_dropped(self._in_progress[oldest]):
                    raise
                self._drop(oldest)
            else:
                return

    def _reserve_room(self, space: DiskSpace, host: Hashable, size: int) -> DiskReservation:
        """Room on disk for `size` bytes that have arrived. Raises `DiskFull`."""
        while True:
            try:
                return space.reserve(size, address=host)
            except DiskFull:
                if not self._drop_one_block():
                    raise

    def _grow_room(self, room: DiskReservation, size: int) -> None:
        """The same, for an upload that holds some already."""
        while True:
            try:
                return room.grow_to(size)
            except DiskFull:
                if not self._drop_one_block():
                    raise

    def _drop_one_block(self) -> bool:
        """Drop the upload of one block that has waited longest, and return whether there was one."""
        oldest = next(iter(self._with_one_block), None)
        if oldest is not None:
            self._drop(oldest)
        return oldest is not None

    def _reserve_ahead(self, upload: Upload) -> None:
        """Reserve room on disk for the size that an upload has announced, unless others have taken the part for that;
        then it grows with what arrives. Raises `DiskFull`."""
        if not upload.ahead and self._ahead + upload.announced <= self._most_ahead:
            upload.ahead = upload.announced
            self._ahead += upload.ahead
            self._grow_room(upload.room, upload.ahead)

    @staticmethod
    def _may_be_dropped(upload: Upload) -> bool:
        return upload.is_first_block or time.monotonic() - upload.last_block > STALLED_AFTER_SECONDS

    def _drop(self, transfer: Hashable) -> None:
        upload = self._remove(transfer)
        if upload is not None:
            upload.release()

    def _remove(self, transfer: Hashable) -> Upload | None:
        upload = self._in_progress.pop(transfer, None)
        if upload is not None:
            self._ahead -= upload.ahead
            self._with_one_block.pop(transfer, None)
            of_host = self._of_hosts[upload.host]
            del of_host[transfer]
            if not of_host:
                del self._of_hosts[upload.host]
        return upload

    def _forget(self) -> None:
        """Drop uploads that have had no block for too long, and look again when the next one may have."""
        self._timer = None
        now = time.monotonic()
        while self._in_progress:
            transfer, upload = next(iter(self._in_progress.items()))
            left = upload.last_block + self._forget_after_seconds - now
            if left > 0:
                self._timer = asyncio.get_running_loop().call_later(left, self._forget)
                return
            self._drop(transfer)
