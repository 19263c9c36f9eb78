"""What the demo makes of an answer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from rich.table import Column, Table

SAMPLES: Final = Path(__file__).resolve().parents[4] / "samples"


class DemoError(RuntimeError):
    """The platform answered something that the demo did not expect."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the demo signed up."""

    username: str
    password: str


def table(title: str, *headings: str, unbroken: tuple[str, ...]) -> Table:
    """A table that cuts nothing, however narrow the terminal is: cells take several lines, but not those of the columns
    `unbroken`, which tell the rows apart."""
    columns = [Column(each, overflow="fold", no_wrap=each in unbroken) for each in headings]
    return Table(*columns, title=title)


def ok(answer: httpx.Response) -> dict[str, Any]:
    """The body of a success. Raises `DemoError` for everything else."""
    if not answer.is_success:
        raise _unexpected(answer)
    body: dict[str, Any] = answer.json()
    return body


def refused(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The body of a refusal with this status. Raises `DemoError` for everything else."""
    if answer.status_code != status:
        raise _unexpected(answer)
    body: dict[str, Any] = answer.json()
    return body


def _unexpected(answer: httpx.Response) -> DemoError:
    asked = f"{answer.request.method} {answer.request.url.path}"
    return DemoError(f"{asked}: {answer.status_code} {answer.text[:300]}")
