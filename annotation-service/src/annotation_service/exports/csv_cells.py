"""Cells of CSV (RFC 4180) as programs read them, and as spreadsheets do not run them.

A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, and drops a tab or a line end before
it. As OWASP advises ("CSV Injection"), a text that begins so is written with an apostrophe before it, which
spreadsheets take for the mark of a text. Numbers are written as they are: they can't run anything.

So that nothing is lost, a text that begins with apostrophes and then so gets one more. A program that reads the file
removes one apostrophe wherever one of these characters follows the apostrophes at the beginning.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

FORMULA_STARTS: Final = frozenset("=+-@\t\r\n＝＋－＠")
"""Those of OWASP, among them the wide forms, which spreadsheets in East Asian languages take for the same."""


def csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Lines of CSV in UTF-8, each ended by CR LF."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def cell(value: object) -> object:
    """A JSON value or a time as a cell: booleans as `True` and `False`, null as nothing, the items of a list joined by
    `&`, and objects as JSON."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return defused(value)
        case datetime():
            return timestamp(value)
        case list() if not any(isinstance(each, list | dict) for each in value):
            return defused("&".join("" if each is None else str(each) for each in value))
    return json.dumps(value, ensure_ascii=False)


def defused(value: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{value}" if value.lstrip("'")[:1] in FORMULA_STARTS else value


def timestamp(at: datetime) -> str:
    """A time in ISO 8601 and UTC, as `2026-01-31T12:00:00.000000Z`."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
