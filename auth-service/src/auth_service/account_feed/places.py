"""Places in the feed of changed accounts, and their cursors.

Transactions do not commit in the order in which they begin, so neither a time nor a counter can tell what happened
since: see `sessions.repository.revocations`. Here a place has a snapshot of PostgreSQL, which says exactly which
transactions had ended. What they changed is known; everything else is to come, also from transactions that began
earlier and were still running.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final, Self

from lightbox_shared.errors import InvalidRequest

_SNAPSHOT: Final = re.compile(r"\d{1,20}:\d{1,20}:(?:\d{1,20}(?:,\d{1,20})*)?", re.ASCII)
_VERSION: Final = "v1"
LONGEST_CURSOR: Final = 8 * 1024
"""Characters. A snapshot names the transactions that are running, of which there are as many as connections."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """PostgreSQL's `pg_snapshot`: the transactions below `xmax` have ended, without those that were `running`."""

    xmin: int
    """All transactions below it have ended."""
    xmax: int
    running: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `xmin:xmax:running,running`, PostgreSQL's own notation. Raises `ValueError`."""
        if not _SNAPSHOT.fullmatch(text):
            raise ValueError(text)
        xmin, xmax, names = text.split(":")
        found = cls(int(xmin), int(xmax), tuple(int(each) for each in names.split(",") if each))
        # Others are no snapshots for PostgreSQL, and the query would fail.
        bounds = 0 < found.xmin <= found.xmax < 2**64
        if not bounds or any(not found.xmin <= each < found.xmax for each in found.running):
            raise ValueError(text)
        return cls(found.xmin, found.xmax, tuple(sorted(found.running)))

    @property
    def text(self) -> str:
        """The notation that `parse` reads."""
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, self.running))}"


NOTHING: Final = Snapshot(1, 1)
"""No transaction has ended."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader of the feed has come.

    It reads in rounds of pages, each in the order of transactions. A change that commits behind the page that the
    reader has come to is not in this round, nor in the snapshot from which the next round starts.
    """

    known: Snapshot = NOTHING
    """The changes of these transactions were read in former rounds."""
    next_known: Snapshot | None = None
    """What is known after this round: the snapshot of its beginning. None before its first page."""
    position: tuple[int, int] | None = None
    """The transaction and the account of the last row that was read in this round."""

    @property
    def after(self) -> tuple[int, int]:
        """The transaction and the account behind which the next page begins."""
        return self.position or (self.known.xmin, 0)

    def is_ahead_of(self, now: Snapshot) -> bool:
        """Whether it is a place of another database server, whose transactions have not happened here."""
        begun = self.next_known or NOTHING
        return max(self.known.xmax, begun.xmax, self.after[0]) > now.xmax

    @property
    def cursor(self) -> str:
        """The place as an opaque text."""
        begun = "" if self.next_known is None else self.next_known.text
        position = "" if self.position is None else "{}.{}".format(*self.position)
        text = f"{_VERSION}|{self.known.text}|{begun}|{position}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def of(cls, cursor: str) -> Self:
        """The place of a cursor. Raises `InvalidRequest` for a text that is none."""
        try:
            text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
            version, known, begun, position = text.split("|")
            if version != _VERSION:
                raise ValueError(version)
            return cls(Snapshot.parse(known), Snapshot.parse(begun) if begun else None, _position(position))
        except (binascii.Error, UnicodeError, ValueError) as error:
            raise InvalidRequest.of("cursor", "This is not a cursor of this feed.", "query") from error


def _position(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,20})\.(\d{1,19})", text, re.ASCII)
    if found is None or int(found[1]) >= 2**64 or int(found[2]) >= 2**63:
        raise ValueError(text)
    return int(found[1]), int(found[2])
