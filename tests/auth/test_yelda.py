"""TheYelda's authorization: its answers, its errors and its cookie."""

import base64
import json
from collections.abc import AsyncIterator
from http.cookies import Morsel, SimpleCookie
from typing import Any

import httpx
import pytest
from jose import jwt
from support.asgi import client_of, running
from support.auth_service import ADMIN_PASSWORD, MakeSettings, bearer
from support.oauth import audited
from support.yelda import ADMIN_ID, AUTHORIZATION, PASSWORD, Lab, said

from auth_service.app import create_app
from lightbox_shared.auth.principal import Authority, Scope

UNKNOWN = (401, "用户不存在")
WRONG = (401, "密码错误")
WAITING = (401, "用户审核未通过")
NOT_SIGNED_IN = (401, "用户未登录")
REQUIRED = "This field is required."
NOT_A_STRING = "Not a valid string."
NO_BASIC = "Authorization: Not the credentials of RFC 7617: a name, a colon and a password in UTF-8, in base64."


@pytest.fixture
async def lab(make_settings: MakeSettings) -> AsyncIterator[Lab]:
    settings = make_settings(failed_logins_per_account=100, failed_logins_per_address=None)
    async with running(create_app(settings)) as app, client_of(app) as client:
        yield Lab(app, client)


def cookie_of(answer: httpx.Response, name: str = "lightbox_session") -> Morsel[str]:
    [header] = answer.headers.get_list("set-cookie")
    return SimpleCookie(header)[name]


def basic(text: str | bytes) -> dict[str, str]:
    data = text.encode() if isinstance(text, str) else text
    return {"Authorization": f"Basic {base64.b64encode(data).decode()}"}


@pytest.mark.parametrize("slash", ["", "/"])
async def test_signing_in(lab: Lab, slash: str) -> None:
    doctor = await lab.account(Authority.DOCTOR, "Zoë")
    answer = await lab.http.post(AUTHORIZATION + slash, json={"username": "zoë", "password": PASSWORD})
    assert answer.status_code == 201
    body = answer.json()
    token = body.pop("access_token")
    assert body == {
        "message": "登录成功",
        "account_id": doctor,
        "authority": 102,
        "expires_in": 12 * 3600,
        "_links": {"self": {"href": "/authorization"}, "account": {"href": f"/accounts/{doctor}"}},
    }
    assert (type(body["account_id"]), type(body["authority"])) == (int, int)
    assert answer.headers["cache-control"] == "no-store"
    claims = jwt.get_unverified_claims(token)
    assert (claims["client_id"], claims["authority"], claims["exp"] - claims["iat"]) == ("yelda", 102, 12 * 3600)
    assert cookie_of(answer).value == token
    assert await lab.is_signed_in(bearer(token))
    assert (await audited(lab.database, "signed-in"))[0][1] == doctor


@pytest.mark.parametrize("kind", ["json", "basic", "basic in lower case", "basic and json", "form"])
async def test_ways_to_send_credentials(lab: Lab, kind: str) -> None:
    await lab.account(Authority.GUEST, "zoë")
    right = {"username": "zoë", "password": PASSWORD}
    wrong = {"username": "nobody", "password": "x"}
    options: dict[str, Any] = {
        "json": {"json": right},
        "form": {"data": right},
        "basic": {"headers": basic(f"zoë:{PASSWORD}")},
        "basic in lower case": {
            "headers": {"Authorization": basic(f"zoë:{PASSWORD}")["Authorization"].replace("B", "b", 1)}
        },
        "basic and json": {"headers": basic(f"zoë:{PASSWORD}"), "json": wrong},
    }[kind]
    answer = await lab.http.post(AUTHORIZATION, **options)
    assert (answer.status_code, answer.json()["authority"]) == (201, 103)


async def test_a_password_may_have_colons(lab: Lab) -> None:
    answer = await lab.http.post("/accounts", json={"username": "ada", "password": "a:b::c"})
    assert answer.status_code == 201
    admin = await lab.admin()
    await lab.http.put(answer.headers["location"], json={"authority": "guest"}, headers=admin.headers)
    assert (await lab.http.post(AUTHORIZATION, headers=basic("ada:a:b::c"))).status_code == 201


async def test_refused_sign_ins(lab: Lab) -> None:
    await lab.account(Authority.DOCTOR, "known")
    await lab.account(Authority.NONE, "new")
    for username, password, wanted in [
        ("nobody", "x", UNKNOWN),
        ("known", "x", WRONG),
        ("known", PASSWORD.upper(), WRONG),
        ("new", "x", WRONG),
        ("new", PASSWORD, WAITING),
        ("anonymous", "", WRONG),
        ("anonymous", "x", WRONG),
    ]:
        answer = await lab.authorize(username, password)
        assert ((username, password), said(answer)) == ((username, password), wanted)
        assert "set-cookie" not in answer.headers
        answer = await lab.http.post(AUTHORIZATION, headers=basic(f"{username}:{password}"))
        assert ((username, password), said(answer)) == ((username, password), wanted)


async def test_waiting_for_approval_is_not_a_failure_and_is_recorded(make_settings: MakeSettings) -> None:
    """A client may sign in repeatedly to find out whether the account was approved."""
    async with running(create_app(make_settings(failed_logins_per_account=2))) as app, client_of(app) as client:
        lab = Lab(app, client)
        account = await lab.account(Authority.NONE, "new")
        for _ in range(6):
            assert said(await lab.authorize("new", PASSWORD)) == WAITING
        assert await audited(lab.database, "signed-in") == []
        failures = await audited(lab.database, "sign-in-failed")
        assert [each[1] for each in failures] == [account] * 6
        assert failures[0][3] == {"reason": "awaiting-approval"}


TEXTS = [
    "",
    " ",
    "   ",
    " admin2",
    "a" * 601,
    "a" * 10_000,
    "e\u0301" * 5_000,
    "\0",
    "admin\0",
    "\ud800",
    "ad\udfffmin",
    "🩻",
    "\u0430dmin",
    "a b",
    "' OR 1=1 --",
    "admin'; DROP TABLE accounts; --",
    "admin\n",
    "${jndi:ldap://x}",
    "\u202eadmin",
    "\ufdfa" * 300,
    "null",
    "0",
]


async def test_any_text_may_be_a_wrong_name_or_password(lab: Lab) -> None:
    await lab.account(Authority.DOCTOR, "known")
    for number, text in enumerate(TEXTS):
        case = (number, text[:20])
        if text != "admin\n":  # blanks around a name are ignored
            answer = await lab.authorize(text, "x")
            assert (case, *said(answer)) == (case, *UNKNOWN)
        answer = await lab.authorize("known", text)
        assert (case, *said(answer)) == (case, *WRONG)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, f"username: {REQUIRED}; password: {REQUIRED}"),
        ({"username": "x"}, f"password: {REQUIRED}"),
        ({"username": 7, "password": ["x"]}, f"username: {NOT_A_STRING}; password: {NOT_A_STRING}"),
        ({"username": None, "password": {}}, f"username: This field may not be null.; password: {NOT_A_STRING}"),
        ({"username": True, "password": 1.5}, f"username: {NOT_A_STRING}; password: {NOT_A_STRING}"),
        ([], "The body must be a JSON object."),
        (["username", "password"], "The body must be a JSON object."),
        (7, "The body must be a JSON object."),
        ("username", "The body must be a JSON object."),
    ],
)
async def test_invalid_requests(lab: Lab, body: object, detail: str) -> None:
    answer = await lab.http.post(AUTHORIZATION, json=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (400, {"message": "请求非法", "detail": detail})


async def test_bodies_that_are_not_json(lab: Lab) -> None:
    deep = b"[" * 20_000
    for content, status in [
        (b"{", 400),
        (b"null", 400),
        (deep, 400),
        (b'{"username":' * 3_000 + b"1" + b"}" * 3_000, 400),
        (b'{"username": "\xff", "password": "x"}', 400),
        (b'{"username": NaN, "password": "x"}', 400),
        (json.dumps({"username": "x" * 100_000, "password": "x"}).encode(), 413),
    ]:
        answer = await lab.http.post(AUTHORIZATION, content=content, headers={"Content-Type": "application/json"})
        assert (content[:12], answer.status_code) == (content[:12], status)
        assert answer.json()["message"] == "请求非法" if status == 400 else "bytes" in answer.json()["message"]
    answer = await lab.http.post(AUTHORIZATION, content=b"<x/>", headers={"Content-Type": "application/xml"})
    assert answer.status_code == 415


async def test_broken_basic_credentials(lab: Lab) -> None:
    for header in (
        basic("without a colon"),
        basic(b"\xff\xfe:x"),
        basic(""),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic YTpi YTpi"},
    ):
        answer = await lab.http.post(AUTHORIZATION, headers=header, json={"username": "admin", "password": "x"})
        assert (header, answer.status_code, answer.json()) == (header, 400, {"message": "请求非法", "detail": NO_BASIC})
    assert said(await lab.http.post(AUTHORIZATION, headers=basic(":"))) == UNKNOWN
    answer = await lab.authorize("nobody", "x", headers={"Authorization": "Bearer nonsense"})
    assert said(answer) == UNKNOWN


async def test_accounts_can_be_hidden(make_settings: MakeSettings) -> None:
    async with running(create_app(make_settings(hide_accounts=True))) as app, client_of(app) as client:
        lab = Lab(app, client)
        await lab.account(Authority.NONE, "new")
        assert said(await lab.authorize("nobody", "x")) == WRONG
        assert said(await lab.authorize("admin", "x")) == WRONG
        assert said(await lab.authorize("new", PASSWORD)) == WAITING


HOSTS = ("localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "lab.local", "lab.example:8443", "192.0.2.7")


async def _cookie(client: httpx.AsyncClient, base: str, **forwarded: str) -> Morsel[str]:
    """The cookie of a sign-in at an address; `forwarded` are headers of the gateway."""
    headers = {f"X-Forwarded-{name.title()}": value for name, value in forwarded.items()}
    fields = {"username": "admin", "password": ADMIN_PASSWORD}
    return cookie_of(await client.post(base + AUTHORIZATION, json=fields, headers=headers))


async def test_the_cookie(lab: Lab) -> None:
    cookie = await _cookie(lab.http, "http://lab.local")
    assert cookie["httponly"] is True
    assert cookie["samesite"].lower() == "lax"
    assert (cookie["path"], cookie["domain"], cookie["max-age"]) == ("/", "", str(12 * 3600))


@pytest.mark.parametrize("host", HOSTS)
async def test_the_cookie_is_for_https_alone_where_browsers_speak_it(lab: Lab, host: str) -> None:
    """In development; a browser drops a secure cookie that comes over plain HTTP."""
    assert (await _cookie(lab.http, f"http://{host}"))["secure"] == ""
    assert (await _cookie(lab.http, f"https://{host}"))["secure"] is True
    assert (await _cookie(lab.http, "http://internal:8001", host=host, proto="http"))["secure"] == ""
    assert (await _cookie(lab.http, "http://internal:8001", host=host, proto="https"))["secure"] is True


@pytest.mark.parametrize("host", ["localhost:8000", "lab.example"])
@pytest.mark.parametrize(
    ("environment", "public_url", "over_http"),
    [
        ("development", None, False),
        ("development", "http://lab.example", False),
        ("development", "https://lab.example/", True),
        ("production", None, True),  # a proxy that is not trusted has taken the TLS off
        ("production", "http://lab.example", False),
        ("production", "https://lab.example", True),
    ],
)
async def test_what_the_settings_say_of_the_cookie(
    make_settings: MakeSettings, host: str, environment: str, public_url: str | None, over_http: bool
) -> None:
    settings = make_settings(environment=environment, public_url=public_url)
    async with running(create_app(settings)) as app, client_of(app) as client:
        assert ((await _cookie(client, f"http://{host}"))["secure"] is True) is over_http
        assert (await _cookie(client, f"https://{host}"))["secure"] is True


async def test_settings_of_the_cookie(make_settings: MakeSettings) -> None:
    settings = make_settings(session_cookie="other", public_url="https://lab.example/")
    async with running(create_app(settings)) as app, client_of(app) as client:
        answer = await client.post(
            "http://localhost" + AUTHORIZATION, json={"username": "admin", "password": ADMIN_PASSWORD}
        )
    assert cookie_of(answer, "other")["secure"] is True


async def test_signing_out(lab: Lab) -> None:
    tokens = [
        (await lab.authorize("admin", ADMIN_PASSWORD)).json()["access_token"],
        (await lab.authorize("admin", ADMIN_PASSWORD)).json()["access_token"],
    ]
    answer = await lab.http.delete(AUTHORIZATION + "/", headers=bearer(tokens[0]))
    assert (answer.status_code, answer.content) == (204, b"")
    cookie = cookie_of(answer)
    assert (cookie.value, cookie["max-age"], cookie["path"]) == ("", "0", "/")
    assert not await lab.is_signed_in(bearer(tokens[0]))
    assert await lab.is_signed_in(bearer(tokens[1]))
    [entry] = await audited(lab.database, "session-ended")
    assert entry[1] == ADMIN_ID
    for headers in ({}, bearer(tokens[0]), bearer("nonsense")):
        answer = await lab.http.delete(AUTHORIZATION, headers=headers)
        assert said(answer) == NOT_SIGNED_IN
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH"])
async def test_other_methods(lab: Lab, method: str) -> None:
    answer = await lab.http.request(method, AUTHORIZATION)
    assert said(answer) == (405, "Method not allowed.")
    assert answer.headers["allow"]


async def test_a_scoped_token_reads_self_only(lab: Lab) -> None:
    doctor = await lab.account(Authority.DOCTOR, "ada")
    for scope in Scope:
        fields = {"grant_type": "password", "client_id": "lightbox", "username": "ada", "password": PASSWORD}
        answer = await lab.http.post("/oauth/token", data={**fields, "scope": scope.value})
        headers = bearer(answer.json()["access_token"])
        assert await lab.is_signed_in(headers)
        for method, path in [
            ("GET", f"/accounts/{doctor}"),
            ("PUT", f"/accounts/{doctor}"),
            ("DELETE", f"/accounts/{doctor}"),
            ("GET", "/accounts?username=ada"),
            ("POST", "/accounts"),
            ("DELETE", AUTHORIZATION),
        ]:
            answer = await lab.http.request(method, path, headers=headers)
            assert (method, path, *said(answer)) == (method, path, 403, "用户没有权限")
        assert await lab.is_signed_in(headers)


@pytest.mark.real_hashes
async def test_the_password_reaches_no_log(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "Swordfish-7-hunter"
    for options in ({"json": {"username": "admin", "password": secret}}, {"headers": basic(f"admin:{secret}")}):
        await lab.http.post(AUTHORIZATION, **options)  # type: ignore[arg-type]  # `json=` or `headers=`
        await lab.http.post(AUTHORIZATION, json={"username": "admin", "password": [secret]})
    said_aloud = "".join(capsys.readouterr())
    assert AUTHORIZATION in said_aloud
    for text in (secret, base64.b64encode(f"admin:{secret}".encode()).decode()):
        assert text not in said_aloud
