"""Limits for what may be held in memory all together: many large uploads at once, over HTTP and over CoAP, wait outside
instead of filling the machine, and so do many large answers.

An eighth of that of uploads is for small ones alone, so that large ones, however slowly they arrive, never keep a small
one out. Counted are the bodies as they are received, until their pictures are stored. The copies that a picture needs
while it is read out of its body, compressed and written come on top, for as many as are prepared and written at once.
"""

from types import TracebackType
from typing import Final, Self

from lightbox_shared.errors import Unavailable

SMALL_BYTES: Final = 1024 * 1024
"""Uploads above it, and those whose size nobody knows, are large."""
SMALL_SHARE: Final = 8
"""One part in so many is for small ones alone."""


class MemoryBudget:
    """So many bytes for all of a kind, some of them `for_small` ones alone; `refusal` is said when they are used up."""

    def __init__(self, limit: int, refusal: str, *, for_small: int = 0) -> None:
        self._limit = limit
        self._limit_of_large = limit - for_small
        self._refusal = refusal
        self._held_by_large = 0
        self.held = 0
        """Bytes at this moment."""

    def reserve(self, size: int = 0) -> "Reservation":
        """A part of it, to be released at the end. Raises `Unavailable`."""
        reservation = Reservation(self)
        reservation.grow(size)
        return reservation

    def check(self, size: int, of_large: int = 0) -> None:
        """Raises `Unavailable` when that would be too much; `of_large` are the bytes that count as a large upload's
        from then on."""
        if self.held + size > self._limit or (of_large and self._held_by_large + of_large > self._limit_of_large):
            raise Unavailable(self._refusal, retry_after=2)

    def take(self, size: int, of_large: int = 0) -> None:
        """Raises the same."""
        self.check(size, of_large)
        self.held += size
        self._held_by_large += of_large

    def give_back(self, size: int, of_large: int = 0) -> None:
        """The other way round."""
        self.held -= size
        self._held_by_large -= of_large


class UploadMemoryBudget(MemoryBudget):
    """That of all uploads that are being received or stored."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit, "Too many uploads are under way.", for_small=limit // SMALL_SHARE)


class Reservation:
    """What one of them holds; a context manager that releases it."""

    __slots__ = ("_is_large", "_memory", "_size")

    def __init__(self, memory: MemoryBudget) -> None:
        self._memory = memory
        self._size = 0
        self._is_large = False

    def expect(self, size: int | None) -> None:
        """Say how much is going to come, before anything has; None if nobody knows. Nothing is taken for it. Raises
        `Unavailable` if there is no room for it at this moment."""
        self._is_large = size is None or size > SMALL_BYTES
        self._memory.check(size or 0, (size or 0) if self._is_large else 0)

    def grow(self, size: int) -> None:
        """Raises `Unavailable`."""
        total = self._size + size
        becomes_large = not self._is_large and total > SMALL_BYTES
        self._memory.take(size, total if becomes_large else size if self._is_large else 0)
        self._is_large = self._is_large or becomes_large
        self._size = total

    def release(self) -> None:
        """Give all of it back; a second time does nothing."""
        self._memory.give_back(self._size, self._size if self._is_large else 0)
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.release()
