"""The demo of signing in: one account at TheYelda, ImageHub and OAuth 2, and an API key with one scope."""

from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from lightbox.demo.answers import SAMPLES, DemoError, Person, ok, refused


def walk(http: httpx.Client, console: Console, person: Person) -> None:
    """Sign in to every system, then create an API key with one scope, use it, and revoke it. Raises `DemoError`."""
    fields = {"username": person.username, "password": person.password}
    waiting = refused(http.post("/authorization", json=fields), 401)
    gallery = ok(http.post("/login/", json=fields))
    tokens = ok(http.post("/oauth/token", data={"grant_type": "password", "client_id": "lightbox", **fields}))
    refresh = {"grant_type": "refresh_token", "client_id": "lightbox", "refresh_token": tokens["refresh_token"]}
    renewed = ok(http.post("/oauth/token", data=refresh))

    logins = Table("door", "answer", title=f"{person.username} signs in")
    logins.add_row("TheYelda", f"{waiting['message']} (an administrator has not approved this account yet)")
    logins.add_row("ImageHub", f"code {gallery['code']}, and a token for an hour")
    logins.add_row("OAuth 2", f"a token for {tokens['expires_in'] // 60} minutes, and one to renew it with")
    logins.add_row("OAuth 2, renewed", f"another token for {renewed['expires_in'] // 60} minutes")
    console.print(logins)

    whole = {"Authorization": f"Bearer {renewed['access_token']}"}
    asked = {"name": "the demo's camera", "scopes": ["predict"], "expires_in_days": 1}
    key = ok(http.post("/api/keys", json=asked, headers=whole))
    with_key = {"X-API-Key": key["key"]}
    prediction = _predict(http, with_key)
    other = refused(http.get("/api/keys", headers=with_key), 403)
    console.print(
        f"API key {key['hint']}… with the scope predict: prediction {prediction['id']}; keys: {other['detail']}"
    )
    if http.delete(f"/api/keys/{key['id']}", headers=whole).status_code != httpx.codes.NO_CONTENT:
        raise DemoError("The API key could not be revoked.")
    console.print("... and revoked: within seconds no gateway takes it any more")


def _predict(http: httpx.Client, headers: dict[str, str]) -> dict[str, Any]:
    path = SAMPLES / "edema.tiff"
    with path.open("rb") as file:
        return ok(
            http.post(
                "/api/predictions", data={"model": "chest-findings"}, files={"file": (path.name, file)}, headers=headers
            )
        )
