"""Reading files with accounts: CSV with a header (RFC 4180; lines may also end with LF alone), and JSON Lines. They are
in UTF-8, with or without a byte order mark, and are read line by line.

A row that can't be read becomes an entry with a problem. A file whose structure is broken is refused, since the rest of
it could only be guessed. No message quotes the file: a line in the place of the header may contain a hash.
"""

import csv
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO, Final

LONGEST_LINE: Final = 1 << 20
"""Bytes."""
MOST_IGNORED: Final = 20
"""The number of unknown columns whose names are remembered."""
NAMES: Final = {
    "username": "username",
    "password_hash": "password_hash",
    "password": "password_hash",  # as Django's and most other tables call it
    "email": "email",
    "authority": "authority",
}
"""Column -> field of an account."""

NOT_AS_MANY: Final = "it does not have as many fields as the header"
NO_OBJECT: Final = "it is no JSON object"
BOTH_NAMES: Final = "it has both password and password_hash"


class Format(StrEnum):
    """The format of a file."""

    CSV = "csv"
    JSONL = "jsonl"


class UnreadableFile(RuntimeError):
    """The file can't be read; the text says in which line, and why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the file; if it could not be read, `problem` says why."""

    line: int
    fields: dict[str, object] = field(default_factory=dict)
    problem: str | None = None


class AccountFile:
    """Iterate over it once for its entries. Afterwards `ignored` has the names of unknown columns."""

    def __init__(self, file: BinaryIO, kind: Format | None = None) -> None:
        self._file = file
        self._kind = kind
        self.ignored: set[str] = set()

    def __iter__(self) -> Iterator[Entry]:
        """The entries. Raises `UnreadableFile`."""
        numbered = _lines(self._file)
        first = next((each for each in numbered if each[1].strip()), None)
        if first is None:
            raise UnreadableFile("The file is empty.")
        kind = self._kind or (Format.JSONL if first[1].lstrip().startswith(("{", "[")) else Format.CSV)
        rest = itertools.chain([first], numbered)
        return self._csv(first[0] - 1, rest) if kind is Format.CSV else self._json_lines(rest)

    def _csv(self, before: int, numbered: Iterator[tuple[int, str]]) -> Iterator[Entry]:
        rows = csv.reader((line for _, line in numbered), strict=True)
        columns: list[str | None] | None = None
        end = before
        while True:
            start = end + 1
            try:
                row = next(rows, None)
            except csv.Error as error:
                raise UnreadableFile(f"Line {start}: {error}.") from None
            if row is None:
                return
            end = before + rows.line_num
            if columns is None:
                columns = self._columns(row)
            elif row and len(row) != len(columns):
                yield Entry(start, problem=NOT_AS_MANY)
            elif row:
                yield Entry(start, {name: text for name, text in zip(columns, row, strict=True) if name is not None})

    def _columns(self, header: list[str]) -> list[str | None]:
        names = [name.strip().lower() for name in header]
        columns = [NAMES.get(name) for name in names]
        for wanted, called in (("username", "username"), ("password_hash", "password_hash (or password)")):
            if columns.count(wanted) != 1:
                raise UnreadableFile(f"The first line must name the columns, {called} once among them.")
        known = [name for name in columns if name is not None]
        if len(set(known)) != len(known):
            raise UnreadableFile("The first line names a column twice.")
        self._ignore(name for name in names if name not in NAMES)
        return columns

    def _json_lines(self, numbered: Iterator[tuple[int, str]]) -> Iterator[Entry]:
        for number, line in numbered:
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                value = None
            if not isinstance(value, dict):
                yield Entry(number, problem=NO_OBJECT)
            elif "password" in value and "password_hash" in value:
                yield Entry(number, problem=BOTH_NAMES)
            else:
                self._ignore(name for name in value if name not in NAMES)
                yield Entry(number, {NAMES[name]: each for name, each in value.items() if name in NAMES})

    def _ignore(self, names: Iterator[str]) -> None:
        for name in names:
            if len(self.ignored) < MOST_IGNORED:
                self.ignored.add(name)


def _lines(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, from 1. Raises `UnreadableFile`."""
    for number in itertools.count(1):
        raw = file.readline(LONGEST_LINE + 1)
        if not raw:
            return
        if len(raw) > LONGEST_LINE:
            raise UnreadableFile(f"Line {number} is longer than {LONGEST_LINE} bytes.")
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise UnreadableFile(f"Line {number} is not UTF-8.") from None
        yield number, text.removeprefix("\ufeff") if number == 1 else text
