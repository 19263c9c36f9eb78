"""The places of rows in a list that people arrange, as numbers: between any two there is room for one more.

Positions are above 0 and below the number that the next row will get as its position, so that a new row comes last. A
position between two others takes one bit of precision. Where none is left, all rows of the list get new positions.
"""

import struct
from typing import Final

from imagehub_service.gallery import positions_repository as repository
from imagehub_service.gallery.positions_repository import ArrangedList, Gap
from lightbox_shared.database import WriteSession
from lightbox_shared.errors import InvalidRequest

FIRST: Final = 0.0
"""Below all positions."""


def between(low: float, high: float) -> float | None:
    """A number above `low` and below `high`; None if there is none."""
    middle = low + (high - low) / 2
    return middle if low < middle < high else None


def to_cursor(position: float) -> int:
    """The bits of a position, as the number of a cursor: larger positions have larger numbers."""
    bits: int = struct.unpack(">q", struct.pack(">d", position))[0]
    return max(bits, 0)


def from_cursor(number: int) -> float:
    """The position of a cursor. Raises `InvalidRequest` for a number that is no position's."""
    position: float = struct.unpack(">d", struct.pack(">q", number))[0]
    if position != position:  # noqa: PLR0124 - not a number
        raise InvalidRequest.of("cursor", "This is not a cursor of this list.", "query")
    return position


async def move(session: WriteSession, rows: ArrangedList, row_id: int, *, neighbour: int, before: bool) -> bool:
    """Put a row directly before or behind another one of its list; False if that one is not in the list. No other
    transaction arranges the list."""
    gap = await repository.gap(session, rows, row_id, neighbour, before=before)
    if gap is None:
        return False
    position = _within(rows, gap)
    if position is None:
        await repository.renumber(session, rows)
        gap = await repository.gap(session, rows, row_id, neighbour, before=before)
        position = gap and _within(rows, gap)
    if position is None:
        raise ArithmeticError("There is no room between two rows that have just been spread.")
    await repository.set_position(session, rows, row_id, position)
    return True


def _within(rows: ArrangedList, gap: Gap) -> float | None:
    low, high = gap
    return between(FIRST if low is None else low, rows.next_position if high is None else high)
