"""Signing out from an application (OpenID Connect RP-Initiated Logout 1.0)."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from support.asgi import WithState
from support.auth_service import bearer, services_of
from support.html_pages import Page, is_safe
from support.oauth import audited
from support.openid import CALLBACK, Asking, Browser, exchanged, make_doctor, new_browser, told

from lightbox_shared.database import Database

BYE = "https://app.example/bye"


@pytest.fixture
async def browser(service: WithState, client: httpx.AsyncClient) -> Browser:
    """One in which nobody is signed in, with two registered clients."""
    return await new_browser(services_of(service), client, signed_in=False)


async def _signed_in_app(browser: Browser) -> tuple[Asking, dict[str, Any]]:
    asking = Asking(scope="openid account")
    answer = await (browser.ask(asking) if browser.token else browser.sign_in(asking))
    return asking, await exchanged(browser.http, asking, told(answer)["code"])


async def test_signing_out_from_the_application(browser: Browser, database: Database) -> None:
    _, body = await _signed_in_app(browser)
    query = str(httpx.QueryParams(id_token_hint=body["id_token"], post_logout_redirect_uri=BYE, state="s t"))
    cookie = browser.token
    assert cookie is not None
    answer = await browser.get("/oauth/logout", query)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{BYE}?state=s+t")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert browser.token is None
    for token in (cookie, body["access_token"]):
        assert (await browser.http.get("/self", headers=bearer(token))).status_code == 401
    assert len(await audited(database, "session-ended")) == 2
    assert (await browser.get("/oauth/logout", query)).headers["location"] == f"{BYE}?state=s+t"  # again


@pytest.mark.parametrize("hint", ["none", "nonsense", "an access token", "of another account"])
async def test_signing_out_is_asked_without_an_id_token(browser: Browser, service: WithState, hint: str) -> None:
    await make_doctor(services_of(service), "bob")
    other = Browser(browser.http)
    asking = Asking()
    bobs = await exchanged(browser.http, asking, told(await other.sign_in(asking, "bob"))["code"])
    _, body = await _signed_in_app(browser)
    token = {"nonsense": "x.y.z", "an access token": body["access_token"], "of another account": bobs["id_token"]}
    hinted = {} if hint == "none" else {"id_token_hint": token[hint]}
    query = str(httpx.QueryParams(client_id="app", post_logout_redirect_uri=BYE, **hinted))
    answer = await browser.get("/oauth/logout", query)
    assert answer.status_code == 200
    is_safe(answer)
    assert "Do you want to sign out?" in Page(answer).words
    assert browser.token is not None
    assert (await browser.http.get("/self", headers=bearer(browser.token))).status_code == 200
    [form] = Page(answer).all("form")
    cookie = browser.token
    answer = await browser.post(*str(form["action"]).split("?", 1))
    assert answer.headers["location"] == BYE
    assert (await browser.http.get("/self", headers=bearer(cookie))).status_code == 401
    bob = await browser.http.get("/oauth/userinfo", headers=bearer(bobs["access_token"]))
    assert bob.status_code == 200  # somebody else's session goes on


async def test_nobody_is_sent_away_to_an_address_that_is_not_registered(browser: Browser) -> None:
    _, body = await _signed_in_app(browser)
    for parameters in (
        {"post_logout_redirect_uri": "https://evil.example/"},
        {"post_logout_redirect_uri": BYE + "/x"},
        {"post_logout_redirect_uri": CALLBACK},
        {"post_logout_redirect_uri": BYE, "client_id": "others"},
    ):
        answer = await browser.get(
            "/oauth/logout", str(httpx.QueryParams(id_token_hint=body["id_token"], **parameters))
        )
        assert answer.status_code == 200
        assert "You are signed out." in Page(answer).words
        assert "evil" not in answer.text
    answer = await browser.get("/oauth/logout", str(httpx.QueryParams(post_logout_redirect_uri=BYE)))
    assert answer.status_code == 200
    for query in ("state=%ff", "a=1&a=2", "a=%00"):
        assert (await browser.get("/oauth/logout", query)).status_code == 400


async def test_signing_out_by_a_form(browser: Browser) -> None:
    answer = await browser.http.post("/oauth/logout", data={"client_id": "app", "state": "a b"})
    location = urlsplit(answer.headers["location"])
    assert (answer.status_code, location.path) == (303, "/oauth/logout")
    assert parse_qs(location.query) == {"client_id": ["app"], "state": ["a b"]}
