"""The sign-in page and passkeys in Chromium, with its virtual authenticator: what nobody here wrote."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from support.web_driver import Browser, chromium
from support.yelda_client import PASSWORD, Headers, Make

from lightbox.run.platform import Platform

VERIFIER = "v" * 43
AGAIN = "const post = async (path, body) => { const answer = await fetch(path, { method: 'POST', headers: "
POST = AGAIN + (
    "{ 'content-type': 'application/json' }, body: body && JSON.stringify(body) });"
    " return { status: answer.status, body: await answer.json() }; };"
)
MAKE = POST + (
    "const asked = await post('/api/passkeys/options'); if (asked.status !== 200) return asked;"
    "const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked.body.publicKey);"
    "const credential = (await navigator.credentials.create({ publicKey })).toJSON();"
    "return post('/api/passkeys', { name: given[0], credential });"
)
GET = POST + (
    "const asked = await post('/api/passkeys/sign-in/options');"
    "const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.body.publicKey);"
    "return (await navigator.credentials.get({ publicKey })).toJSON();"
)


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@dataclass
class Page:
    """The platform by the name of a host, as passkeys need it, in a browser with an authenticator."""

    window: Browser
    base: str
    authenticator: str
    http: httpx.Client

    def ask(self, client_id: str, callback: str, **more: str) -> None:
        parameters = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": callback,
            "scope": "openid",
            "code_challenge": create_s256_code_challenge(VERIFIER),
            "code_challenge_method": "S256",
            **more,
        }
        self.window.open(f"{self.base}/oauth/authorize?{urlencode(parameters)}")

    def sign_in(self, name: str) -> None:
        """Without a page, in the window."""
        self.window.open(f"{self.base}/oauth/static/page.css")
        body = {"username": name, "password": PASSWORD}
        assert self.window.run(POST + "return post('/authorization', given[0]);", body)["status"] == 201

    def make(self, name: str = "My laptop") -> dict[str, Any]:
        made: dict[str, Any] = self.window.run(MAKE, name)
        return made

    def answer(self) -> dict[str, Any]:
        """What the authenticator says to a sign-in."""
        answered: dict[str, Any] = self.window.run(GET)
        return answered

    def send(self, credential: dict[str, Any], **headers: str) -> httpx.Response:
        answer = self.http.post("/api/passkeys/sign-in", json={"credential": credential}, headers=headers)
        self.http.cookies.clear()
        return answer


@pytest.fixture
def page(platform: Platform, window: Browser) -> Iterator[Page]:
    base = platform.url.replace("127.0.0.1", "localhost")
    authenticator = window.add_authenticator()
    with httpx.Client(base_url=platform.url, timeout=30, headers={"Host": base.removeprefix("http://")}) as http:
        yield Page(window, base, authenticator, http)
    window.open(f"{base}/oauth/static/page.css")
    window.forget()
    window.command("DELETE", f"/webauthn/authenticator/{authenticator}")


@pytest.fixture
def client_id(http: httpx.Client, admin: Headers, platform: Platform) -> str:
    """Of an application at another origin."""
    fields = {"name": "App", "redirect_uris": [_callback(platform)], "scopes": ["openid"], "first_party": True}
    made: dict[str, str] = http.post("/api/oauth/clients", json=fields, headers=admin).json()
    return made["client_id"]


def _callback(platform: Platform) -> str:
    return f"{platform.url}/healthz"


def _signed_in(page: Page, make: Make) -> tuple[int, str]:
    """A new account that is signed in to the browser, and has a passkey."""
    account_id, name, _ = make()
    page.sign_in(name)
    made = page.make()
    assert made["status"] == 201, made
    return account_id, name


def test_the_form_in_a_browser(page: Page, platform: Platform, client_id: str, make: Make) -> None:
    """The policy of the page lets the form lead to another origin, and the style apply."""
    _, name, _ = make()
    page.ask(client_id, _callback(platform))
    assert page.window.text("h1") == "Sign in to go on to App"
    page.window.type("#username", name)
    page.window.type("#password", "wrong")
    page.window.click("form button")
    page.window.wait_for("/oauth/sign-in")
    assert page.window.text("[role=alert]") == "The name or the password is wrong."
    page.window.type("#username", name)
    page.window.type("#password", PASSWORD)
    page.window.click("form button")
    page.window.wait_for(f"{_callback(platform)}?code=")


def test_signing_in_with_a_passkey_on_the_page(page: Page, platform: Platform, client_id: str, make: Make) -> None:
    account_id, _ = _signed_in(page, make)
    page.window.forget()
    page.ask(client_id, _callback(platform))
    assert page.window.is_shown("#passkey")
    assert not page.window.is_shown("#passkey-failed")
    page.window.click("#passkey")
    page.window.wait_for(f"{_callback(platform)}?code=")
    code = httpx.URL(page.window.url).params["code"]
    form = {"client_id": client_id, "redirect_uri": _callback(platform), "code_verifier": VERIFIER, "code": code}
    tokens = page.http.post("/oauth/token", data={"grant_type": "authorization_code", **form}).json()
    info = page.http.get("/oauth/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert info.json() == {"sub": f"account:{account_id}"}


def test_no_passkey_on_the_page(page: Page, platform: Platform, client_id: str) -> None:
    page.ask(client_id, _callback(platform))
    page.window.command("POST", f"/webauthn/authenticator/{page.authenticator}/uv", isUserVerified=False)
    page.window.click("#passkey")
    shown = page.window.run(
        "for (let n = 0; n < 100; n++) { if (!document.getElementById('passkey-failed').hidden) return true;"
        " await new Promise((done) => setTimeout(done, 100)); } return false;"
    )
    assert shown
    assert page.window.text("#passkey-failed").startswith("That did not work.")


def test_the_session_of_a_passkey_is_that_of_a_password(page: Page, make: Make, admin: Headers) -> None:
    account_id, _ = _signed_in(page, make)
    answer = page.send(page.answer())
    assert answer.status_code == 200, answer.text
    assert "HttpOnly" in answer.headers["set-cookie"]
    body = answer.json()
    assert (body["account_id"], body["authority"], body["expires_in"]) == (account_id, 102, 43200)
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    assert page.http.get("/self", headers=headers).json()["account_id"] == account_id
    [shown] = page.http.get("/api/passkeys", headers=headers).json()["passkeys"]
    assert (shown["name"], shown["transports"]) == ("My laptop", ["internal"])
    assert shown["last_used_at"] is not None
    renamed = page.http.patch(f"/api/passkeys/{shown['id']}", json={"name": "Lab"}, headers=headers)
    assert renamed.json() == shown | {"name": "Lab"}
    assert page.http.delete(f"/api/passkeys/{shown['id']}", headers=admin).status_code == 404  # somebody else's
    credential = page.answer()
    assert page.http.delete(f"/api/passkeys/{shown['id']}", headers=headers).status_code == 204
    assert page.send(credential).status_code == 401
    trail = page.http.get("/api/audit", params={"account_id": account_id}, headers=admin).json()["entries"]
    told = [each["action"] for each in trail]
    assert {"passkey-added", "passkey-deleted", "signed-in"} <= set(told)


def test_what_is_not_accepted(page: Page, make: Make) -> None:
    _signed_in(page, make)
    used = page.answer()
    assert page.send(used).status_code == 200
    assert page.send(used).json()["type"] == "/problems/wrong-passkey"  # a challenge is used once
    for part in ("signature", "authenticatorData", "clientDataJSON"):
        changed = page.answer()
        text = changed["response"][part]
        changed["response"][part] = text[:-6] + ("AAAAAA" if text[-6:] != "AAAAAA" else "BBBBBB")
        assert page.send(changed).status_code == 401, part
    another = page.answer()
    another["response"]["userHandle"] = "AAAA"
    assert page.send(another).status_code == 401
    foreign = page.answer()
    answer = page.send(foreign, Host="lab.example")
    assert answer.status_code == 401
    assert page.send(page.answer()).status_code == 200


def test_a_user_who_is_not_verified(page: Page, make: Make) -> None:
    """The browser would let it pass if we did not ask for verification: the answer is one for weaker options."""
    _signed_in(page, make)
    weak = POST + (
        "const asked = await post('/api/passkeys/sign-in/options'); asked.body.publicKey.userVerification = given[0];"
        "const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.body.publicKey);"
        "return (await navigator.credentials.get({ publicKey })).toJSON();"
    )
    assert page.send(page.window.run(weak, "preferred")).status_code == 200
    page.window.command("POST", f"/webauthn/authenticator/{page.authenticator}/uv", isUserVerified=False)
    assert page.send(page.window.run(weak, "discouraged")).status_code == 401


def test_a_counter_that_goes_back(page: Page, make: Make, admin: Headers) -> None:
    account_id, _ = _signed_in(page, make)
    path = f"/webauthn/authenticator/{page.authenticator}"
    [kept] = page.window.command("GET", f"{path}/credentials")
    for _ in range(2):
        assert page.send(page.answer()).status_code == 200
    page.window.command("DELETE", f"{path}/credentials/{kept['credentialId']}")
    page.window.command("POST", f"{path}/credential", **kept)  # a copy from before
    assert page.send(page.answer()).status_code == 401
    found: dict[str, str | int] = {"account_id": account_id, "action": "passkey-counter-went-back"}
    assert len(page.http.get("/api/audit", params=found, headers=admin).json()["entries"]) == 1


def test_an_account_that_waits_again(page: Page, make: Make, admin: Headers) -> None:
    account_id, _ = _signed_in(page, make)
    assert page.http.put(f"/accounts/{account_id}", json={"authority": 100}, headers=admin).status_code == 200
    assert page.send(page.answer()).json()["type"] == "/problems/awaiting-approval"
    assert page.http.delete(f"/accounts/{account_id}", headers=admin).status_code == 204
    assert page.send(page.answer()).json()["type"] == "/problems/wrong-passkey"


def test_one_authenticator_has_one_passkey_of_an_account(page: Page, make: Make) -> None:
    _signed_in(page, make)
    again = page.window.run(
        MAKE.replace("return post('/api/passkeys', ", "return JSON.stringify(").replace(
            "(await navigator.credentials.create({ publicKey })).toJSON()",
            "await navigator.credentials.create({ publicKey }).catch((error) => error.name)",
        ),
        "again",
    )
    assert "InvalidStateError" in again


def test_there_are_none_at_an_address(platform: Platform, make: Make) -> None:
    _, _, headers = make()
    for path, sent in (("/api/passkeys/options", headers), ("/api/passkeys/sign-in/options", {})):
        answer = httpx.post(platform.url + path, headers=sent)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/no-passkeys-here")
