"""Prints docs/routes.md: every path of the platform, and where its code is, from the gateway's table and the routes of
the services.

    .venv/bin/python tools/routes.py > docs/routes.md
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from openapi_document import applications

from gateway.pages import Pages
from gateway.routes import GATEWAY, TABLE, Route, Routes
from lightbox_shared.installation import SERVICES
from lightbox_shared.openapi import api_routes

ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# Routes

Every path of the platform, and the function that answers it. `tools/routes.py` writes this page from the gateway's
table ([gateway/src/gateway/routes.py](../gateway/src/gateway/routes.py), where limits and scopes are) and from the
routes of the services; a test compares them. Each path answers with and without a slash at its end, and HEAD wherever
there is GET.

| path | methods | who may call | service | code |
| --- | --- | --- | --- | --- |
"""


class Found(NamedTuple):
    """A path with the methods that one function answers."""

    path: str
    methods: tuple[str, ...]
    code: str


def page() -> str:
    """The whole page."""
    found = {id(row): [] for row in TABLE}  # type: dict[int, list[Found]]
    for row, each in _answered():
        found[id(row)].append(each)
    return HEAD + "".join(_lines(TABLE, found))


def _lines(table: Iterable[Route], found: dict[int, list[Found]]) -> Iterator[str]:
    installed = {service.name for service in SERVICES}
    for row in table:
        if row.service == GATEWAY:
            answers = [Found(row.prefix, ("GET",), _code(Pages.answer))]
        elif row.service in installed:
            answers = sorted(found[id(row)])
        else:
            answers = [Found(row.prefix, tuple(sorted(row.methods - {"HEAD"})) or ("any",), "to come")]
        for path, methods, code in answers:
            yield f"| `{path}` | {', '.join(methods)} | {row.access.value} | {row.service} | {code} |\n"


def _answered() -> Iterator[tuple[Route, Found]]:
    """Every row of the table that a service has code for, with that code."""
    routes = Routes()
    for name, app in applications().items():
        for route in api_routes(app, hidden=True):
            rows: dict[int, tuple[Route, list[str]]] = {}
            for method in sorted((route.methods or set()) - {"HEAD"}):
                row = routes.find(route.path_format, method)
                if row is not None and row.service == name:
                    rows.setdefault(id(row), (row, []))[1].append(method)
            for row, methods in rows.values():
                yield row, Found(route.path_format, tuple(methods), _code(route.endpoint))


def _code(function: Callable[..., Any]) -> str:
    whole = inspect.unwrap(function)
    file = Path(inspect.getfile(whole)).resolve().relative_to(ROOT)
    return f"[{file}](../{file}): `{whole.__qualname__}`"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - its output is the page
