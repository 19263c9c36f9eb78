"""Output of commands: results on standard output, everything else on standard error.

A failure is one red sentence and exit code 1. Control characters in names are escaped, so that a name can't send escape
sequences to the terminal.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn, TextIO

import typer
from rich.console import Console
from rich.table import Table


class CommandError(RuntimeError):
    """A command can't be carried out. The text says why and is shown on the terminal."""


def write(text: str) -> None:
    """Write a line to standard output."""
    _put(sys.stdout, f"{text}\n")


def say(text: str) -> None:
    """Write a text of one or more lines to standard error, with control characters escaped."""
    _put(sys.stderr, "".join(f"{printable(line)}\n" for line in text.split("\n")))


def write_bytes(data: bytes) -> None:
    """Write bytes to standard output as they are."""
    with _ending_where_nothing_can_be_written(sys.stdout):
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def _put(stream: TextIO, text: str) -> None:
    with _ending_where_nothing_can_be_written(stream):
        stream.write(text)
        stream.flush()


@contextmanager
def _ending_where_nothing_can_be_written(stream: TextIO) -> Iterator[None]:
    """If the reader has closed the pipe, as `head` does, the command ends with exit code 0. If standard output can't be
    written for another reason, such as a full disk, it ends with a sentence and exit code 1; without standard error it
    goes on."""
    try:
        yield
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # for the flush when the process ends
        if isinstance(error, BrokenPipeError):
            raise typer.Exit(0) from None
        if stream is not sys.stderr:
            fail(f"The output can't be written: {error.strerror}.")


def fail(text: str) -> NoReturn:
    """Write a sentence to standard error, in red on a terminal, and end the command with exit code 1."""
    console = Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)
    for line in text.split("\n"):
        console.print(printable(line), style="red")
    raise typer.Exit(1)


def printable(text: str) -> str:
    """`text` with characters that can't be printed escaped as in Python source, such as `\\x1b`."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows under the headings `columns` to standard output. None is shown as `-`.

    In a file or pipe each row is one line, however long.
    """
    console = Console(markup=False, highlight=False, emoji=False, width=None if sys.stdout.isatty() else 10_000)
    shown = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        shown.add_row(*("-" if cell is None else printable(_text(cell)) for cell in row))
    with console.capture() as capture:
        console.print(shown)
    write("\n".join(line.rstrip() for line in capture.get().splitlines()))


def json_line(value: dict[str, Any]) -> None:
    """Write a JSON object as one line of ASCII, which every terminal and pipe can carry."""
    write(json.dumps({name: _text(each) if isinstance(each, datetime) else each for name, each in value.items()}))


def _text(cell: object) -> str:
    return f"{cell.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if isinstance(cell, datetime) else str(cell)
