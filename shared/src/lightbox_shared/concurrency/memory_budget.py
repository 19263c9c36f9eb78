"""Limits for what requests hold in memory together. Above the limit a request is refused with 503 and `Retry-After`, so
that many large uploads, or many large answers, at once do not exhaust the memory of the machine.

All uploads of a service share one budget. An eighth of it is reserved for small uploads, so that large ones, however
slowly they arrive, never keep a small one out. Uploads of one address have half of it at most, so that one client does
not keep all others out. Counted are the bodies as they are received, until their pictures are stored; not what is on
disk. The copies that are made while a picture is decoded, compressed and written come on top, for as many pictures as
are prepared and written at once.
"""

from collections import Counter
from collections.abc import Hashable
from types import TracebackType
from typing import Final, Self

from lightbox_shared.errors import Unavailable

SMALL_BYTES: Final = 1024 * 1024
"""Uploads above this size, and those of unknown size, count as large."""
SMALL_SHARE: Final = 8
"""One part in so many is reserved for small uploads."""
ADDRESS_SHARE: Final = 2
"""One part in so many is for the uploads of one address."""
RETRY_AFTER_SECONDS: Final = 2


class MemoryBudget:
    """At most `limit` bytes at once, of which `for_small` are reserved for small reservations, and at most
    `of_address` are those of one address. `refusal` is the detail of the error when they are used up."""

    def __init__(self, limit: int, refusal: str, *, for_small: int = 0, of_address: int | None = None) -> None:
        self._limit = limit
        self._limit_of_large = limit - for_small
        self._refusal = refusal
        self._held_by_large = 0
        self._limit_of_address = limit if of_address is None else of_address
        self._held_by_address: Counter[Hashable] = Counter()
        self.held = 0
        """Bytes that are reserved at this moment."""

    def reserve(self, size: int = 0, *, address: Hashable = None) -> "Reservation":
        """A reservation of `size` bytes, which can grow and has to be released. With `address` it also counts for what
        this address has reserved. Raises `Unavailable`."""
        reservation = Reservation(self, address)
        reservation.grow(size)
        return reservation

    def check(self, size: int, of_large: int = 0, address: Hashable = None) -> None:
        """Raises `Unavailable` if `size` more bytes are above the limit. `of_large` is how much the bytes of large
        reservations increase."""
        if (
            self.held + size > self._limit
            or (of_large and self._held_by_large + of_large > self._limit_of_large)
            or (address is not None and self._held_by_address[address] + size > self._limit_of_address)
        ):
            raise Unavailable(self._refusal, retry_after=RETRY_AFTER_SECONDS)

    def take(self, size: int, of_large: int = 0, address: Hashable = None) -> None:
        """Count `size` more bytes as held. Raises `Unavailable` if they are above the limit."""
        self.check(size, of_large, address)
        self._add(size, of_large, address)

    def give_back(self, size: int, of_large: int = 0, address: Hashable = None) -> None:
        """Count `size` fewer bytes as held."""
        self._add(-size, -of_large, address)

    def _add(self, size: int, of_large: int, address: Hashable) -> None:
        self.held += size
        self._held_by_large += of_large
        if address is not None and size:
            self._held_by_address[address] += size
            if not self._held_by_address[address]:
                del self._held_by_address[address]


class UploadMemoryBudget(MemoryBudget):
    """The budget of all uploads that are being received or stored. `largest` is the size of the largest one, for which
    an address always has room, and the budget as well: a limit that is too low for it is raised."""

    def __init__(self, limit: int, largest: int = 0) -> None:
        limit = max(limit, largest + largest // (SMALL_SHARE - 1) + SMALL_SHARE)
        super().__init__(
            limit,
            "Too many uploads are under way.",
            for_small=limit // SMALL_SHARE,
            of_address=max(limit // ADDRESS_SHARE, largest),
        )


class Reservation:
    """The bytes that one request holds; a context manager that releases them."""

    __slots__ = ("_address", "_is_large", "_memory", "_size")

    def __init__(self, memory: MemoryBudget, address: Hashable = None) -> None:
        self._memory = memory
        self._address = address
        self._size = 0
        self._is_large = False

    def expect(self, size: int | None) -> None:
        """Say how many bytes are going to arrive, None if that is unknown. They are not reserved yet. Raises
        `Unavailable` if there is no room for them at this moment."""
        self._is_large = size is None or size > SMALL_BYTES
        self._memory.check(size or 0, (size or 0) if self._is_large else 0, self._address)

    def grow(self, size: int) -> None:
        """Reserve `size` more bytes. Raises `Unavailable`."""
        total = self._size + size
        becomes_large = not self._is_large and total > SMALL_BYTES
        self._memory.take(size, total if becomes_large else size if self._is_large else 0, self._address)
        self._is_large = self._is_large or becomes_large
        self._size = total

    def release(self) -> None:
        """Give all bytes back; a second time does nothing."""
        self._memory.give_back(self._size, self._size if self._is_large else 0, self._address)
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.release()
