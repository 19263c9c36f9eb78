"""The platform's OpenAPI document, made of what the real services say, without starting any of them."""

import importlib
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple
from unittest.mock import patch

from fastapi import FastAPI

from gateway.openapi import merge
from gateway.routes import Routes
from lightbox_shared.installation import GATEWAY, SERVICES

# Nothing is started, so any values do that the services accept.
_SETTINGS = {"LIGHTBOX_DATABASE_URL": "postgresql:///document", "LIGHTBOX_SECRET_KEY": "-" * 32}


class Operation(NamedTuple):
    """One operation of the document."""

    path: str
    method: str
    described: dict[str, Any]

    @property
    def name(self) -> str:
        """Its operationId."""
        return str(self.described["operationId"])

    @property
    def title(self) -> str:
        """`GET /alive`."""
        return f"{self.method} {self.path}"

    @property
    def success(self) -> int:
        """The first documented status that is no error."""
        return min(int(status) for status in self.described["responses"])


def applications() -> dict[str, FastAPI]:
    """Service -> its application, which is not started."""
    with patch.dict("os.environ", _SETTINGS):
        return {
            service.name: importlib.import_module(f"{service.package}.app").create_app()
            for service in SERVICES
            if service.name != GATEWAY
        }


@cache
def platform_document() -> dict[str, Any]:
    """What `/openapi.json` of the gateway answers."""
    documents = {name: app.openapi() for name, app in applications().items()}
    return merge(documents, Routes(), cookie="lightbox_session")


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    """All operations."""
    for path, item in document["paths"].items():
        for method, described in item.items():
            yield Operation(path, method.upper(), described)


def resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """A part of the document, or what it refers to."""
    while "$ref" in node:
        found: Any = document
        for key in node["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        node = found
    return node
