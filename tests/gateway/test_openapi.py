"""The merged OpenAPI document: its paths, who may call, and the error responses of the gateway."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate
from support.gateway import Platform

from gateway.circuit_breaker import CircuitBreaker
from gateway.clients.services import HttpUpstreamServices
from gateway.descriptions import DISCLAIMER
from gateway.openapi import merge
from gateway.routes import Routes

OWN = ["/healthz", "/metrics", "/openapi.json", "/readyz"]
OK: Mapping[str, Any] = {"description": "OK"}


def document(
    paths: dict[str, Any], schemas: dict[str, Any] | None = None, tags: dict[str, str] | None = None
) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {},
        "tags": [{"name": name, "description": text} for name, text in (tags or {}).items()],
        "paths": paths,
        "components": {"schemas": schemas or {}},
    }


def operation(schema: str = "", **members: Any) -> dict[str, Any]:
    """An operation that answers with a schema of this name."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"responses": {"200": {**OK, "content": content} if schema else OK}, **members}


def merged(**documents: dict[str, Any]) -> dict[str, Any]:
    """With `auth` for auth-service."""
    named = {f"{name}-service": each for name, each in documents.items()}
    return merge(named, Routes(), cookie="lightbox_session")


def test_what_the_table_routes_to_a_service_is_in_it() -> None:
    shown = merged(
        auth=document({"/api/sessions": {"get": operation()}, "/internal/x": {"get": operation()}}),
        inference=document(
            {"/alive": {"get": operation(), "parameters": []}, "/api/sessions": {"get": operation("X")}}
        ),
    )
    assert list(shown["paths"]) == ["/alive", "/api/sessions", *OWN]
    assert shown["paths"]["/alive"]["parameters"] == []
    assert shown["paths"]["/api/sessions"]["get"]["responses"]["200"] == OK
    assert DISCLAIMER in shown["info"]["description"]


def test_schemas_of_one_name() -> None:
    same = {"type": "string"}
    other = {"properties": {"$ref": {"type": "string"}, "item": {"$ref": "#/components/schemas/Item"}}}
    shown = merged(
        auth=document({"/api/keys": {"get": operation("Item"), "post": operation("Same")}},
                      {"Item": {"type": "integer"}, "Same": same}),
        inference=document({"/alive": {"get": operation("Other")}, "/api/models": {"get": operation("Same")}},
                           {"Item": {"type": "number"}, "Same": same, "Other": other}),
    )  # fmt: skip
    schemas = shown["components"]["schemas"]
    assert {"AuthItem", "InferenceItem", "Same", "Other"} <= set(schemas)
    assert "Item" not in schemas
    keys = shown["paths"]["/api/keys"]["get"]["responses"]["200"]["content"]["application/json"]
    assert keys == {"schema": {"$ref": "#/components/schemas/AuthItem"}}
    assert schemas["Other"]["properties"]["item"] == {"$ref": "#/components/schemas/InferenceItem"}


def test_what_nothing_refers_to_is_left_out() -> None:
    shown = merged(
        auth=document(
            {"/api/keys": {"get": operation("Outer")}, "/internal/x": {"get": operation("Internal")}},
            {
                "Outer": {"properties": {"inner": {"items": [{"$ref": "#/components/schemas/Inner"}]}}},
                "Inner": {"$ref": "#/components/schemas/Outer"},
                "Internal": {"type": "string"},
            },
        ),
        # An internal schema of another service is no reason to rename one that is shown.
        inference=document({}, {"Inner": {"type": "number"}}),
    )
    assert set(shown["components"]["schemas"]) == {"Inner", "Outer", "ProblemDetails", "Readiness"}
    assert set(shown["components"]["securitySchemes"]) == {"bearer", "token", "session", "key", "oauth2"}


def test_tags_once_each_and_the_systems_first() -> None:
    tagged = {name: operation(tags=[name]) for name in ("Keys", "CheXRay", "Models", "Bare")}
    shown = merged(
        auth=document(
            {"/api/keys": {"get": tagged["Keys"]}, "/api/chexray/login": {"post": tagged["CheXRay"]}},
            tags={"Keys": "For programs.", "CheXRay": "Sign-in.", "Internal": "Not shown."},
        ),
        inference=document(
            {"/api/models": {"get": tagged["Models"]}, "/api/chexray/user": {"get": tagged["CheXRay"]},
             "/alive": {"get": tagged["Bare"]}},
            tags={"Models": "What is installed.", "CheXRay": "Findings."},
        ),
    )  # fmt: skip
    assert [(tag["name"], tag.get("description")) for tag in shown["tags"]][:1] == [("CheXRay", "Sign-in. Findings.")]
    assert {"name": "Bare"} in shown["tags"]
    names = [tag["name"] for tag in shown["tags"]]
    assert sorted(names) == ["Bare", "CheXRay", "Keys", "Models", "Platform"]


@pytest.mark.parametrize(
    ("path", "method", "schemes", "said"),
    [
        ("/alive", "get", None, ""),
        ("/api/keys", "get", "oauth2 bearer token session", "Not with an API key"),
        ("/api/predictions", "get", "oauth2 bearer token session key", "the scope `predict` or `read`."),
        ("/api/predictions", "post", "oauth2 bearer token session key", "the scope `predict`."),
        ("/collections", "post", "- oauth2 bearer token session key", "the scope `collect`."),
        ("/collections", "delete", "oauth2 bearer token session", "For administrators. Not with an API key"),
        ("/metrics", "get", "oauth2 bearer token session key", "For administrators. "),
    ],
)
def test_who_may_call(path: str, method: str, schemes: str | None, said: str) -> None:
    services = ("auth", "inference", "core-collection")
    shown = merged(**{service: document({path: {method: operation(description="Does it.")}}) for service in services})
    found = shown["paths"][path][method]
    security = found.get("security")
    assert (None if security is None else [next(iter(each), "-") for each in security]) == (schemes and schemes.split())
    assert said in found["description"]


def test_a_public_operation_keeps_its_own_security() -> None:
    scheme = {"type": "http", "scheme": "basic"}
    auth = document({"/oauth/token": {"post": operation(security=[{"client": []}])}})
    auth["components"]["securitySchemes"] = {"client": scheme, "other": scheme}
    shown = merged(auth=auth)
    assert shown["paths"]["/oauth/token"]["post"]["security"] == [{"client": []}]
    assert shown["components"]["securitySchemes"]["client"] == scheme
    assert "other" not in shown["components"]["securitySchemes"]


def test_what_the_gateway_answers() -> None:
    key_id = {"name": "key_id", "in": "path", "required": True, "schema": {"type": "integer"}}
    body: dict[str, Any] = {"content": {"application/json": {"schema": {}}}}
    refused = {"content": {"application/json": {"schema": {"type": "string"}}}, "description": "No."}
    shown = merged(
        auth=document(
            {
                "/authorization": {"post": operation(), "delete": operation()},
                "/api/keys/{key_id}": {"delete": operation(parameters=[key_id])},
            }
        ),
        inference=document(
            {
                "/alive": {"get": operation()},
                "/api/chexray/upload": {"post": {"requestBody": body, "responses": {"200": OK, "503": refused}}},
            }
        ),
    )
    validate(shown)

    def statuses(path: str, method: str) -> str:
        return " ".join(shown["paths"][path][method]["responses"])

    assert statuses("/alive", "get") == "200 400 429 431 502 503 504"
    assert statuses("/api/chexray/upload", "post") == "200 400 401 403 408 413 429 431 502 503 504"
    assert statuses("/api/keys/{key_id}", "delete") == "200 400 401 403 404 429 431 502 503 504"
    assert statuses("/authorization", "post") == "200 400 403 429 431 502 503 504"  # 403: sets the cookie
    assert statuses("/healthz", "get") == "200 400 431"

    upload = shown["paths"]["/api/chexray/upload"]["post"]["responses"]
    assert upload["429"] == {"$ref": "#/components/responses/TooManyRequests"}
    assert set(upload["401"]["content"]) == {"application/json"}  # CheXRay's own shape
    assert upload["401"]["headers"]["WWW-Authenticate"]["required"] is True
    assert list(upload["503"]["content"]) == ["application/json", "application/problem+json"]  # its own first
    assert upload["503"]["description"] == "No."
    keys = shown["paths"]["/api/keys/{key_id}"]["delete"]["responses"]
    assert keys["401"] == {"$ref": "#/components/responses/Unauthorized"}
    problem = shown["components"]["responses"]["TooManyRequests"]
    assert set(problem["content"]) == {"application/problem+json"}
    assert set(problem["headers"]) == {"Retry-After", "RateLimit", "RateLimit-Policy"}
    ended = shown["paths"]["/authorization"]["delete"]["responses"]
    assert ended["401"]["content"]["application/json"] == {
        "schema": {"$ref": "#/components/schemas/MessageDetailMember"}
    }
    assert ended["429"] == {"$ref": "#/components/responses/TooManyRequestsWithMessage"}
    with_message = shown["components"]["responses"]["TooManyRequestsWithMessage"]["content"]["application/problem+json"]
    assert with_message == {"schema": {"$ref": "#/components/schemas/ProblemDetailsWithMessage"}}
    assert "message" in shown["components"]["schemas"]["ProblemDetailsWithMessage"]["required"]
    assert "message" not in shown["components"]["schemas"]["ProblemDetails"]["properties"]


def test_it_works_with_a_service_down(platform: Platform) -> None:
    platform.service.openapi = document({"/alive": {"get": operation()}})
    shown = platform.http.get("/openapi.json").json()
    assert list(shown["paths"]) == ["/alive", *OWN]
    assert shown["x-unavailable"] == ["auth-service"]


async def test_a_service_may_take_longer_for_its_document() -> None:
    """It makes it when it is asked for it, unlike an answer about its health."""

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.3)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer_late, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, httpx.AsyncClient(timeout=0.1) as http:
        services = HttpUpstreamServices(http, {"auth-service": url}, {"auth-service": CircuitBreaker("auth-service")})
        with pytest.raises(httpx.ReadTimeout):
            await services.check_ready("auth-service")
        assert await services.openapi("auth-service") == {}
