"""The OpenAPI document of auth-service: its operations, and the shapes of their answers. `tests/api` tests it as a part
of the platform's document."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

JSON = "application/json"
YELDA_OPERATIONS = {
    "yelda_authorize": ("POST", "/authorization"),
    "yelda_end_authorization": ("DELETE", "/authorization"),
    "yelda_self": ("GET", "/self"),
    "yelda_list_accounts": ("GET", "/accounts"),
    "yelda_create_account": ("POST", "/accounts"),
    "yelda_account": ("GET", "/accounts/{account_id}"),
    "yelda_edit_account": ("PUT", "/accounts/{account_id}"),
    "yelda_delete_account": ("DELETE", "/accounts/{account_id}"),
}
OPERATIONS = {
    **YELDA_OPERATIONS,
    **{f"api_{name}": (method, f"/api{path}") for name, (method, path) in YELDA_OPERATIONS.items()},
    "chexray_sign_up": ("POST", "/api/chexray/signup"),
    "chexray_log_in": ("POST", "/api/chexray/login"),
    "imagehub_log_in_by_query": ("GET", "/login"),
    "imagehub_log_in": ("POST", "/login"),
    "imagehub_check_token": ("GET", "/auth"),
    "issue_token": ("POST", "/oauth/token"),
    "revoke_token": ("POST", "/oauth/revoke"),
    "introspect_token": ("POST", "/oauth/introspect"),
    "retrieve_oauth_metadata": ("GET", "/.well-known/oauth-authorization-server"),
    "retrieve_openid_configuration": ("GET", "/.well-known/openid-configuration"),
    "authorize": ("GET", "/oauth/authorize"),
    "authorize_by_form": ("POST", "/oauth/authorize"),
    "sign_in_on_page": ("POST", "/oauth/sign-in"),
    "consent_on_page": ("POST", "/oauth/consent"),
    "retrieve_page_file": ("GET", "/oauth/static/{name}"),
    "logout": ("GET", "/oauth/logout"),
    "logout_by_form": ("POST", "/oauth/logout"),
    "sign_out_on_page": ("POST", "/oauth/sign-out"),
    "retrieve_userinfo": ("GET", "/oauth/userinfo"),
    "retrieve_userinfo_by_post": ("POST", "/oauth/userinfo"),
    "list_consents": ("GET", "/api/oauth/consents"),
    "revoke_consent": ("DELETE", "/api/oauth/consents/{consent_id}"),
    "create_oauth_client": ("POST", "/api/oauth/clients"),
    "list_oauth_clients": ("GET", "/api/oauth/clients"),
    "retrieve_oauth_client": ("GET", "/api/oauth/clients/{row_id}"),
    "update_oauth_client": ("PATCH", "/api/oauth/clients/{row_id}"),
    "renew_oauth_client_secret": ("POST", "/api/oauth/clients/{row_id}/secret"),
    "delete_oauth_client": ("DELETE", "/api/oauth/clients/{row_id}"),
    "internal_oauth_origins": ("GET", "/internal/oauth/origins"),
    "retrieve_public_keys": ("GET", "/.well-known/jwks.json"),
    "create_passkey_options": ("POST", "/api/passkeys/options"),
    "create_passkey": ("POST", "/api/passkeys"),
    "list_passkeys": ("GET", "/api/passkeys"),
    "update_passkey": ("PATCH", "/api/passkeys/{passkey_id}"),
    "delete_passkey": ("DELETE", "/api/passkeys/{passkey_id}"),
    "sign_in_options": ("POST", "/api/passkeys/sign-in/options"),
    "sign_in_with_passkey": ("POST", "/api/passkeys/sign-in"),
    "list_sessions": ("GET", "/api/sessions"),
    "end_all_sessions": ("DELETE", "/api/sessions"),
    "end_current_session": ("DELETE", "/api/sessions/current"),
    "end_session": ("DELETE", "/api/sessions/{session_id}"),
    "create_api_key": ("POST", "/api/keys"),
    "list_api_keys": ("GET", "/api/keys"),
    "retrieve_api_key": ("GET", "/api/keys/{key_id}"),
    "revoke_api_key": ("DELETE", "/api/keys/{key_id}"),
    "list_audit_entries": ("GET", "/api/audit"),
    "internal_account_changes": ("GET", "/internal/accounts/changes"),
    "internal_set_photo": ("PUT", "/internal/accounts/{account_id}/photo"),
    "internal_audit": ("POST", "/internal/audit"),
    "internal_account": ("GET", "/internal/accounts/{account_id}"),
    "internal_revocations": ("GET", "/internal/revocations"),
    "internal_exchange_api_key": ("POST", "/internal/api-keys/exchange"),
}


PAGES = {"authorize", "logout", "sign_out_on_page", "retrieve_page_file"}
"""What answers with pages, and what these load."""


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/openapi.json")).json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


async def test_the_operations(document: dict[str, Any]) -> None:
    assert {each["operationId"]: (method, path) for method, path, each in operations(document)} == OPERATIONS


async def test_errors_are_in_the_shape_of_their_path(document: dict[str, Any]) -> None:
    shapes = {
        "/api/chexray": "FieldErrors",
        "/login": "DetailErrors",
        "/auth": "DetailErrors",
        "/authorization": "MessageDetailMember",
        "/self": "MessageDetailMember",
        "/accounts": "MessageDetailMember",
        "/api/authorization": "MessageDetailMember",
        "/api/self": "MessageDetailMember",
        "/api/accounts": "MessageDetailMember",
        "/oauth/userinfo": "ProblemDetails",
        "/oauth": "OAuthErrorBody",
    }
    for method, path, each in operations(document):
        wanted = next((shapes[prefix] for prefix in shapes if (path + "/").startswith(prefix + "/")), "ProblemDetails")
        found = {
            content["schema"]["$ref"].rpartition("/")[2]
            for status, response in each["responses"].items()
            if int(status) >= 400
            for media_type, content in response["content"].items()
            if media_type != "text/html"  # where people meet it in a browser
        }
        assert found == {wanted}, (method, path)


async def test_both_media_types_of_hal(document: dict[str, Any]) -> None:
    for method, path, each in operations(document):
        [content] = [
            response.get("content", {})
            for status, response in each["responses"].items()
            if status in ({"200", "201", "204"} if "200" in each["responses"] else {"201", "204", "303"})
            and not (each["tags"][0].startswith("TheYelda") and status == "204")
        ]
        if each["tags"][0].startswith("TheYelda"):
            assert content.keys() == {JSON, "application/hal+json"}, (method, path)
            assert content[JSON]["schema"] == content["application/hal+json"]["schema"]
        elif each["operationId"] in PAGES:
            of_pages = {"text/css", "text/javascript"}
            assert content.keys() == (of_pages if path.startswith("/oauth/static") else {"text/html"})
        elif path == "/.well-known/jwks.json":
            assert content.keys() == {"application/jwk-set+json"}
        else:
            assert content.keys() <= {JSON}, (method, path)
