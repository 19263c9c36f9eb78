"""The OpenAPI document of auth-service: complete, and true for the examples in it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from support.asgi import WithState, client_of
from support.auth_service import ADMIN_PASSWORD, bearer

from auth_service.app import SERVICE

JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
OPERATIONS = {
    "chexray_sign_up": ("POST", "/api/chexray/signup"),
    "chexray_log_in": ("POST", "/api/chexray/login"),
    "imagehub_log_in_by_query": ("GET", "/login"),
    "imagehub_log_in": ("POST", "/login"),
    "imagehub_check_token": ("GET", "/auth"),
    "yelda_authorize": ("POST", "/authorization"),
    "yelda_end_authorization": ("DELETE", "/authorization"),
    "yelda_self": ("GET", "/self"),
    "yelda_list_accounts": ("GET", "/accounts"),
    "yelda_create_account": ("POST", "/accounts"),
    "yelda_account": ("GET", "/accounts/{account_id}"),
    "yelda_edit_account": ("PUT", "/accounts/{account_id}"),
    "yelda_delete_account": ("DELETE", "/accounts/{account_id}"),
    "issue_token": ("POST", "/oauth/token"),
    "revoke_token": ("POST", "/oauth/revoke"),
    "introspect_token": ("POST", "/oauth/introspect"),
    "retrieve_oauth_metadata": ("GET", "/.well-known/oauth-authorization-server"),
    "retrieve_public_keys": ("GET", "/.well-known/jwks.json"),
    "list_sessions": ("GET", "/api/sessions"),
    "end_all_sessions": ("DELETE", "/api/sessions"),
    "end_current_session": ("DELETE", "/api/sessions/current"),
    "end_session": ("DELETE", "/api/sessions/{session_id}"),
    "create_api_key": ("POST", "/api/keys"),
    "list_api_keys": ("GET", "/api/keys"),
    "retrieve_api_key": ("GET", "/api/keys/{key_id}"),
    "revoke_api_key": ("DELETE", "/api/keys/{key_id}"),
    "list_audit_entries": ("GET", "/api/audit"),
    "internal_account": ("GET", "/internal/accounts/{account_id}"),
    "internal_revocations": ("GET", "/internal/revocations"),
    "internal_exchange_api_key": ("POST", "/internal/api-keys/exchange"),
}


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/openapi.json")).json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def schema_of(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, or the component that it refers to."""
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


async def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    assert {each["operationId"]: (method, path) for method, path, each in operations(document)} == OPERATIONS


async def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    for method, path, each in operations(document):
        [tag] = each["tags"]
        assert SERVICE.tags[tag], (method, path)
        assert each["summary"], (method, path)
        assert len(each["description"]) > 20, (method, path)
        assert all(parameter.get("schema") for parameter in each.get("parameters", ())), (method, path)
    assert [each["name"] for each in document["tags"]] == list(SERVICE.tags)


async def test_every_body_has_a_schema_with_an_example(document: dict[str, Any]) -> None:
    for method, path, each in operations(document):
        assert ("requestBody" in each) is (method in {"POST", "PUT"}), (method, path)
        if "requestBody" not in each or path.startswith("/internal"):
            continue
        for media_type, content in each["requestBody"]["content"].items():
            for schema in content["schema"].get("oneOf", [content["schema"]]):
                assert schema_of(document, schema)["examples"], (method, path, media_type)


async def test_errors_are_in_the_shape_of_their_path(document: dict[str, Any]) -> None:
    shapes = {
        "/api/chexray": "FieldErrors",
        "/login": "DetailErrors",
        "/auth": "DetailErrors",
        "/authorization": "MessageMember",
        "/self": "MessageMember",
        "/accounts": "MessageMember",
        "/oauth": "OAuthErrorBody",
    }
    for method, path, each in operations(document):
        wanted = next((shapes[prefix] for prefix in shapes if (path + "/").startswith(prefix + "/")), "ProblemDetails")
        found = {
            content["schema"]["$ref"].rpartition("/")[2]
            for status, response in each["responses"].items()
            if int(status) >= 400
            for content in response["content"].values()
        }
        assert found == {wanted}, (method, path)


async def test_both_media_types_of_hal(document: dict[str, Any]) -> None:
    for method, path, each in operations(document):
        [content] = [
            response.get("content", {})
            for status, response in each["responses"].items()
            if status in {"200", "201", "204"}
        ]
        if each["tags"] == ["TheYelda"] and method != "DELETE":
            assert content.keys() == {JSON, "application/hal+json"}, (method, path)
            assert content[JSON]["schema"] == content["application/hal+json"]["schema"]
        elif path == "/.well-known/jwks.json":
            assert content.keys() == {"application/jwk-set+json"}
        else:
            assert content.keys() <= {JSON}, (method, path)


def examples(document: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Media type and example of each body of an operation."""
    method, path = OPERATIONS[name]
    for media_type, content in document["paths"][path][method.lower()]["requestBody"]["content"].items():
        for example in schema_of(document, content["schema"])["examples"]:
            yield media_type, example


async def send(client: httpx.AsyncClient, name: str, media_type: str, example: dict[str, Any]) -> httpx.Response:
    method, path = OPERATIONS[name]
    match media_type:
        case "application/json":
            return await client.request(method, path, json=example)
        case "multipart/form-data":
            return await client.request(method, path, files={key: (None, text) for key, text in example.items()})
        case _:
            return await client.request(method, path, data=example)


@pytest.mark.parametrize("media_type", [JSON, FORM, MULTIPART])
async def test_the_examples_work(document: dict[str, Any], service: WithState, media_type: str) -> None:
    async def all_of(client: httpx.AsyncClient, name: str, status: int, **more: str) -> httpx.Response:
        sent = [example for each, example in examples(document, name) if each == media_type]
        assert sent
        answers = [await send(client, name, media_type, {**example, **more}) for example in sent]
        assert [(name, answer.status_code) for answer in answers] == [(name, status)] * len(sent), answers[-1].text
        return answers[-1]

    async with client_of(service) as client, client_of(service) as admin:
        fields = {"username": "admin", "password": ADMIN_PASSWORD}
        admin.headers.update(bearer((await admin.post("/authorization", json=fields)).json()["access_token"]))
        assert "token" in (await all_of(client, "chexray_sign_up", 200)).json()
        assert "token" in (await all_of(client, "chexray_log_in", 200)).json()
        assert (await all_of(client, "imagehub_log_in", 200)).json()["code"] == 2
        made = await all_of(client, "yelda_create_account", 201)
        await admin.put(made.headers["location"], json={"authority": "doctor"})
        assert (await all_of(client, "yelda_authorize", 201)).json()["account_id"] == made.json()["account_id"]


async def test_the_examples_of_single_media_types_work(document: dict[str, Any], client: httpx.AsyncClient) -> None:
    media_type, example = next(examples(document, "chexray_sign_up"))
    token = (await send(client, "chexray_sign_up", media_type, example)).json()["token"]
    schema = document["components"]["schemas"]["PasswordGrant"]
    for grant in schema["examples"]:
        answer = await send(client, "issue_token", FORM, grant)
        assert answer.status_code == 200, answer.text
        answer = await send(client, "revoke_token", FORM, {**grant, "token": answer.json()["refresh_token"]})
        assert answer.status_code == 200, answer.text
    client.headers.update(bearer(token))
    for media_type, example in examples(document, "create_api_key"):
        answer = await send(client, "create_api_key", media_type, example)
        assert (answer.status_code, answer.json()["name"]) == (201, example["name"])
    for media_type, example in examples(document, "yelda_edit_account"):
        if media_type == JSON:
            answer = await client.put("/accounts/3", json=example)
            assert (answer.status_code, answer.json()["nickname"]) == (200, example["nickname"])
