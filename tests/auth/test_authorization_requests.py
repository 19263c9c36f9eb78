"""Authorization requests: which are answered by a page, which by an error at the client's address, and what comes back
(RFC 6749 section 4.1.2.1, RFC 8252, RFC 9700)."""

from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from support.asgi import WithState
from support.auth_service import services_of
from support.oauth import TOKEN
from support.openid import APP, AUTHORIZE, CALLBACK, ISSUER, Asking, Browser, exchanged, new_browser, register, told

from auth_service.openid.errors import AuthorizationError
from auth_service.openid.service import Authorizations
from lightbox_shared.database import Database

CODES = "SELECT count(*) FROM authorization_codes"


@pytest.fixture
async def browser(service: WithState, client: httpx.AsyncClient) -> Browser:
    """One in which ada is signed in, with two registered clients."""
    return await new_browser(services_of(service), client, signed_in=True)


async def _count(database: Database, statement: str = CODES) -> int:
    async with database.reading() as session:
        return int(await session.scalar(text(statement)) or 0)


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
    nothing: Any = None  # no database, sessions and hints are needed to make an address
    authorizations = Authorizations(nothing, nothing, nothing, issuer=ISSUER)
    location = authorizations.refusal(AuthorizationError(CALLBACK, state, "x", "y")).url
    assert all("!" <= each <= "~" for each in location)
    found = httpx.URL(location)
    assert (found.scheme, found.host, found.path, found.fragment) == ("https", "app.example", "/callback", "")
    back = [("error", "x"), ("error_description", "y"), ("state", state), ("iss", ISSUER)]
    assert found.params.multi_items() == back
