"""The authorization code grant: RFC 6749 section 4.1, RFC 7636, RFC 9207, RFC 9700, OpenID Connect Core 1.0."""

import time
from typing import Any
from urllib.parse import urlencode

import anyio
import httpx
import pytest
from authlib.oidc.core import CodeIDToken
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import text
from support.asgi import WithState, client_of, running
from support.auth_service import MakeSettings, bearer, services_of
from support.oauth import INTROSPECT, REVOKE, SERVICE, TOKEN, Clock, audited
from support.openid import (
    APP,
    AUTHORIZE,
    CALLBACK,
    ISSUER,
    OTHERS,
    Asking,
    Browser,
    exchanged,
    make_doctor,
    payload,
    register,
    told,
)

from auth_service.app import create_app
from auth_service.openid.errors import AuthorizationError
from auth_service.openid.service import Authorizations
from auth_service.sessions import repository as sessions
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database

CODES = "SELECT count(*) FROM authorization_codes"


@pytest.fixture
async def browser(service: WithState, client: httpx.AsyncClient) -> Browser:
    """One in which ada is signed in, with two registered clients."""
    await make_doctor(services_of(service))
    for fields in (APP, OTHERS):
        await register(services_of(service), **fields)
    browser = Browser(client)
    await browser.sign_in(Asking())
    return browser


async def _count(database: Database, statement: str = CODES) -> int:
    async with database.reading() as session:
        return int(await session.scalar(text(statement)) or 0)


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


UNANSWERABLE: dict[str, dict[str, Any]] = {
    "no client": {"client_id": None},
    "unknown client": {"client_id": "nobody"},
    "a client of the settings": {"client_id": "lightbox"},
    "a service": {"client_id": "gateway"},
    "a null character": {"client_id": "app\0"},
    "two clients": {"client_id": ["app", "others"]},
    "no redirect URI": {"redirect_uri": None},
    "two redirect URIs": {"redirect_uri": [CALLBACK, CALLBACK]},
    "a longer path": {"redirect_uri": CALLBACK + "/x"},
    "a shorter path": {"redirect_uri": CALLBACK[:-1]},
    "a query": {"redirect_uri": CALLBACK + "?x=1"},
    "a fragment": {"redirect_uri": CALLBACK + "#x"},
    "capitals": {"redirect_uri": CALLBACK.upper()},
    "another port": {"redirect_uri": "https://app.example:444/callback"},
    "the default port": {"redirect_uri": "https://app.example:443/callback"},
    "another scheme": {"redirect_uri": "http://app.example/callback"},
    "user info": {"redirect_uri": "https://app.example@evil.example/callback"},
    "a longer host": {"redirect_uri": "https://app.example.evil.example/callback"},
    "dots": {"redirect_uri": "https://app.example/x/../callback"},
    "a script": {"redirect_uri": "javascript:alert(1)//" + CALLBACK},
    "no scheme": {"redirect_uri": "//app.example/callback"},
    "a line end": {"redirect_uri": CALLBACK + "\r\nX: 1"},
    "not UTF-8": {"state": b"\xff"},
    "many parameters": {f"p{number}": "1" for number in range(60)},
}


def _query(asking: Asking, changes: dict[str, Any]) -> str:
    values = {**asking.parameters, **changes}
    return urlencode({name: value for name, value in values.items() if value is not None}, doseq=True)


@pytest.mark.parametrize("name", UNANSWERABLE)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(browser: Browser, name: str) -> None:
    answer = await browser.get(AUTHORIZE, _query(Asking(), UNANSWERABLE[name]))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "location" not in answer.headers
    assert "evil" not in answer.text


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no response type": ({"response_type": None}, "invalid_request"),
    "implicit": ({"response_type": "token"}, "unsupported_response_type"),
    "hybrid": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "fragment": ({"response_mode": "fragment"}, "invalid_request"),
    "no PKCE": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    "no challenge": ({"code_challenge": None}, "invalid_request"),
    "plain by default": ({"code_challenge_method": None}, "invalid_request"),
    "plain": ({"code_challenge_method": "plain"}, "invalid_request"),
    "S512": ({"code_challenge_method": "S512"}, "invalid_request"),
    "a short challenge": ({"code_challenge": "x" * 42}, "invalid_request"),
    "a long challenge": ({"code_challenge": "x" * 44}, "invalid_request"),
    "a challenge that is no base64url": ({"code_challenge": "~" * 43}, "invalid_request"),
    "a challenge with a line end": ({"code_challenge": "x" * 43 + "\n"}, "invalid_request"),
    "two challenges": ({"code_challenge": ["x" * 43, "y" * 43]}, "invalid_request"),
    "two scopes": ({"scope": ["openid", "account"]}, "invalid_request"),
    "a repeated parameter that nobody knows": ({"x": ["1", "2"]}, "invalid_request"),
    "an unknown scope": ({"scope": "openid admin"}, "invalid_scope"),
    "a scope that is not the client's": ({"scope": "openid hub"}, "invalid_scope"),
    "blanks in the scope": ({"scope": "openid  profile"}, "invalid_scope"),
    "an unknown prompt": ({"prompt": "create"}, "invalid_request"),
    "none and more": ({"prompt": "none login"}, "invalid_request"),
    "a max_age that is no number": ({"max_age": "-1"}, "invalid_request"),
    "a request object": ({"request": "x.y.z"}, "request_not_supported"),
    "a request by reference": ({"request_uri": "https://evil.example/"}, "request_uri_not_supported"),
    "a registration": ({"registration": "{}"}, "registration_not_supported"),
    "a long nonce": ({"nonce": "n" * 501}, "invalid_request"),
    "consent without a question": ({"prompt": "none", "client_id": "others"}, "consent_required"),
    "a session that is too old": ({"prompt": "none", "max_age": "0"}, "login_required"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused_requests(browser: Browser, database: Database, name: str) -> None:
    changes, error = REFUSED[name]
    if changes.get("max_age") == "0":
        async with database.writing() as session:
            await session.execute(text("UPDATE sessions SET created_at = created_at - interval '5 seconds'"))
    asking, before = Asking(), await _count(database)
    back = told(await browser.get(AUTHORIZE, _query(asking, changes)))
    assert back.keys() == {"error", "error_description", "state", "iss"}
    assert (back["error"], back["state"]) == (error, asking.state)
    assert all(" " <= each <= "~" and each not in '"\\' for each in back["error_description"])
    assert await _count(database) == before


async def test_a_repeated_state_does_not_come_back(browser: Browser) -> None:
    back = told(await browser.get(AUTHORIZE, _query(Asking(), {"state": ["a", "b"]})))
    assert back["error"] == "invalid_request"
    assert "state" not in back


async def test_nobody_is_signed_in(browser: Browser) -> None:
    browser.token = None
    assert told(await browser.ask(Asking(more={"prompt": "none"})))["error"] == "login_required"


async def test_a_native_app_has_whatever_port_is_free(browser: Browser, service: WithState) -> None:
    uris = ["http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost/callback", "org.example.app:/done"]
    await register(services_of(service), **APP | {"client_id": "native", "redirect_uris": uris})
    for uri in ("http://127.0.0.1:51004/callback", "http://[::1]:1/callback", "http://localhost:5173/callback", *uris):
        asking = Asking("native", uri)
        code = told(await browser.ask(asking), uri)["code"]
        await exchanged(browser.http, asking, code)
    for uri in (
        "http://127.0.0.1:51004/callback2",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1.evil.example:1/callback",
        "http://127.0.0.1:1@evil.example/callback",
        "https://127.0.0.1:1/callback",
        "http://127.0.0.2:1/callback",
        "org.example.app2:/done",
    ):
        assert (await browser.ask(Asking("native", uri))).status_code == 400, uri
    asking = Asking("native", "http://127.0.0.1:1000/callback")
    code = told(await browser.ask(asking), asking.redirect_uri)["code"]
    other_port = asking.form(code, redirect_uri="http://127.0.0.1:1001/callback")
    assert (await browser.http.post(TOKEN, data=other_port)).json()["error"] == "invalid_grant"


@settings(max_examples=200, deadline=None)
@given(state=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=50))
def test_whatever_the_state_is_it_comes_back_and_adds_nothing(state: str) -> None:
    nothing: Any = None  # neither a database nor sessions are needed to make an address
    authorizations = Authorizations(nothing, nothing, issuer=ISSUER)
    location = authorizations.refusal(AuthorizationError(CALLBACK, state, "x", "y")).url
    assert all("!" <= each <= "~" for each in location)
    found = httpx.URL(location)
    assert (found.scheme, found.host, found.path, found.fragment) == ("https", "app.example", "/callback", "")
    back = [("error", "x"), ("error_description", "y"), ("state", state), ("iss", ISSUER)]
    assert found.params.multi_items() == back
