"""Checks and shows the answers that the demo gets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from rich.table import Column, Table

SAMPLES: Final = Path(__file__).resolve().parents[4] / "samples"


class DemoError(RuntimeError):
    """The platform gave an unexpected answer."""


@dataclass(frozen=True, slots=True)
class Person:
    """The account that the demo has created."""

    username: str
    password: str


def table(title: str, *headings: str, unbroken: tuple[str, ...]) -> Table:
    """Return an empty table whose cells are wrapped in a narrow terminal and never cut off.

    Cells of the columns `unbroken`, by which rows are recognised, are not wrapped.
    """
    columns = [Column(each, overflow="fold", no_wrap=each in unbroken) for each in headings]
    return Table(*columns, title=title)


def ok(answer: httpx.Response) -> dict[str, Any]:
    """Return the JSON body of a successful answer. Raises `DemoError` for other answers."""
    if not answer.is_success:
        raise _unexpected(answer)
    body: dict[str, Any] = answer.json()
    return body


def refused(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Return the JSON body of an answer with this status. Raises `DemoError` for other answers."""
    if answer.status_code != status:
        raise _unexpected(answer)
    body: dict[str, Any] = answer.json()
    return body


def _unexpected(answer: httpx.Response) -> DemoError:
    asked = f"{answer.request.method} {answer.request.url.path}"
    return DemoError(f"{asked}: {answer.status_code} {answer.text[:300]}")
