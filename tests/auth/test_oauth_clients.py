"""OAuth clients: registering them over HTTP and by command, and what may be registered."""

import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from support.asgi import WithState, client_of, running
from support.auth_service import ADMIN_PASSWORD, MakeSettings, bearer, services_of
from support.commands import Terminal
from support.oauth import TOKEN, audited
from support.openid import APP, CALLBACK, OTHERS, Asking, Browser, exchanged, make_doctor, register, told

from auth_service.app import create_app
from auth_service.commands.oauth_clients import app
from auth_service.oauth_clients.redirect_uris import is_registered, redirect_uri_problem
from lightbox_shared.database import Database

CLIENTS = "/api/oauth/clients"


async def admin_headers(client: httpx.AsyncClient) -> dict[str, str]:
    answer = await client.post("/authorization", json={"username": "admin", "password": ADMIN_PASSWORD})
    client.cookies.clear()
    return bearer(answer.json()["access_token"])


@pytest.fixture
async def admin(client: httpx.AsyncClient) -> dict[str, str]:
    return await admin_headers(client)


async def test_a_client_from_its_registration_to_its_end(
    client: httpx.AsyncClient, admin: dict[str, str], database: Database
) -> None:
    made = await client.post(CLIENTS, json=APP | {"confidential": True}, headers=admin)
    body = made.json()
    assert made.status_code == 201
    assert made.headers["location"] == f"{CLIENTS}/{body['id']}"
    assert made.headers["cache-control"] == "no-store"
    secret = body.pop("client_secret")
    assert {name: body[name] for name in APP} == APP
    assert (body["confidential"], body["allowed_origins"]) == (True, [])
    one = await client.get(made.headers["location"], headers=admin)
    assert one.json() == body
    async with database.reading() as session:
        stored = (await session.execute(text("SELECT * FROM oauth_clients"))).one()
    assert secret not in str(stored)
    changed = await client.patch(
        f"{CLIENTS}/{body['id']}", json={"allowed_origins": ["https://app.example"]}, headers=admin
    )
    assert changed.json()["allowed_origins"] == ["https://app.example"]
    assert changed.json()["redirect_uris"] == APP["redirect_uris"]
    renewed = await client.post(f"{CLIENTS}/{body['id']}/secret", headers=admin)
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    old = await client.post(TOKEN, data=form, auth=("app", secret))
    new = await client.post(TOKEN, data=form, auth=("app", renewed.json()["client_secret"]))
    assert (old.json()["error"], new.json()["error"]) == ("invalid_client", "invalid_grant")
    assert (await client.delete(f"{CLIENTS}/{body['id']}", headers=admin)).status_code == 204
    assert (await client.get(f"{CLIENTS}/{body['id']}", headers=admin)).status_code == 404
    told_of = await audited(database, "oauth-client-created", "oauth-client-changed", "oauth-client-deleted")
    assert [(entry[0], entry[3]) for entry in told_of] == [
        ("oauth-client-created", {"client": "app"}),
        ("oauth-client-changed", {"client": "app", "fields": ["allowed_origins"]}),
        ("oauth-client-changed", {"client": "app", "fields": ["secret"]}),
        ("oauth-client-deleted", {"client": "app", "sessions": 0}),
    ]


async def test_pages(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    for number in range(5):
        await client.post(CLIENTS, json=APP | {"client_id": f"app-{number}"}, headers=admin)
    found, cursor = [], None
    while True:
        params = {"limit": "2"} | ({} if cursor is None else {"cursor": cursor})
        page = (await client.get(CLIENTS, params=params, headers=admin)).json()
        found += [each["client_id"] for each in page["clients"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [f"app-{number}" for number in reversed(range(5))]


async def test_who_may_register(client: httpx.AsyncClient, service: WithState) -> None:
    await make_doctor(services_of(service))
    doctor = await client.post(TOKEN, data={"grant_type": "password", "username": "ada", "password": "correct horse"})
    headers = bearer(doctor.json()["access_token"])
    for method, path in (("GET", CLIENTS), ("POST", CLIENTS), ("DELETE", f"{CLIENTS}/1"), ("PATCH", f"{CLIENTS}/1")):
        assert (await client.request(method, path, json=APP, headers=headers)).status_code == 403
        assert (await client.request(method, path, json=APP)).status_code == 401


@pytest.mark.parametrize(
    "client_id", ["lightbox", "gateway", "inference-service", "api-key", "yelda", "sign-in-page", "taken"]
)
async def test_ids_that_are_taken(client: httpx.AsyncClient, admin: dict[str, str], client_id: str) -> None:
    await client.post(CLIENTS, json=APP | {"client_id": "taken"}, headers=admin)
    answer = await client.post(CLIENTS, json=APP | {"client_id": client_id}, headers=admin)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/client-id-taken")


WRONG: list[dict[str, Any]] = [
    {"redirect_uris": []},
    {"redirect_uris": ["/callback"]},
    {"redirect_uris": ["javascript:alert(1)"]},
    {"redirect_uris": ["data:text/html,x"]},
    {"redirect_uris": ["app:/callback"]},
    {"redirect_uris": ["https://app.example/#x"]},
    {"redirect_uris": ["https://*.example/"]},
    {"redirect_uris": ["https://app.example@evil.example/"]},
    {"redirect_uris": ["https:///callback"]},
    {"redirect_uris": ["https://app.example:x/"]},
    {"redirect_uris": ["https://app.example/a b"]},
    {"redirect_uris": ["https://app.example/\r\nX: 1"]},
    {"redirect_uris": ["https://app.example/" + "x" * 2000]},
    {"post_logout_redirect_uris": ["javascript:alert(1)"]},
    {"allowed_origins": ["*"]},
    {"allowed_origins": ["null"]},
    {"allowed_origins": ["https://app.example/"]},
    {"allowed_origins": ["https://App.example"]},
    {"scopes": []},
    {"scopes": ["admin"]},
    {"scopes": ["account"], "first_party": False},
    {"name": ""},
    {"name": "a\u202eb"},
    {"client_id": "a b"},
    {"client_id": "ü"},
    {"client_id": "app\n"},
    {"grant_types": ["password"]},
]


@pytest.mark.parametrize("changes", WRONG)
async def test_what_can_not_be_registered(
    client: httpx.AsyncClient, admin: dict[str, str], changes: dict[str, Any]
) -> None:
    answer = await client.post(CLIENTS, json=APP | changes, headers=admin)
    assert answer.status_code == 422, answer.text
    made = (await client.post(CLIENTS, json=APP, headers=admin)).json()
    if not {"client_id"} & changes.keys():
        assert (await client.patch(f"{CLIENTS}/{made['id']}", json=changes, headers=admin)).status_code == 422


async def test_in_production_other_machines_are_reached_by_tls(make_settings: MakeSettings) -> None:
    for environment, status in (("development", 201), ("production", 422)):
        settings = make_settings(environment=environment)
        async with running(create_app(settings)) as running_app, client_of(running_app) as http:
            headers = await admin_headers(http)
            for number, uri in enumerate(("http://lab.local/callback", "http://127.0.0.1/callback")):
                fields = APP | {"client_id": f"{environment}-{number}", "redirect_uris": [uri]}
                answer = await http.post(CLIENTS, json=fields, headers=headers)
                assert answer.status_code == (201 if "127" in uri else status), answer.text


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=30))
def test_no_text_with_another_character_is_a_redirect_uri(text: str) -> None:
    uri = f"https://app.example/{text}"
    problem = redirect_uri_problem(uri, plain_http=True)
    if re.search(r"[^!-~]|[#*\"<>\\^`{|}]", text):
        assert problem is not None
    assert not is_registered(uri, [CALLBACK]) or uri == CALLBACK


async def test_a_client_that_may_do_less_or_is_gone_has_no_sessions_any_more(
    client: httpx.AsyncClient, admin: dict[str, str], service: WithState
) -> None:
    await make_doctor(services_of(service))
    made = (await client.post(CLIENTS, json=APP, headers=admin)).json()
    browser, path = Browser(client), f"{CLIENTS}/{made['id']}"

    async def signed_in() -> dict[str, str]:
        asking = Asking(scope="openid account")
        code = told(await (browser.ask(asking) if browser.token else browser.sign_in(asking)))["code"]
        return bearer((await exchanged(client, asking, code))["access_token"])

    headers = await signed_in()
    await client.patch(path, json={"name": "Another name", "scopes": [*APP["scopes"], "hub"]}, headers=admin)
    assert (await client.get("/self", headers=headers)).status_code == 200
    await client.patch(path, json={"scopes": ["openid", "account"]}, headers=admin)
    assert (await client.get("/self", headers=headers)).status_code == 401
    headers = await signed_in()
    await client.delete(path, headers=admin)
    assert (await client.get("/self", headers=headers)).status_code == 401
    assert (await browser.ask(Asking())).status_code == 400


async def test_commands(terminal: Terminal, service: WithState, client: httpx.AsyncClient) -> None:
    arguments = ("create", "The reading room", "--redirect-uri", CALLBACK, "--scope", "openid", "--scope", "read")
    client_id, *rest = (await terminal.ok(app, *arguments, "--origin", "https://app.example")).splitlines()
    assert rest == []
    shown, secret = (await terminal.ok(app, *arguments, "--client-id", "server", "--confidential")).splitlines()
    assert (shown, len(secret)) == ("server", 43)
    header, first, second = (await terminal.ok(app, "list")).splitlines()
    assert header.split()[:2] == ["id", "client_id"]
    assert re.search(r"server +The reading room +confidential, third party +openid read +https://app", first)
    assert client_id in second
    gateway = bearer(services_of(service).issuer.for_service("gateway"))
    origins = await client.get("/internal/oauth/origins", headers=gateway)
    assert origins.json() == {"origins": ["https://app.example"]}
    await terminal.ok(app, "delete", first.split()[0])
    assert await terminal.refused(app, "delete", first.split()[0]) == "There is no such client."
    wrong = await terminal.refused(app, "create", "x", "--redirect-uri", "javascript:alert(1)")
    assert wrong.startswith("redirect_uris: The scheme is https")
    assert (await terminal.refused(app, *arguments, "--client-id", client_id)).startswith("This client_id is taken")
    assert "account" in await terminal.refused(app, *arguments, "--scope", "account")


async def test_consents_and_codes_go_with_their_client(service: WithState, client: httpx.AsyncClient) -> None:
    await make_doctor(services_of(service))
    await register(services_of(service), **OTHERS)
    headers = await admin_headers(client)
    [only] = (await client.get(CLIENTS, headers=headers)).json()["clients"]
    browser, asking = Browser(client), Asking("others")
    await browser.sign_in(asking)
    agreed = await browser.post("/oauth/consent", asking.query, account="3", decision="allow")
    assert "code" in told(agreed)
    assert (await client.delete(f"{CLIENTS}/{only['id']}", headers=headers)).status_code == 204
    async with services_of(service).database.reading() as session:
        for table in ("authorization_codes", "oauth_consents"):
            assert await session.scalar(text(f"SELECT count(*) FROM {table}")) == 0  # noqa: S608
