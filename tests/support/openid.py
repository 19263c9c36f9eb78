"""What the tests of the authorization code grant share: a client, and a browser."""

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from auth_service.oauth_clients.schemas import NewOAuthClient
from auth_service.request_source import COMMAND_LINE, COMMAND_LINE_SOURCE
from auth_service.state import Services
from lightbox_shared.auth.principal import Authority
from support.auth_service import bearer, make_account
from support.oauth import PASSWORD, TOKEN

AUTHORIZE, SIGN_IN, CONSENT = "/oauth/authorize", "/oauth/sign-in", "/oauth/consent"
CALLBACK = "https://app.example/callback"
ISSUER = "http://127.0.0.1:8000"
APP: dict[str, Any] = {
    "name": "Reading room",
    "client_id": "app",
    "redirect_uris": [CALLBACK],
    "post_logout_redirect_uris": ["https://app.example/bye"],
    "scopes": ["openid", "profile", "email", "read", "account"],
    "first_party": True,
}
OTHERS: dict[str, Any] = APP | {
    "client_id": "others",
    "name": "Somebody's <b>app</b>",
    "first_party": False,
    "scopes": ["openid", "profile", "read"],
}


async def register(services: Services, **fields: Any) -> str | None:
    """Register a client as the command does; its secret."""
    new = NewOAuthClient.model_validate(fields)
    async with services.database.writing() as session:
        made = await services.oauth_clients.create(session, new, COMMAND_LINE_SOURCE, actor=COMMAND_LINE)
    return made.secret


@dataclass
class Asking:
    """One authorization request of a client, with its secrets."""

    client_id: str = "app"
    redirect_uri: str = CALLBACK
    scope: str | None = "openid profile"
    more: dict[str, str] = field(default_factory=dict)
    state: str = field(default_factory=lambda: secrets.token_urlsafe(8))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(8))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def parameters(self) -> dict[str, str]:
        scope = {} if self.scope is None else {"scope": self.scope}
        return {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": create_s256_code_challenge(self.verifier),
            "code_challenge_method": "S256",
            **scope,
            **self.more,
        }

    @property
    def query(self) -> str:
        return urlencode(self.parameters)

    def form(self, code: str, /, **changes: str) -> dict[str, str]:
        """What goes to the token endpoint."""
        return {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }


@dataclass
class Browser:
    """A browser behind the gateway, which makes a bearer token of the session cookie."""

    http: httpx.AsyncClient
    token: str | None = None
    language: str = "en"

    async def get(self, path: str, query: str = "") -> httpx.Response:
        return self._keep(await self.http.get(f"{path}?{query}", headers=self._headers()))

    async def post(self, path: str, query: str = "", **form: str) -> httpx.Response:
        return self._keep(await self.http.post(f"{path}?{query}", data=form, headers=self._headers()))

    async def ask(self, asking: Asking) -> httpx.Response:
        return await self.get(AUTHORIZE, asking.query)

    async def sign_in(self, asking: Asking, username: str = "ada", password: str = PASSWORD) -> httpx.Response:
        """Fill in the form; the answer to the request that follows."""
        answer = await self.post(SIGN_IN, asking.query, username=username, password=password)
        assert answer.status_code == 303, answer.text
        return await self.get(*answer.headers["location"].split("?", 1))

    async def code(self, asking: Asking) -> str:
        """The code for a browser in which nothing has to be asked."""
        answer = await self.ask(asking)
        return told(answer)["code"]

    def _headers(self) -> dict[str, str]:
        return {"Accept-Language": self.language, **({} if self.token is None else bearer(self.token))}

    def _keep(self, answer: httpx.Response) -> httpx.Response:
        if "lightbox_session" in answer.cookies or "set-cookie" in answer.headers:
            self.token = answer.cookies.get("lightbox_session")
            self.http.cookies.clear()
        return answer


def told(answer: httpx.Response, callback: str = CALLBACK) -> dict[str, str]:
    """The parameters with which a browser is sent back to the client, each once."""
    assert answer.status_code == 303, answer.text
    location = answer.headers["location"]
    assert location.startswith(callback + "?"), location
    pairs = parse_qsl(urlsplit(location).query, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs)
    assert dict(pairs)["iss"] == ISSUER
    return dict(pairs)


async def make_doctor(services: Services, username: str = "ada") -> int:
    """An approved account with `PASSWORD`; its id."""
    return await make_account(services, username, PASSWORD, Authority.DOCTOR)


async def exchanged(http: httpx.AsyncClient, asking: Asking, code: str, /, **changes: str) -> dict[str, Any]:
    answer = await http.post(TOKEN, data=asking.form(code, **changes))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def payload(token: str) -> dict[str, Any]:
    """The claims of a token, not verified."""
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


async def new_browser(services: Services, http: httpx.AsyncClient, *, signed_in: bool) -> Browser:
    """A browser, the account ada, and the two clients. With `signed_in` ada is signed in."""
    await make_doctor(services)
    for fields in (APP, OTHERS):
        await register(services, **fields)
    browser = Browser(http)
    if signed_in:
        await browser.sign_in(Asking())
    return browser
