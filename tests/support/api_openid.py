"""What makes the examples of the OAuth endpoints possible."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from support.api_world import World
from support.yelda_client import Headers

VERIFIER: Final = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""Of RFC 7636, appendix B; the document has its SHA-256."""
CALLBACK: Final = "https://reading.example.org/callback"
ASKED: Final = {
    "response_type": "code",
    "client_id": "reading-room",
    "redirect_uri": CALLBACK,
    "scope": "openid profile",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}
NEED_AN_AUTHENTICATOR: Final = frozenset(
    {
        "create_passkey",
        "create_passkey_options",
        "delete_passkey",
        "sign_in_options",
        "sign_in_with_passkey",
        "update_passkey",
    }
)
"""Operations whose requests a document can't show, since an authenticator makes what they send; and they need the name
of a host. tests/contracts/test_sign_in_page.py makes them."""


def client(world: World, **fields: Any) -> dict[str, Any]:
    """The client of the examples is registered; returns it."""
    listed = world.ok("GET", "/api/oauth/clients", headers=world.admin)["clients"]
    for each in listed:
        world.ok("DELETE", f"/api/oauth/clients/{each['id']}", headers=world.admin)
    new = {"name": "Reading room", "client_id": "reading-room", "redirect_uris": [CALLBACK], **fields}
    return world.ok("POST", "/api/oauth/clients", json=new, headers=world.admin)


def in_browser(world: World) -> tuple[int, Headers]:
    """Ada is signed in; her id, and the headers of her browser."""
    account_id = world.with_account("ada", "correct-horse")
    body = {"username": "ada", "password": "correct-horse"}
    token = world.ok("POST", "/authorization", json=body)["access_token"]
    return account_id, {"Cookie": f"lightbox_session={token}", "Sec-Fetch-Site": "same-origin"}


def code(world: World) -> str:
    """A code for the client of the examples, with `VERIFIER`."""
    client(world, first_party=True)
    _, headers = in_browser(world)
    answer = world.http.get("/oauth/authorize", params=ASKED, headers=headers)
    return httpx.URL(answer.headers["location"]).params["code"]


def openid_token(world: World) -> Headers:
    """The header with a token for userinfo."""
    form = {"grant_type": "authorization_code", "client_id": "reading-room", "redirect_uri": CALLBACK}
    tokens = world.ok("POST", "/oauth/token", data={**form, "code": code(world), "code_verifier": VERIFIER})
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def with_client(world: World) -> dict[str, Any]:
    return {"row_id": client(world, confidential=True)["id"]}


def without_client(world: World) -> dict[str, Any]:
    made = client(world)
    world.ok("DELETE", f"/api/oauth/clients/{made['id']}", headers=world.admin)
    return {}


def asked(world: World) -> dict[str, Any]:
    client(world)
    return {}


def with_ada(world: World) -> dict[str, Any]:
    client(world)
    in_browser(world)
    return {"headers": {}}


def consenting(world: World) -> dict[str, Any]:
    client(world)
    account_id, headers = in_browser(world)
    return {"body": {"account": str(account_id)}, "headers": headers}


def consented(world: World) -> dict[str, Any]:
    client(world)
    account_id, headers = in_browser(world)
    form = {"account": str(account_id), "decision": "allow"}
    answer = world.http.post("/oauth/consent", params=ASKED, data=form, headers=headers)
    assert "code=" in answer.headers["location"]
    [consent] = world.ok("GET", "/api/oauth/consents", headers=headers)["consents"]
    return {"consent_id": consent["id"], "headers": headers}


def userinfo(world: World) -> dict[str, Any]:
    return {"headers": openid_token(world)}


PREPARED: Final[Mapping[str, Callable[[World], dict[str, Any]]]] = {
    "authorize": asked,
    "authorize_by_form": asked,
    "consent_on_page": consenting,
    "create_oauth_client": without_client,
    "delete_oauth_client": with_client,
    "renew_oauth_client_secret": with_client,
    "retrieve_oauth_client": with_client,
    "retrieve_page_file": lambda _world: {"name": "page.css"},
    "retrieve_userinfo": userinfo,
    "retrieve_userinfo_by_post": userinfo,
    "revoke_consent": consented,
    "sign_in_on_page": with_ada,
    "update_oauth_client": with_client,
}
