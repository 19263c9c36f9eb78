"""Another application signs a person in through the gateway, with Authlib as its client and a browser's cookies."""

import re
import time
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import pytest
from authlib.common.security import generate_token
from authlib.oauth2 import OAuth2Client, OAuth2Error
from authlib.oauth2.rfc6749.parameters import parse_authorization_code_response, prepare_token_request
from support.yelda_client import PASSWORD, Headers, Make

from lightbox.run.platform import Platform

CALLBACK = "https://app.example/callback"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def browser(platform: Platform) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=platform.url, timeout=60, headers={"Sec-Fetch-Site": "cross-site"}) as client:
        yield client


class App:
    """A third party's page."""

    def __init__(self, http: httpx.Client, client_id: str) -> None:
        self._http = http
        self._metadata = http.get("/.well-known/openid-configuration").json()
        methods = {"token_endpoint_auth_method": "none", "code_challenge_method": "S256"}
        self._client = OAuth2Client(None, client_id, scope="openid read", redirect_uri=CALLBACK, **methods)
        self._client_id = client_id
        self.verifier = generate_token(64)

    def address(self) -> tuple[str, str]:
        """Where to send the browser, and the state."""
        address: str
        state: str
        endpoint = self._metadata["authorization_endpoint"]
        address, state = self._client.create_authorization_url(endpoint, code_verifier=self.verifier, nonce="n")
        return address, state

    def tokens(self, back: str, state: str) -> dict[str, Any]:
        """Exchange the code in the address with which the browser came back."""
        code = parse_authorization_code_response(back, state)["code"]
        secrets = {"redirect_uri": CALLBACK, "code_verifier": self.verifier, "client_id": self._client_id}
        return self._token(prepare_token_request("authorization_code", code=code, **secrets))

    def refresh(self, token: str) -> dict[str, Any]:
        return self._token(prepare_token_request("refresh_token", refresh_token=token, client_id=self._client_id))

    def _token(self, body: str) -> dict[str, Any]:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._http.post(self._metadata["token_endpoint"], content=body, headers=form)
        answered: dict[str, Any] = self._client.parse_response_token(answer)
        return answered


@pytest.fixture
def app(http: httpx.Client, admin: Headers) -> App:
    fields = {"name": "App", "redirect_uris": [CALLBACK], "scopes": ["openid", "read"]}
    made = http.post("/api/oauth/clients", json=fields, headers=admin)
    assert made.status_code == 201, made.text
    return App(http, made.json()["client_id"])


def submitted(browser: httpx.Client, page: httpx.Response, **fields: str) -> httpx.Response:
    """The answer to the form of a page, and to the redirects on this host."""
    action = re.search(r'action="([^"]+)"', page.text)
    assert action is not None
    answer = browser.post(unescape(action[1]), data=fields, headers=SAME_ORIGIN)
    while answer.is_redirect and answer.headers["location"].startswith("/"):
        answer = browser.get(answer.headers["location"])
    return answer


def test_a_third_party(http: httpx.Client, browser: httpx.Client, app: App, make: Make) -> None:
    account_id, name, _ = make()
    address, state = app.address()
    page = browser.get(address)
    assert page.status_code == 200
    wrong = submitted(browser, page, username=name, password="wrong")
    assert wrong.status_code == 403
    consent = submitted(browser, wrong, username=name, password=PASSWORD)
    assert "lightbox_session" in browser.cookies
    back = submitted(browser, consent, account=str(account_id), decision="allow")
    tokens = app.tokens(back.headers["location"], state)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert http.get("/oauth/userinfo", headers=headers).json() == {"sub": f"account:{account_id}"}
    assert http.get("/self", headers=headers).json()["account_id"] == account_id
    assert http.get("/accounts", headers=headers).status_code == 403
    refreshed = app.refresh(tokens["refresh_token"])
    with pytest.raises(OAuth2Error, match="invalid_grant"):
        app.tokens(back.headers["location"], state)
    deadline = time.monotonic() + 5
    while http.get("/oauth/userinfo", headers={"Authorization": f"Bearer {refreshed['access_token']}"}).is_success:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    again = browser.get(app.address()[0])
    assert again.headers["location"].startswith(f"{CALLBACK}?code=")


def test_a_session_that_has_ended_leads_to_the_page(
    http: httpx.Client, browser: httpx.Client, app: App, make: Make
) -> None:
    """And to no error, though the browser still sends the cookie."""
    account_id, name, headers = make()
    consent = submitted(browser, browser.get(app.address()[0]), username=name, password=PASSWORD)
    assert str(account_id) in consent.text
    assert http.delete("/api/sessions", headers=headers).status_code == 204
    deadline = time.monotonic() + 5
    while 'name="password"' not in browser.get(app.address()[0]).text:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "lightbox_session" in browser.cookies


def test_a_form_of_another_page_signs_nobody_in(browser: httpx.Client, app: App, make: Make) -> None:
    _, name, _ = make()
    page = browser.get(app.address()[0])
    action = re.search(r'action="([^"]+)"', page.text)
    assert action is not None
    form = {"username": name, "password": PASSWORD}
    answer = browser.post(unescape(action[1]), data=form, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
