"""A limit for what uploads may hold in memory all together, over HTTP and over CoAP: many large ones at once wait
outside instead of filling the machine."""

from types import TracebackType
from typing import Self

from lightbox_shared.errors import Unavailable


class UploadMemory:
    """So many bytes for all uploads that are being received or stored."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0
        """Bytes at this moment."""

    def reserve(self, size: int = 0) -> "Reservation":
        """A part of it, to be released at the end. Raises `Unavailable`."""
        reservation = Reservation(self)
        reservation.grow(size)
        return reservation

    def check(self, size: int) -> None:
        """Raises `Unavailable` when that would be too much."""
        if self.held + size > self._limit:
            raise Unavailable("Too many uploads are under way.", retry_after=2)

    def take(self, size: int) -> None:
        """Raises the same."""
        self.check(size)
        self.held += size

    def give_back(self, size: int) -> None:
        """The other way round."""
        self.held -= size


class Reservation:
    """What one upload holds; a context manager that releases it."""

    __slots__ = ("_memory", "_size")

    def __init__(self, memory: UploadMemory) -> None:
        self._memory = memory
        self._size = 0

    def check(self, size: int) -> None:
        """Whether so much more would be granted at this moment; raises `Unavailable` if not."""
        self._memory.check(size)

    def grow(self, size: int) -> None:
        """Raises `Unavailable`."""
        self._memory.take(size)
        self._size += size

    def release(self) -> None:
        """Give all of it back; a second time does nothing."""
        self._memory.give_back(self._size)
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.release()
