"""How commands talk: results on standard output, all else on standard error; a failure is one red sentence and the exit
code 1. Names that people chose are shown so that no terminal takes them for orders."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn, TextIO

import typer
from rich.console import Console
from rich.table import Table


class Complaint(RuntimeError):
    """A command can't do what it was asked for; the text says why."""


def write(text: str) -> None:
    """A line on standard output."""
    _put(sys.stdout, f"{text}\n")


def say(text: str) -> None:
    """Lines on standard error."""
    _put(sys.stderr, "".join(f"{printable(line)}\n" for line in text.split("\n")))


def _put(stream: TextIO, text: str) -> None:
    """Whoever reads it may have seen enough (`| head`): that ends the command, well."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # for the flush at the end
        raise typer.Exit(0) from None


def fail(text: str) -> NoReturn:
    """Say what is wrong, and end with exit code 1."""
    console = Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)
    for line in text.split("\n"):
        console.print(printable(line), style="red")
    raise typer.Exit(1)


def printable(text: str) -> str:
    """Without control characters, which are shown as Python writes them."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under their headings; None is shown as `-`. Into a file or a pipe each row takes one line."""
    console = Console(markup=False, highlight=False, emoji=False, width=None if sys.stdout.isatty() else 10_000)
    shown = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        shown.add_row(*("-" if cell is None else printable(_text(cell)) for cell in row))
    with console.capture() as capture:
        console.print(shown)
    write("\n".join(line.rstrip() for line in capture.get().splitlines()))


def json_line(value: dict[str, Any]) -> None:
    """An object a line. ASCII, so that whatever is in it arrives."""
    write(json.dumps({name: _text(each) if isinstance(each, datetime) else each for name, each in value.items()}))


def _text(cell: object) -> str:
    return f"{cell.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if isinstance(cell, datetime) else str(cell)
