"""Revocation (RFC 7009) and introspection (RFC 7662)."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from jose import jwt
from sqlalchemy import text
from support.asgi import WithState, running
from support.auth_service import MakeSettings, SignUp, bearer, services_of
from support.oauth import INACTIVE, INTROSPECT, ISSUER, REVOKE, SERVICE, TOKEN, OAuth, audited, make_account
from support.openid import APP, register

from auth_service.app import create_app
from lightbox_shared.database import Database


@pytest.fixture
async def service(make_settings: MakeSettings) -> AsyncIterator[WithState]:
    async with running(create_app(make_settings(oauth_clients="lightbox,other-app"))) as app:
        yield app


@pytest.fixture
async def oauth(service: WithState, client: httpx.AsyncClient) -> OAuth:
    await make_account(service.state["services"])
    return OAuth(client)


async def _service_token(oauth: OAuth) -> str:
    answer = await oauth.http.post(TOKEN, data={"grant_type": "client_credentials"}, auth=SERVICE)
    token: str = answer.json()["access_token"]
    return token


async def _ended(as_gateway: httpx.AsyncClient) -> list[int]:
    return sorted(each["sid"] for each in (await as_gateway.get("/internal/revocations")).json()["revoked"])


# --- revocation


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
@pytest.mark.parametrize("hint", ["", "refresh_token", "access_token", "other"])
async def test_revoking_ends_the_session(oauth: OAuth, as_gateway: httpx.AsyncClient, which: str, hint: str) -> None:
    body, other = await oauth.log_in(), await oauth.log_in()
    for _ in range(2):  # the second time nothing changes
        answer = await oauth.revoke(body[which], token_type_hint=hint)
        assert (answer.status_code, answer.content) == (200, b"")
        assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert await _ended(as_gateway) == [1]
    assert (await oauth.refresh(body["refresh_token"])).json()["error"] == "invalid_grant"
    for name in ("refresh_token", "access_token"):
        assert await oauth.introspect(body[name]) == INACTIVE
        assert (await oauth.introspect(other[name]))["active"]
    answer = await oauth.http.get("/api/sessions", headers=bearer(body["access_token"]))
    assert answer.status_code == 401


async def test_revoking_is_in_the_audit_trail_once(oauth: OAuth, database: Database) -> None:
    body = await oauth.log_in()
    for token in (body["refresh_token"], body["access_token"], body["refresh_token"], "unknown"):
        assert (await oauth.revoke(token)).status_code == 200
    entry = ("session-ended", 3, "127.0.0.1", {"session_id": 1, "client": "lightbox"})
    assert await audited(database, "session-ended") == [entry]


async def test_a_used_refresh_token_ends_its_session_too(oauth: OAuth, as_gateway: httpx.AsyncClient) -> None:
    token = (await oauth.log_in())["refresh_token"]
    await oauth.refreshed(token)
    assert (await oauth.revoke(token)).status_code == 200
    assert await _ended(as_gateway) == [1]


async def test_revoking_a_text_that_is_not_a_token(oauth: OAuth, as_gateway: httpx.AsyncClient) -> None:
    good = (await oauth.log_in())["access_token"]
    for token in ("x", "lbr_" + "x" * 43, "x" * 10_000, "a.b.c", good[:-5], good + "x", "é", "lbx_" + "0" * 49):
        answer = await oauth.revoke(token)
        assert (token[:50], answer.status_code, answer.content) == (token[:50], 200, b"")
    assert await _ended(as_gateway) == []


async def test_tokens_of_other_clients(oauth: OAuth, as_gateway: httpx.AsyncClient, sign_up: SignUp) -> None:
    body, chexray = await oauth.log_in(), (await sign_up())["token"]
    other = OAuth(oauth.http, "other-app")
    refused = {"error": "invalid_grant", "error_description": "The token was issued to another client."}
    for client, token in ((other, body["refresh_token"]), (other, body["access_token"]), (oauth, chexray)):
        answer = await client.revoke(token)
        assert (answer.status_code, answer.json()) == (400, refused)
    answer = await oauth.http.post(REVOKE, data={"token": body["refresh_token"]}, auth=SERVICE)
    assert (answer.status_code, answer.json()) == (400, refused)
    assert await _ended(as_gateway) == []


async def test_the_token_of_a_service_can_not_be_revoked(oauth: OAuth) -> None:
    token = await _service_token(oauth)
    answer = await oauth.http.post(REVOKE, data={"token": token}, auth=SERVICE)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_token_type")
    assert (await oauth.revoke(token)).json()["error"] == "invalid_grant"
    assert (await oauth.introspect(token))["active"]


async def test_who_may_revoke(oauth: OAuth) -> None:
    token = (await oauth.log_in())["refresh_token"]
    for fields in ({"token": token}, {"token": token, "client_id": "unknown"}):
        answer = await oauth.http.post(REVOKE, data=fields)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    answer = await oauth.revoke("")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    answer = await oauth.http.post(REVOKE, json={"token": token, "client_id": "lightbox"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    await oauth.refreshed(token)


# --- introspection


async def test_an_access_token(oauth: OAuth) -> None:
    for scope in ({"scope": "read predict"}, {}):
        token = (await oauth.log_in(**scope))["access_token"]
        claims = jwt.get_unverified_claims(token)
        answer = await oauth.http.post(
            INTROSPECT, data={"token": token, "token_type_hint": "refresh_token"}, auth=SERVICE
        )
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert answer.json() == {
            "active": True,
            **scope,
            "client_id": "lightbox",
            "username": "ada",
            "token_type": "Bearer",
            "exp": claims["exp"],
            "iat": claims["iat"],
            "sub": "account:3",
            "aud": "lightbox",
            "iss": ISSUER,
            "jti": claims["jti"],
        }


async def test_a_refresh_token(oauth: OAuth) -> None:
    token = (await oauth.log_in(scope="hub"))["refresh_token"]
    body = await oauth.introspect(token)
    assert body == {
        "active": True,
        "scope": "hub",
        "client_id": "lightbox",
        "username": "ada",
        "token_type": "refresh_token",
        "exp": body["iat"] + 14 * 24 * 3600,
        "iat": body["iat"],
        "sub": "account:3",
        "iss": ISSUER,
    }
    await oauth.refreshed(token)
    assert await oauth.introspect(token) == INACTIVE  # used


async def test_the_token_of_a_service(oauth: OAuth) -> None:
    body = await oauth.introspect(await _service_token(oauth))
    assert body.keys() == {"active", "client_id", "token_type", "exp", "iat", "sub", "aud", "iss", "jti"}
    assert (body["sub"], body["client_id"]) == ("service:inference-service", "inference-service")


async def test_the_token_of_another_login(oauth: OAuth, sign_up: SignUp) -> None:
    body = await oauth.introspect((await sign_up())["token"])
    assert (body["active"], body["client_id"], body["sub"]) == (True, "chexray", "account:4")


async def test_tokens_that_are_not_active(oauth: OAuth, service: WithState) -> None:
    good = (await oauth.log_in())["access_token"]
    head, claims, signature = good.split(".")
    wrong = (
        "x",
        "lbr_" + "x" * 43,
        "x" * 10_000,
        f"{head}.{claims}.{signature[:-4]}AAAA",
        f"{head}.{claims}.",
        "é",
        "a.b.c",
    )
    for token in wrong:
        assert await oauth.introspect(token) == INACTIVE
    now = service.state["services"].issuer.now()
    times = {"issued_at": now - 10, "expires_at": now - 1}  # a verifier with a leeway still accepts it
    expired = service.state["services"].issuer.for_account(3, 100, session_id=1, client_id="lightbox", **times)
    assert await oauth.introspect(expired) == INACTIVE


async def test_an_expired_refresh_token(oauth: OAuth, database: Database) -> None:
    token = (await oauth.log_in())["refresh_token"]
    async with database.writing() as session:
        await session.execute(text("UPDATE refresh_tokens SET expires_at = now()"))
    assert await oauth.introspect(token) == INACTIVE


async def test_to_a_client_that_is_no_service_no_token_is_active(oauth: OAuth, service: WithState) -> None:
    """Its secret is right, so it is not told that it could not be authenticated (RFC 6749 section 5.2)."""
    secret = await register(services_of(service), **APP | {"confidential": True})
    assert secret is not None
    sent = {"token": (await oauth.log_in())["access_token"]}
    answer = await oauth.http.post(INTROSPECT, data=sent, auth=("app", secret))
    assert (answer.status_code, answer.json()) == (200, {"active": False})
    for auth in (("app", "wrong"), ("app", "")):
        answer = await oauth.http.post(INTROSPECT, data=sent, auth=auth)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_who_may_introspect(oauth: OAuth) -> None:
    token = (await oauth.log_in())["access_token"]
    requests: list[dict[str, Any]] = [
        {"data": {"token": token}},
        {"data": {"token": token, "client_id": "lightbox"}},
        {"data": {"token": token}, "headers": bearer(token)},
        {"data": {"token": token}, "auth": ("lightbox", "")},
        {"data": {"token": token}, "auth": ("inference-service", "wrong")},
    ]
    for request in requests:
        answer = await oauth.http.post(INTROSPECT, **request)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic ")
    in_body = {"token": token, "client_id": "inference-service", "client_secret": "with:colons"}
    assert (await oauth.http.post(INTROSPECT, data=in_body)).json()["active"]
    answer = await oauth.http.post(INTROSPECT, data={}, auth=SERVICE)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
