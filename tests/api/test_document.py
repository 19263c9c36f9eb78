"""The platform's OpenAPI document as a whole: valid, complete, and the same as what the table and the code say."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_document import applications
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.api_document import Operation, operations, resolved

from gateway.routes import GATEWAY, TABLE, Routes
from lightbox_shared.installation import SERVICE_NAMES
from lightbox_shared.openapi import api_routes

UNKNOWN_TYPES = {"", "*/*"}
EMPTY = {"revoke_token"}
"""Operations whose success has no content though it is 200 (RFC 7009 section 2.2)."""


@pytest.fixture
def listed(document: dict[str, Any]) -> list[Operation]:
    """All operations of the document."""
    return list(operations(document))


def test_it_is_valid(document: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_names_are_there_once(document: dict[str, Any], listed: list[Operation]) -> None:
    twice = {name: count for name, count in Counter(each.name for each in listed).items() if count > 1}
    assert twice == {}
    tags = [tag["name"] for tag in document["tags"]]
    assert len(tags) == len(set(tags))
    assert tags[0] == "CheXRay"
    assert [tag["name"] for tag in document["tags"] if not tag.get("description")] == []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in references(document):
        node: Any = document
        for key in reference.removeprefix("#/").split("/"):
            assert key in node, reference
            node = node[key]


def test_every_component_is_referred_to(document: dict[str, Any]) -> None:
    known = {
        f"#/components/{kind}/{name}"
        for kind, entries in document["components"].items()
        if kind != "securitySchemes"
        for name in entries
    }
    assert known - set(references(document)) == set()


def test_each_operation_is_described(
    document: dict[str, Any], listed: list[Operation], subtests: pytest.Subtests
) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    for operation in listed:
        with subtests.test(operation.title):
            described = operation.described
            assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", operation.name)
            assert len(operation.name) <= 40
            assert len(described["tags"]) == 1
            assert described["tags"][0] in tags
            assert described["summary"].strip()
            assert not described["summary"].endswith(".")
            assert described["description"].strip()


def test_each_answer_has_media_types_and_schemas(
    document: dict[str, Any], listed: list[Operation], subtests: pytest.Subtests
) -> None:
    for operation in listed:
        with subtests.test(operation.title):
            for status, response in operation.described["responses"].items():
                content = resolved(document, response).get("content", {})
                assert not UNKNOWN_TYPES & set(content)
                empty = status in {"204", "303", "304"} or operation.name in EMPTY
                assert bool(content) is not (empty and status[0] in "23"), status
                assert all(each.get("schema") for each in content.values()), status
            assert not any("HTTPValidationError" in reference for reference in references(operation.described))


PASSKEY_OPTIONS = {"create_passkey_options", "sign_in_options"}
WITHOUT_BODY = {
    "take_next_job",
    "renew_oauth_client_secret",
    "retrieve_userinfo_by_post",
    "sign_out_on_page",
    *PASSKEY_OPTIONS,
}
"""Operations with POST whose request has no body."""


def test_each_body_is_described(listed: list[Operation], subtests: pytest.Subtests) -> None:
    for operation in listed:
        if operation.method in {"POST", "PUT", "PATCH"} and operation.name not in WITHOUT_BODY:
            with subtests.test(operation.title):
                content = operation.described["requestBody"]["content"]
                assert content
                assert all(each.get("schema") for each in content.values())


def test_every_route_is_in_it(listed: list[Operation]) -> None:
    """What a service answers and the table routes to it is described."""
    routes = Routes()
    described = {(operation.path, operation.method) for operation in listed}
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
    services = set(SERVICE_NAMES) - {GATEWAY}
    assert [row.prefix for row in TABLE if row.service in services and row.prefix not in prefixes] == []


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
