"""The platform's OpenAPI document as a whole: valid, complete, and the same as what the table and the code say."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.api_document import Operation, applications, operations, platform_document

from gateway.routes import TABLE, Routes
from lightbox_shared.installation import SERVICE_NAMES
from lightbox_shared.openapi import api_routes

DOCUMENT = platform_document()
OPERATIONS = list(operations(DOCUMENT))
UNKNOWN_TYPES = {"", "*/*"}


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=named)


def test_it_is_valid() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_names_are_there_once() -> None:
    twice = {name: count for name, count in Counter(each.name for each in OPERATIONS).items() if count > 1}
    assert twice == {}
    tags = [tag["name"] for tag in DOCUMENT["tags"]]
    assert len(tags) == len(set(tags))
    assert tags[0] == "CheXRay"
    assert [tag["name"] for tag in DOCUMENT["tags"] if not tag.get("description")] == []


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        node: Any = DOCUMENT
        for key in reference.removeprefix("#/").split("/"):
            assert key in node, reference
            node = node[key]


def test_every_component_is_referred_to() -> None:
    used = set(references(DOCUMENT))
    unused = {
        f"#/components/{kind}/{name}"
        for kind, entries in DOCUMENT["components"].items()
        if kind != "securitySchemes"
        for name in entries
    } - used
    assert unused == set()


@every_operation
def test_an_operation_is_described(operation: Operation) -> None:
    described = operation.described
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", operation.name)
    assert len(operation.name) <= 40
    assert len(described["tags"]) == 1
    assert described["tags"][0] in {tag["name"] for tag in DOCUMENT["tags"]}
    assert described["summary"].strip()
    assert not described["summary"].endswith(".")
    assert described["description"].strip()


@every_operation
def test_the_answers_have_media_types_and_schemas(operation: Operation) -> None:
    for status, response in operation.described["responses"].items():
        whole = response
        if "$ref" in response:
            whole = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
        content = whole.get("content", {})
        assert not UNKNOWN_TYPES & set(content)
        assert bool(content) is (status not in {"204", "304"}), status
        assert all(each.get("schema") for each in content.values()), status
    assert not any("HTTPValidationError" in reference for reference in references(operation.described))


@every_operation
def test_bodies_are_described(operation: Operation) -> None:
    if operation.method in {"POST", "PUT", "PATCH"}:
        content = operation.described["requestBody"]["content"]
        assert content
        assert all(each.get("schema") for each in content.values())


def test_every_route_is_in_it() -> None:
    """What a service answers and the table routes to it is described."""
    routes = Routes()
    described = {(operation.path, operation.method) for operation in OPERATIONS}
    for service, app in applications().items():
        for route in api_routes(app):
            for method in (route.methods or set()) - {"HEAD"}:
                row = routes.find(route.path_format, method)
                if row is not None and row.service == service:
                    assert (route.path_format, method) in described


def test_every_row_of_the_table_has_code() -> None:
    """But for services that are to come, and for rows that refuse what another row of their prefix does not name."""
    routes = Routes()
    found = {
        id(routes.find(route.path_format, method))
        for app in applications().values()
        for route in api_routes(app, hidden=True)
        for method in route.methods or ()
    }
    prefixes = {row.prefix for row in TABLE if id(row) in found}
    own = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"}
    without = [row.prefix for row in TABLE if row.service in SERVICE_NAMES and row.prefix not in prefixes | own]
    assert without == []


def references(node: object) -> Iterator[str]:
    match node:
        case {"$ref": str(reference)}:
            yield reference
        case dict():
            for each in node.values():
                yield from references(each)
        case list():
            for each in node:
                yield from references(each)
