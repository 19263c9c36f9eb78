"""The authorization code grant: RFC 6749 section 4.1, RFC 7636, RFC 9207, RFC 9700, OpenID Connect Core 1.0."""

import time
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx
import pytest
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from support.asgi import WithState, client_of, running
from support.auth_service import MakeSettings, bearer, services_of
from support.oauth import INTROSPECT, REVOKE, SERVICE, TOKEN, Clock, audited
from support.openid import (
    APP,
    CALLBACK,
    CONSENT,
    ISSUER,
    Asking,
    Browser,
    exchanged,
    make_doctor,
    new_browser,
    payload,
    register,
    told,
)

from auth_service.app import create_app
from auth_service.authorization_codes.repository import lock_code
from auth_service.authorization_codes.service import digest, owner
from auth_service.oauth_clients import repository as oauth_clients
from auth_service.oauth_clients.schemas import OAuthClientChanges
from auth_service.request_source import COMMAND_LINE, COMMAND_LINE_SOURCE
from auth_service.sessions import repository as sessions
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database


@pytest.fixture
async def browser(service: WithState, client: httpx.AsyncClient) -> Browser:
    """One in which ada is signed in, with two registered clients."""
    return await new_browser(services_of(service), client, signed_in=True)


async def test_the_whole_round(browser: Browser, service: WithState, database: Database) -> None:
    asking = Asking(scope="openid profile account")
    answer = await browser.ask(asking)
    back = told(answer)
    assert back == {"code": back["code"], "state": asking.state, "iss": ISSUER}
    assert answer.headers["cache-control"] == "no-store"
    token_answer = await browser.http.post(TOKEN, data=asking.form(back["code"]))
    body = token_answer.json()
    assert token_answer.headers["cache-control"] == "no-store"
    assert body.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 900, "openid profile account")
    claims = payload(body["access_token"])
    assert (claims["sub"], claims["client_id"], claims["scope"]) == ("account:3", "app", "openid profile account")
    principal = await services_of(service).tokens.verify(body["access_token"])
    assert (principal.scopes, principal.authority) == (None, Authority.DOCTOR)
    assert (await browser.http.get("/self", headers=bearer(body["access_token"]))).json()["account_id"] == 3
    info = await browser.http.get("/oauth/userinfo", headers=bearer(body["access_token"]))
    modified_at = info.json()["updated_at"]
    assert info.json() == {"sub": "account:3", "name": "ada", "preferred_username": "ada", "updated_at": modified_at}
    signed_in = await audited(database, "signed-in")
    assert [entry[3]["client"] for entry in signed_in] == ["sign-in-page", "app"]


async def test_the_id_token_as_authlib_reads_it(browser: Browser) -> None:
    """Signature, claims and at_hash are checked by a library that nobody here wrote."""
    asking = Asking()
    body = await exchanged(browser.http, asking, await browser.code(asking))
    keys = KeySet.import_key_set((await browser.http.get("/.well-known/jwks.json")).json())
    token = jwt.decode(body["id_token"], keys, algorithms=["RS256"])
    assert token.header["typ"] == "JWT"
    options = {"iss": {"essential": True, "value": ISSUER}, "auth_time": {"essential": True}}
    parameters = {"nonce": asking.nonce, "client_id": "app", "access_token": body["access_token"]}
    claims = CodeIDToken(token.claims, token.header, options, parameters)
    claims.validate()
    assert claims["sub"] == payload(body["access_token"])["sub"]
    assert claims["aud"] == "app"
    assert {"at_hash", "sid"} <= claims.keys()
    wrong = CodeIDToken(token.claims, token.header, options, parameters | {"access_token": "another"})
    with pytest.raises(Exception, match="at_hash"):
        wrong.validate()


async def test_an_id_token_is_no_access_token(browser: Browser) -> None:
    asking = Asking()
    body = await exchanged(browser.http, asking, await browser.code(asking))
    assert (await browser.http.get("/self", headers=bearer(body["id_token"]))).status_code == 401


async def test_no_id_token_without_openid(browser: Browser) -> None:
    asking = Asking(scope="read")
    body = await exchanged(browser.http, asking, await browser.code(asking))
    assert "id_token" not in body
    refused = await browser.http.get("/oauth/userinfo", headers=bearer(body["access_token"]))
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]


async def test_openid_alone_opens_nothing_of_the_account(browser: Browser) -> None:
    asking = Asking(scope="openid")
    body = await exchanged(browser.http, asking, await browser.code(asking))
    headers = bearer(body["access_token"])
    assert (await browser.http.get("/oauth/userinfo", headers=headers)).json() == {"sub": "account:3"}
    for path in ("/self", "/api/sessions", "/api/keys", "/api/oauth/consents"):
        assert (await browser.http.get(path, headers=headers)).status_code == 403, path


async def test_without_a_scope_a_first_party_client_gets_the_whole_account(browser: Browser) -> None:
    asking = Asking(scope=None)
    body = await exchanged(browser.http, asking, await browser.code(asking))
    assert "scope" not in body
    assert "scope" not in payload(body["access_token"])
    assert told(await browser.ask(Asking("others", scope=None)))["error"] == "invalid_scope"


async def test_a_code_is_no_sign_in(browser: Browser, database: Database) -> None:
    """Its tokens, also after a refresh, are as old as the sign-in of the browser: for a passkey, and for `max_age`."""
    async with database.writing() as session:
        await session.execute(text("UPDATE sessions SET created_at = created_at - interval '11 minutes'"))
    asking = Asking(scope="openid account", more={"prompt": "none"})
    body = await exchanged(browser.http, asking, await browser.code(asking))
    signed_in_at = payload(body["id_token"])["auth_time"]
    assert time.time() - signed_in_at >= 660
    refresh = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": body["refresh_token"]}
    refreshed = (await browser.http.post(TOKEN, data=refresh)).json()
    strict = Asking(scope="openid account", more={"prompt": "none", "max_age": "300"})
    for token in (body["access_token"], refreshed["access_token"]):
        options = await browser.http.post("/api/passkeys/options", headers=bearer(token))
        assert (options.status_code, options.json()["type"]) == (403, "/problems/sign-in-too-old")
        as_cookie = Browser(browser.http, token)
        assert told(await as_cookie.ask(strict))["error"] == "login_required"
        again = await exchanged(browser.http, asking, await as_cookie.code(asking))
        assert payload(again["id_token"])["auth_time"] == signed_in_at


async def test_a_code_ends_with_its_consent(browser: Browser) -> None:
    assert browser.token is not None
    asking = Asking("others", scope="openid read")
    code = told(await browser.post(CONSENT, asking.query, account="3", decision="allow"))["code"]
    own = bearer(browser.token)
    [consent] = (await browser.http.get("/api/oauth/consents", headers=own)).json()["consents"]
    assert (await browser.http.delete(f"/api/oauth/consents/{consent['id']}", headers=own)).status_code == 204
    answer = await browser.http.post(TOKEN, data=asking.form(code))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": ["openid", "profile"]},
        {"scopes": ["openid", "read"], "first_party": False},
        {"redirect_uris": ["https://app.example/another"]},
    ],
    ids=["fewer scopes", "not first-party any more", "another address"],
)
async def test_a_code_ends_with_what_its_client_may_do(
    browser: Browser, service: WithState, changes: dict[str, Any]
) -> None:
    services = services_of(service)
    asking = Asking(scope="openid read")
    code = await browser.code(asking)
    async with services.database.writing() as session:
        row = await oauth_clients.find_by_client_id(session, "app")
        assert row is not None
        given = OAuthClientChanges.model_validate(changes)
        await services.oauth_clients.change(session, row.id, given, COMMAND_LINE_SOURCE, actor=COMMAND_LINE)
    answer = await browser.http.post(TOKEN, data=asking.form(code))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_consent_that_is_taken_back_during_the_exchange_ends_it(browser: Browser, service: WithState) -> None:
    """The exchange has begun: taking the consent back waits for it, and finds its session."""
    services = services_of(service)
    asking = Asking("others", scope="openid read")
    code = told(await browser.post(CONSENT, asking.query, account="3", decision="allow"))["code"]
    async with services.database.writing() as session:
        client = await oauth_clients.lock_shared(session, "others")
        assert client is not None
        row = await lock_code(session, digest(code), "others")
        assert row is not None
        assert await owner(session, row, client, datetime.now(UTC)) is not None
        async with services.database.writing() as another:
            await another.execute(text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(DBAPIError, match="lock timeout"):
                await another.execute(text("DELETE FROM oauth_consents"))
            await another.rollback()
        async with services.database.writing() as another:
            await another.execute(text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(DBAPIError, match="lock timeout"):
                await another.execute(text("UPDATE oauth_clients SET name = name WHERE client_id = 'others'"))
            await another.rollback()


async def test_the_database_alone_has_no_code(browser: Browser, database: Database) -> None:
    code = await browser.code(Asking())
    async with database.reading() as session:
        row = (await session.execute(text("SELECT * FROM authorization_codes ORDER BY id DESC LIMIT 1"))).one()
    assert code not in str(row)
    assert code.encode() not in bytes(row.code_hash)


async def test_a_code_that_comes_again_ends_what_it_was_exchanged_for(browser: Browser, database: Database) -> None:
    asking = Asking(scope="openid account")
    code = await browser.code(asking)
    body = await exchanged(browser.http, asking, code)
    headers = bearer(body["access_token"])
    assert (await browser.http.get("/self", headers=headers)).status_code == 200
    again = await browser.http.post(TOKEN, data=asking.form(code))
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert (await browser.http.get("/self", headers=headers)).status_code == 401
    refresh = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": body["refresh_token"]}
    assert (await browser.http.post(TOKEN, data=refresh)).json()["error"] == "invalid_grant"
    assert [entry[1] for entry in await audited(database, "authorization-code-reused")] == [3]
    assert (await browser.http.post(TOKEN, data=asking.form(code))).status_code == 400
    assert len(await audited(database, "authorization-code-reused")) == 1


async def test_of_exchanges_at_the_same_time_none_keeps_a_token(browser: Browser) -> None:
    asking = Asking(scope="openid account")
    code = await browser.code(asking)
    answers: list[httpx.Response] = []

    async def exchange() -> None:
        answers.append(await browser.http.post(TOKEN, data=asking.form(code)))

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(exchange)
    [good] = [answer for answer in answers if answer.status_code == 200]
    assert (await browser.http.get("/self", headers=bearer(good.json()["access_token"]))).status_code == 401


WRONG_EXCHANGES: dict[str, dict[str, str]] = {
    "another redirect URI": {"redirect_uri": CALLBACK + "/"},
    "another client's code": {"client_id": "others"},
    "another verifier": {"code_verifier": "v" * 43},
    "a short verifier": {"code_verifier": "v"},
    "a long verifier": {"code_verifier": "v" * 129},
    "the challenge as the verifier": {"code_verifier": "challenge"},
    "a verifier with a line end": {"code_verifier": "line end"},
    "another code": {"code": "x"},
}


@pytest.mark.parametrize("name", WRONG_EXCHANGES)
async def test_wrong_exchanges(browser: Browser, name: str) -> None:
    """Each is refused, gets no token, and leaves the code to the client that it was given to."""
    asking = Asking()
    code = await browser.code(asking)
    changes = dict(WRONG_EXCHANGES[name])
    if changes.get("code_verifier") == "challenge":
        changes["code_verifier"] = asking.parameters["code_challenge"]
    if changes.get("code_verifier") == "line end":
        changes["code_verifier"] = asking.verifier + "\n"
    answer = await browser.http.post(TOKEN, data=asking.form(code, **changes))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    await exchanged(browser.http, asking, code)


@pytest.mark.parametrize("missing", ["code", "redirect_uri", "code_verifier", "client_id"])
async def test_incomplete_exchanges(browser: Browser, missing: str) -> None:
    asking = Asking()
    form = asking.form(await browser.code(asking))
    del form[missing]
    answer = await browser.http.post(TOKEN, data=form)
    assert answer.json()["error"] == ("invalid_client" if missing == "client_id" else "invalid_request")


async def test_a_code_lives_for_a_minute(make_settings: MakeSettings) -> None:
    clock = Clock(time.time())
    async with running(create_app(make_settings(), clock=clock)) as app, client_of(app) as http:
        await make_doctor(services_of(app))
        await register(services_of(app), **APP)
        browser, asking = Browser(http), Asking()
        await browser.sign_in(asking)
        first, second = await browser.code(asking), await browser.code(asking)
        clock.now += 58
        await exchanged(http, asking, first)
        clock.now += 3
        answer = await http.post(TOKEN, data=asking.form(second))
        assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("how", ["signed out", "password changed", "deleted", "not approved any more"])
async def test_a_code_ends_with_the_session_of_the_browser(browser: Browser, how: str) -> None:
    asking = Asking()
    code = await browser.code(asking)
    assert browser.token is not None
    admin = await browser.http.post(
        "/authorization", json={"username": "admin", "password": "the administrator's password"}
    )
    browser.http.cookies.clear()
    headers = bearer(admin.json()["access_token"])
    if how == "signed out":
        answer = await browser.http.delete("/authorization", headers=bearer(browser.token))
    elif how == "password changed":
        answer = await browser.http.put("/accounts/3", json={"password": "another one"}, headers=headers)
    elif how == "deleted":
        answer = await browser.http.delete("/accounts/3", headers=headers)
    else:
        answer = await browser.http.put("/accounts/3", json={"authority": 100}, headers=headers)
    assert answer.is_success, answer.text
    refused = await browser.http.post(TOKEN, data=asking.form(code))
    assert refused.json()["error"] == "invalid_grant"


async def test_a_change_of_the_password_is_not_overtaken(browser: Browser, database: Database) -> None:
    """The exchange waits for it, and sees then that the session of the browser has ended."""
    asking = Asking()
    code = await browser.code(asking)
    answers: list[httpx.Response] = []

    async def exchange() -> None:
        answers.append(await browser.http.post(TOKEN, data=asking.form(code)))

    async with anyio.create_task_group() as tasks, database.writing() as session:
        await session.execute(text("SELECT 1 FROM accounts WHERE id = 3 FOR UPDATE"))
        tasks.start_soon(exchange)
        await anyio.sleep(0.5)
        assert answers == []
        await session.execute(text("UPDATE accounts SET password_changed_at = now() WHERE id = 3"))
        await sessions.revoke_all(session, 3)
    assert [answer.json()["error"] for answer in answers] == ["invalid_grant"]


async def test_refresh_tokens_rotate(browser: Browser) -> None:
    asking = Asking(scope="openid read")
    body = await exchanged(browser.http, asking, await browser.code(asking))
    form = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": body["refresh_token"]}
    other = await browser.http.post(TOKEN, data=form | {"client_id": "others"})
    assert other.json()["error"] == "invalid_grant"
    refreshed = (await browser.http.post(TOKEN, data=form)).json()
    assert refreshed["scope"] == "openid read"
    assert refreshed["refresh_token"] != body["refresh_token"]
    more = await browser.http.post(TOKEN, data=form | {"refresh_token": refreshed["refresh_token"], "scope": "hub"})
    assert more.json()["error"] == "invalid_scope"


async def test_revocation_and_introspection(browser: Browser) -> None:
    asking = Asking()
    body = await exchanged(browser.http, asking, await browser.code(asking))
    token = {"token": body["access_token"]}
    known = (await browser.http.post(INTROSPECT, data=token, auth=SERVICE)).json()
    assert (known["active"], known["client_id"], known["scope"]) == (True, "app", "openid profile")
    assert (await browser.http.post(INTROSPECT, data=token | {"client_id": "app"})).status_code == 401
    assert (await browser.http.post(REVOKE, data=token | {"client_id": "others"})).status_code == 400
    assert (await browser.http.post(REVOKE, data=token | {"client_id": "app"})).status_code == 200
    assert (await browser.http.post(INTROSPECT, data=token, auth=SERVICE)).json() == {"active": False}


async def test_a_confidential_client_needs_its_secret(browser: Browser, service: WithState) -> None:
    secret = await register(services_of(service), **APP | {"client_id": "server", "confidential": True})
    assert secret is not None
    asking = Asking("server")
    code = await browser.code(asking)
    form = asking.form(code)
    answers = [await browser.http.post(TOKEN, data=data) for data in (form, form | {"client_secret": "x"})]
    for answer in (*answers, await browser.http.post(TOKEN, data=form, auth=("server", "x"))):
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert (await browser.http.post(TOKEN, data=form, auth=("server", secret))).status_code == 200
    form = Asking.form(asking, await browser.code(asking), client_secret=secret)
    assert (await browser.http.post(TOKEN, data=form)).status_code == 200
    public = Asking()
    form = public.form(await browser.code(public), client_secret="x")
    assert (await browser.http.post(TOKEN, data=form)).json()["error"] == "invalid_client"


@pytest.mark.parametrize("grant_type", ["password", "client_credentials"])
async def test_a_registered_client_has_no_other_grants(browser: Browser, grant_type: str) -> None:
    form = {"grant_type": grant_type, "client_id": "app", "username": "ada", "password": "correct horse"}
    assert (await browser.http.post(TOKEN, data=form)).json()["error"] == "unauthorized_client"
