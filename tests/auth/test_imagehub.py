"""ImageHub's login: every documented code, by GET and by POST."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from jose import jwt
from support.asgi import client_of, running
from support.auth_service import MakeSettings, bearer
from support.yelda import PASSWORD, Lab

from auth_service.app import create_app
from lightbox_shared.auth.principal import Authority, Scope

LOGIN = "/login/"
HINT = "username or password did not match"
UNKNOWN = {"code": 0, "hint": HINT}
WRONG = {"code": 1, "hint": HINT}
REQUIRED = "This field is required."


@pytest.fixture
async def lab(make_settings: MakeSettings) -> AsyncIterator[Lab]:
    settings = make_settings(failed_logins_per_account=100, failed_logins_per_address=None)
    async with running(create_app(settings)) as app, client_of(app) as client:
        lab = Lab(app, client)
        await lab.account(Authority.DOCTOR, "zoë")
        yield lab


async def log_in(http: httpx.AsyncClient, kind: str, username: str, password: str) -> httpx.Response:
    fields = {"username": username, "password": password}
    match kind:
        case "query":
            return await http.get(LOGIN, params=fields)
        case "json":
            return await http.post(LOGIN, json=fields)
        case _:
            return await http.post(LOGIN, data=fields)


@pytest.mark.parametrize("kind", ["query", "json", "form"])
async def test_every_code(lab: Lab, kind: str) -> None:
    answer = await log_in(lab.http, kind, "ZOË", PASSWORD)
    assert answer.status_code == 200
    body = answer.json()
    assert body == {"code": 2, "token": body["token"]}
    claims = jwt.get_unverified_claims(body["token"])
    assert (claims["client_id"], claims["exp"] - claims["iat"]) == ("imagehub", 3600)
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    answer = await lab.http.get("/auth", headers=bearer(body["token"]))
    assert (answer.status_code, answer.json()) == (200, {"code": 1, "hint": "valid_jwt_token"})

    for username, password, expected in [
        ("nobody", PASSWORD, UNKNOWN),
        ("", "", UNKNOWN),
        ("x" * 10_000, "x", UNKNOWN),
        ("zoë\0", "x", UNKNOWN),
        ("' OR 1=1 --", "x", UNKNOWN),
        ("🩻", "🔑", UNKNOWN),
        ("zoë", "", WRONG),
        ("zoë", PASSWORD + " ", WRONG),
        ("zoë", "\0", WRONG),
        ("zoë", "x" * 10_000, WRONG),
        ("anonymous", "", WRONG),
    ]:
        answer = await log_in(lab.http, kind, username, password)
        case = (username[:20], password[:20])
        assert (case, answer.status_code, answer.json()) == (case, 200, expected)
        assert answer.headers["cache-control"] == "no-store"


async def test_both_failures_can_have_the_same_code(make_settings: MakeSettings) -> None:
    async with running(create_app(make_settings(hide_accounts=True))) as app, client_of(app) as client:
        for username in ("admin", "nobody"):
            assert (await log_in(client, "query", username, "x")).json() == UNKNOWN


async def test_missing_fields(lab: Lab) -> None:
    def wrong(location: str, **messages: str) -> dict[str, Any]:
        return {
            "detail": [
                {"loc": [location, field], "msg": message, "type": "value_error"} for field, message in messages.items()
            ]
        }

    answer = await lab.http.get("/login?username=x")
    assert (answer.status_code, answer.json()) == (422, wrong("query", password=REQUIRED))
    answer = await lab.http.get("/login")
    assert (answer.status_code, answer.json()) == (422, wrong("query", username=REQUIRED, password=REQUIRED))
    answer = await lab.http.post("/login", json={"password": "x"})
    assert (answer.status_code, answer.json()) == (422, wrong("body", username=REQUIRED))
    answer = await lab.http.post("/login", json={"username": 7, "password": None})
    expected = wrong("body", username="Not a valid string.", password="This field may not be null.")
    assert (answer.status_code, answer.json()) == (422, expected)
    for content in (b"[]", b"7", b"{", b"[" * 30_000):
        answer = await lab.http.post("/login", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json().keys()) == (400, {"detail"})
    answer = await lab.http.put("/login", json={})
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method not allowed."})


async def test_tokens(lab: Lab) -> None:
    for headers, detail in [
        ({}, "Authentication credentials were not provided."),
        (bearer("nonsense"), "Invalid token."),
        ({"Authorization": "Basic eDp5"}, "Authentication credentials were not provided."),
    ]:
        answer = await lab.http.get("/auth/", headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"detail": detail})
        assert answer.headers["www-authenticate"].startswith("Bearer")
    token = (await log_in(lab.http, "json", "zoë", PASSWORD)).json()["token"]
    assert (await lab.http.delete("/authorization", headers=bearer(token))).status_code == 204
    assert (await lab.http.get("/auth", headers=bearer(token))).status_code == 401


async def test_a_scoped_token_is_good_as_well(lab: Lab) -> None:
    fields = {"grant_type": "password", "client_id": "lightbox", "username": "zoë", "password": PASSWORD}
    answer = await lab.http.post("/oauth/token", data={**fields, "scope": Scope.HUB.value})
    assert (await lab.http.get("/auth", headers=bearer(answer.json()["access_token"]))).status_code == 200


async def test_the_password_reaches_no_log(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "Swordfish-7-hunter"
    for kind in ("query", "json", "form"):
        await log_in(lab.http, kind, "zoë", secret)
    await lab.http.get(f"/login/?password={secret}")
    await lab.http.get(f"/login/nothing?password={secret}")
    await lab.http.post(f"/login/?password={secret}", json={"password": [secret]})
    said_aloud = "".join(capsys.readouterr())
    assert '"/login' in said_aloud
    assert "Swordfish" not in said_aloud
