"""OAuth as an application of the platform uses it: sign in, call, refresh, sign out."""

import time
from typing import Any

import httpx
import pytest
from jose import jwt
from support.running import SignUp

Tokens = dict[str, Any]


@pytest.fixture
def signed_in(http: httpx.Client, sign_up: SignUp) -> Tokens:
    username, _ = sign_up()
    return tokens(http, grant_type="password", username=username, password="pw")


def tokens(http: httpx.Client, **fields: str) -> Tokens:
    answer = http.post("/oauth/token", data={"client_id": "lightbox", **fields})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body: Tokens = answer.json()
    return body


def call(http: httpx.Client, body: Tokens) -> httpx.Response:
    return http.get("/api/chexray/user/", headers={"Authorization": f"{body['token_type']} {body['access_token']}"})


def test_from_signing_in_to_signing_out(http: httpx.Client, signed_in: Tokens) -> None:
    assert call(http, signed_in).status_code == 200
    refreshed = tokens(http, grant_type="refresh_token", refresh_token=signed_in["refresh_token"])
    assert call(http, refreshed).json() == call(http, signed_in).json()

    answer = http.post("/oauth/revoke", data={"client_id": "lightbox", "token": refreshed["refresh_token"]})
    assert (answer.status_code, answer.content) == (200, b"")
    deadline = time.monotonic() + 5
    while call(http, refreshed).status_code != 401 or call(http, signed_in).status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for body in (signed_in, refreshed):
        fields = {"grant_type": "refresh_token", "client_id": "lightbox", "refresh_token": body["refresh_token"]}
        answer = http.post("/oauth/token", data=fields)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_the_metadata_is_that_of_the_tokens(http: httpx.Client, signed_in: Tokens) -> None:
    answer = http.get("/.well-known/oauth-authorization-server")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    metadata = answer.json()
    assert metadata["issuer"] == jwt.get_unverified_claims(signed_in["access_token"])["iss"]
    assert metadata["issuer"] == str(http.base_url).rstrip("/")
    keys = http.get(metadata["jwks_uri"]).json()["keys"]
    assert jwt.get_unverified_header(signed_in["access_token"])["kid"] in {key["kid"] for key in keys}
    for name in ("token", "revocation", "introspection"):
        answer = http.post(metadata[f"{name}_endpoint"], data={"client_id": "unknown"})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_the_button_of_the_description(http: httpx.Client, sign_up: SignUp) -> None:
    """Swagger UI sends a Basic header without a name, and no scope where none is chosen."""
    name, _token = sign_up()
    fields = {"grant_type": "password", "scope": "", "username": name, "password": "pw"}
    answer = http.post("/oauth/token", data=fields, headers={"Authorization": "Basic Og=="})
    assert answer.status_code == 200
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert http.get("/api/sessions", headers=bearer).json()["sessions"][0]["client_id"] == "lightbox"


def test_refusals_in_the_shape_of_the_rfc(http: httpx.Client, signed_in: Tokens) -> None:
    password = {"grant_type": "password", "client_id": "lightbox", "username": "unknown", "password": "x"}
    requests: list[tuple[dict[str, Any], int, str]] = [
        ({"data": password}, 400, "invalid_grant"),
        ({"json": password}, 400, "invalid_request"),
        ({"data": {**password, "grant_type": "implicit"}}, 400, "unsupported_grant_type"),
        ({"data": {**password, "grant_type": "client_credentials"}}, 400, "unauthorized_client"),
        ({"data": {**password, "scope": "everything"}}, 400, "invalid_scope"),
        ({"data": {"grant_type": "client_credentials"}, "auth": ("gateway", "guessed")}, 401, "invalid_client"),
        ({"data": {**password, "client_id": "gateway"}}, 401, "invalid_client"),
    ]
    for request, status, error in requests:
        answer = http.post("/oauth/token", **request)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
        assert answer.json().keys() == {"error", "error_description"}
    answer = http.post("/oauth/introspect", data={"token": signed_in["access_token"], "client_id": "lightbox"})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_scoped_token_is_for_its_scope_alone(http: httpx.Client, sign_up: SignUp) -> None:
    username, _ = sign_up()
    body = tokens(http, grant_type="password", username=username, password="pw", scope="annotate")
    answer = call(http, body)
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    body = tokens(http, grant_type="password", username=username, password="pw", scope="predict")
    assert call(http, body).status_code == 200


def test_ones_sessions(http: httpx.Client, signed_in: Tokens) -> None:
    headers = {"Authorization": f"Bearer {signed_in['access_token']}"}
    listed = http.get("/api/sessions", headers=headers).json()["sessions"]
    assert [(each["client_id"], each["current"]) for each in listed] == [("lightbox", True), ("chexray", False)]
    assert http.delete(f"/api/sessions/{listed[1]['id']}", headers=headers).status_code == 204
    assert len(http.get("/api/sessions", headers=headers).json()["sessions"]) == 1
