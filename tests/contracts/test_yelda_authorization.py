"""TheYelda's authorization as its clients know it, black box through the gateway: every documented message."""

import base64
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from support.running import running_platform
from support.yelda_client import (
    ADMIN_ID,
    NOT_APPROVED,
    NOT_SIGNED_IN,
    PASSWORD,
    UNKNOWN,
    WRONG,
    Headers,
    Make,
    authorize,
    basic,
    bearer,
    cookie_of,
    refused,
    said,
    until,
    was_deleted,
)

from lightbox.run.platform import Platform


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("way", ["json", "basic"])
def test_signing_in(yelda: httpx.Client, prefix: str, make: Make, way: str, slash: str) -> None:
    account_id, name, _ = make(102)
    given: dict[str, Any] = {"json": {"username": name, "password": "yeldapass"}}
    if way == "basic":
        given = {"headers": basic(f"{name}:yeldapass"), "json": {"username": "unknown", "password": "x"}}
    answer = yelda.post("/authorization" + slash, **given)
    assert answer.status_code == 201
    body = answer.json()
    token = body.pop("access_token")
    assert body == {
        "message": "登录成功",
        "account_id": account_id,
        "authority": 102,
        "expires_in": 43200,
        "_links": {
            "self": {"href": f"{prefix}/authorization"},
            "account": {"href": f"{prefix}/accounts/{account_id}"},
        },
    }
    assert (type(body["account_id"]), type(body["authority"]), type(body["expires_in"])) == (int, int, int)
    assert answer.headers["cache-control"] == "no-store"
    cookie = cookie_of(answer)
    assert (cookie.value, cookie["path"], cookie["max-age"], cookie["domain"]) == (token, "/", "43200", "")
    assert (cookie["httponly"], cookie["samesite"].lower(), cookie["secure"]) == (True, "lax", "")


def test_the_cookie_comes_over_plain_http_on_any_host(yelda: httpx.Client, admin_password: str) -> None:
    """A browser would drop a secure one."""
    body = {"username": "admin", "password": admin_password}
    for host in ("lab.example", "lab.local:8000", "192.0.2.7", "localhost:8000", "[::1]:8000"):
        answer = yelda.post("/authorization", json=body, headers={"Host": host})
        yelda.cookies.clear()
        assert (host, cookie_of(answer)["secure"]) == (host, "")


def test_the_messages_of_a_refused_sign_in(yelda: httpx.Client, make: Make) -> None:
    _, name, _ = make(102)
    _, waiting, _ = make(100)
    for username, password, expected in [
        ("no-such-account", "x", UNKNOWN),
        (name, "x", WRONG),
        (name, "YELDAPASS", WRONG),
        (waiting, "x", WRONG),
        (waiting, "yeldapass", NOT_APPROVED),
        ("anonymous", "", WRONG),
    ]:
        for answer in (
            authorize(yelda, username, password),
            yelda.post("/authorization", headers=basic(f"{username}:{password}")),
        ):
            assert (username, *said(answer)) == (username, *expected)
            assert "set-cookie" not in answer.headers


def test_names_and_passwords_of_every_kind(yelda: httpx.Client, make: Make) -> None:
    _, name, _ = make(102)
    for text in (
        "",
        " ",
        "x" * 10_000,
        "\0",
        f"{name}\0",
        "🩻",
        "\u0430dmin",
        "' OR '1'='1",
        "x'; DROP TABLE accounts; --",
        "\ud800",
        "e\u0301" * 4_000,
        "%s%n",
    ):
        assert (text[:20], *said(authorize(yelda, text))) == (text[:20], *UNKNOWN)
        assert (text[:20], *said(authorize(yelda, name, text))) == (text[:20], *WRONG)
    for same in (name.upper(), f"  {name}", f"{name}\t", name.replace("yelda", "\uff59\uff45\uff4c\uff44\uff41")):
        assert authorize(yelda, same).status_code == 201


def test_requests_that_are_none(yelda: httpx.Client) -> None:
    required = "This field is required."
    assert refused(yelda.post("/authorization", json={})) == f"username: {required}; password: {required}"
    assert refused(yelda.post("/authorization", json={"username": "x"})) == f"password: {required}"
    for value in (7, None, True, ["x"], {"x": "y"}):
        assert refused(yelda.post("/authorization", json={"username": value, "password": "x"})).startswith("username: ")
    json_type = {"Content-Type": "application/json"}
    deep = b'{"username": ' + b"[" * 20_000
    for content in (b"[1]", b"7", b'"x"', b"null", b"{", b"\xff\xfe", deep, b"[" * 30_000):
        refused(yelda.post("/authorization", content=content, headers=json_type))
    answer = yelda.post("/authorization", content=b'{"username": "' + b"x" * 10_000_000 + b'"}', headers=json_type)
    assert answer.status_code == 413
    detail = "Authorization: Not the credentials of RFC 7617: a name, a colon and a password in UTF-8, in base64."
    for header in (
        basic("without-a-colon"),
        basic(b"\xff:x"),
        {"Authorization": "Basic !!"},
        {"Authorization": "Basic"},
    ):
        assert refused(yelda.post("/authorization", headers=header)) == detail


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_an_authorization_is_only_made_and_removed(yelda: httpx.Client, admin: Headers, method: str) -> None:
    for headers in ({}, admin):
        answer = yelda.request(method, "/authorization/", headers=headers)
        assert said(answer) == (405, "Method not allowed.")
        assert answer.headers["allow"]


def test_the_cookie_alone_is_enough(yelda: httpx.Client, prefix: str, make: Make) -> None:
    account_id, name, _ = make(102)
    yelda.post("/authorization", json={"username": name, "password": PASSWORD})
    assert set(yelda.cookies) == {"lightbox_session"}
    assert yelda.get("/self").json()["account_id"] == account_id
    assert yelda.put(f"/accounts/{account_id}", json={"nickname": "Nick"}).status_code == 200
    answer = yelda.delete("/authorization")
    assert was_deleted(prefix, answer, "登出成功", f"{prefix}/authorization")
    cookie = cookie_of(answer)
    assert (cookie.value, cookie["max-age"]) == ("", "0")
    assert set(yelda.cookies) == set()
    assert said(yelda.get("/self")) == NOT_SIGNED_IN


def test_signing_out(yelda: httpx.Client, prefix: str, http: httpx.Client, make: Make) -> None:
    _, name, headers = make(103)
    other = bearer(authorize(yelda, name).json()["access_token"])
    assert said(yelda.delete("/authorization/")) == NOT_SIGNED_IN
    assert said(yelda.delete("/authorization/", headers=bearer("nonsense"))) == NOT_SIGNED_IN
    ended = yelda.delete("/authorization/", headers=headers)
    assert was_deleted(prefix, ended, "登出成功", f"{prefix}/authorization")
    assert said(yelda.get("/self", headers=headers)) == NOT_SIGNED_IN
    assert until(lambda: http.get("/api/chexray/user/", headers=headers).status_code == 401, 5), "everywhere in 5 s"
    assert said(yelda.delete("/authorization/", headers=headers)) == NOT_SIGNED_IN
    assert yelda.get("/self", headers=other).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "Token", "token"])
@pytest.mark.parametrize("path", ["/self", "/Self", "/self/", "/Self/"])
def test_self(yelda: httpx.Client, prefix: str, admin: Headers, path: str, scheme: str) -> None:
    token = admin["Authorization"].removeprefix("Bearer ")
    answer = yelda.get(path, headers={"Authorization": f"{scheme} {token}"})
    assert answer.status_code == 200
    assert answer.json() == {
        "message": "ID获取成功",
        "account_id": ADMIN_ID,
        "_links": {
            "self": {"href": prefix + path.rstrip("/")},
            "account": {"href": f"{prefix}/accounts/{ADMIN_ID}"},
        },
    }
    assert type(answer.json()["account_id"]) is int
    assert answer.headers["last-modified"].endswith(" GMT")
    assert parsedate_to_datetime(answer.headers["last-modified"]).year >= 2024
    for headers in ({}, bearer("nonsense"), {"Authorization": "Basic YTpi"}, {"Cookie": "lightbox_session=nonsense"}):
        assert said(yelda.get(path, headers=headers)) == NOT_SIGNED_IN


@pytest.fixture
def closed(closed_platform: Platform) -> Iterator[httpx.Client]:
    """A platform without self-registration, which does not reveal whether an account exists."""
    with httpx.Client(base_url=closed_platform.url, timeout=60) as http:
        password = (closed_platform.data_dir / "admin-password").read_text().strip()
        http.headers["X-Test-Admin"] = authorize(http, "admin", password).json()["access_token"]
        yield http


def test_without_self_registration(closed: httpx.Client) -> None:
    admin = bearer(closed.headers["X-Test-Admin"])
    new = {"username": "ada", "password": "adas password"}
    assert said(closed.post("/accounts", json=new)) == NOT_SIGNED_IN
    assert closed.post("/accounts", json={**new, "authority": "doctor"}, headers=admin).status_code == 201
    doctor = bearer(authorize(closed, "ada", "adas password").json()["access_token"])
    closed.cookies.clear()
    answer = closed.post("/accounts", json={**new, "username": "bob"}, headers=doctor)
    assert said(answer) == (403, "创建用户需要管理员权限")


def test_hidden_accounts(closed: httpx.Client) -> None:
    for name in ("admin", "unknown"):
        assert said(authorize(closed, name, "x")) == WRONG
        assert closed.get("/login/", params={"username": name, "password": "x"}).json()["code"] == 0


def test_no_password_in_a_log(http: httpx.Client, platform: Platform) -> None:
    secret = "Swordfish-7-hunter"
    authorize(http, "admin", secret)
    http.post("/authorization", headers=basic(f"admin:{secret}"))
    http.post("/authorization", json={"username": "admin", "password": {"x": secret}})
    http.post("/accounts", json={"username": "a b", "password": secret})
    time.sleep(1)  # the gateway writes its lines in batches
    for log in platform.log_dir.iterdir():
        text = log.read_text(errors="replace")
        assert secret not in text, log.name
        assert base64.b64encode(f"admin:{secret}".encode()).decode() not in text, log.name


def test_one_cookie_for_both_addresses(http: httpx.Client, make: Make) -> None:
    account_id, name, _ = make(102)
    for signs_in, ends in (("", "/api"), ("/api", "")):
        http.post(f"{signs_in}/authorization", json={"username": name, "password": PASSWORD})
        for prefix in ("", "/api"):
            assert http.get(f"{prefix}/self").json()["account_id"] == account_id
        http.delete(f"{ends}/authorization")
        for prefix in ("", "/api"):
            assert said(http.get(f"{prefix}/self")) == NOT_SIGNED_IN


def test_every_error_has_a_message(yelda: httpx.Client, admin: Headers) -> None:
    """The gateway's own as well as those of the services: the clients read it, and throw without it."""
    requests: list[tuple[str, str, int, dict[str, Any]]] = [
        ("GET", "/accounts//7", 404, {}),
        ("GET", "/accounts/7/8", 404, {"headers": admin}),
        ("GET", "/authorization/7", 404, {}),
        ("GET", "/jobs//7", 404, {}),
        ("BREW", "/accounts", 405, {}),
        ("PATCH", "/self", 405, {"headers": admin}),
        ("DELETE", "/accounts", 405, {"headers": admin}),
        ("PUT", f"/accounts/{ADMIN_ID}", 413, {"headers": admin, "content": b"x" * (65 * 1024)}),
        ("PUT", f"/accounts/{ADMIN_ID}", 415, {"headers": {**admin, "Content-Type": "text/xml"}, "content": b"<x/>"}),
        ("GET", "/self", 431, {"headers": {"X-Long": "x" * 40_000}}),
        ("GET", "/self", 401, {}),
        ("GET", "/accounts/abc", 400, {"headers": admin}),
        (
            "PUT",
            f"/accounts/{ADMIN_ID}",
            403,
            {"headers": {"Cookie": "lightbox_session=x", "Origin": "http://evil.example"}},
        ),
    ]
    for method, path, status, options in requests:
        answer = yelda.request(method, path, **options)
        assert (method, path, answer.status_code) == (method, path, status)
        assert answer.json()["message"], (method, path)


def test_too_many_sign_ins() -> None:
    body = {"username": "nobody", "password": "x"}
    with running_platform(LIGHTBOX_RATE_SIGN_IN="1/minute") as limited, httpx.Client(base_url=limited.url) as http:
        assert said(http.post("/authorization", json=body)) == UNKNOWN
        for prefix in ("", "/api"):
            answer = http.post(f"{prefix}/authorization", json=body)
            assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")
            assert answer.json()["message"] == answer.json()["detail"]
            assert int(answer.headers["retry-after"]) >= 1
