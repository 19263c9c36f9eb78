"""Reading the platform's OpenAPI document, which `tools/openapi_document.py` makes."""

from collections.abc import Iterator
from typing import Any, NamedTuple


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
