"""ImageHub's login as its clients know it, black box through the gateway."""

import itertools
import time
from typing import Any

import httpx
import pytest

from lightbox.run.platform import Platform

HINT = "username or password did not match"
_numbers = itertools.count(1)


@pytest.fixture
def name(http: httpx.Client) -> str:
    """The username of a new account with the password `right`."""
    name = f"hub-{next(_numbers)}"
    assert http.post("/accounts", json={"username": name, "password": "right"}).status_code == 201
    return name


def log_in(http: httpx.Client, way: str, **fields: object) -> httpx.Response:
    options: dict[str, Any] = {"query": {"params": fields}, "json": {"json": fields}, "form": {"data": fields}}[way]
    return http.request("GET" if way == "query" else "POST", "/login/", **options)


@pytest.mark.parametrize("way", ["query", "json", "form"])
def test_codes(http: httpx.Client, name: str, way: str) -> None:
    for given in (name, name.upper()):
        answer = log_in(http, way, username=given, password="right")
        assert answer.status_code == 200
        assert set(answer.json()) == {"code", "token"}
        assert answer.json()["code"] == 2
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers
        for scheme in ("Bearer", "Token"):
            headers = {"Authorization": f"{scheme} {answer.json()['token']}"}
            checked = http.get("/auth", headers=headers)
            assert (checked.status_code, checked.json()) == (200, {"code": 1, "hint": "valid_jwt_token"})
    for username, password, code in [
        ("no-such-account", "right", 0),
        ("", "", 0),
        ("x" * 10_000, "x", 0),
        ("a\0", "x", 0),
        ("🩻", "🔑", 0),
        ("' OR 1=1 --", "x", 0),
        (name, "wrong", 1),
        (name, "", 1),
        (name, "x" * 10_000, 1),
        (name, "\0", 1),
        ("anonymous", "anonymous", 1),
    ]:
        answer = log_in(http, way, username=username, password=password)
        assert (username[:20], answer.status_code, answer.json()) == (username[:20], 200, {"code": code, "hint": HINT})


def test_paths_with_and_without_a_slash(http: httpx.Client, name: str) -> None:
    token = ""
    for path in ("/login", "/login/"):
        assert http.get(path, params={"username": name, "password": "right"}).json()["code"] == 2
        answer = http.post(path, json={"username": name, "password": "right"})
        token = answer.json()["token"]
    for path in ("/auth", "/auth/"):
        assert http.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_what_does_not_validate(http: httpx.Client) -> None:
    def missing(location: str, *fields: str) -> dict[str, Any]:
        message = "This field is required."
        return {"detail": [{"loc": [location, each], "msg": message, "type": "value_error"} for each in fields]}

    for answer, expected in [
        (http.get("/login/"), missing("query", "username", "password")),
        (http.get("/login/?username=x"), missing("query", "password")),
        (http.post("/login/"), missing("body", "username", "password")),
        (http.post("/login/", json={"password": "x"}), missing("body", "username")),
    ]:
        assert (answer.status_code, answer.json()) == (422, expected)
    answer = http.post("/login/", json={"username": 7, "password": "x"})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "username"])
    for content in (b"[1]", b"{", b"7", b"[" * 30_000):
        answer = http.post("/login/", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in {400, 422}
    assert http.post("/login/", content=b"x" * 10_000_000).status_code == 413


def test_tokens_that_are_none(http: httpx.Client) -> None:
    for headers, detail in [
        ({}, "Authentication credentials were not provided."),
        ({"Authorization": "Bearer nonsense"}, "Invalid token."),
        ({"Authorization": "Token a.b.c"}, "Invalid token."),
    ]:
        answer = http.get("/auth", headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"detail": detail})
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_login_is_good_for_every_system(http: httpx.Client, name: str) -> None:
    token = log_in(http, "query", username=name, password="right").json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert http.get("/api/chexray/user/", headers=headers).status_code == 200
    assert http.get("/self", headers=headers).status_code == 200
    assert http.delete("/authorization", headers=headers).status_code == 204
    assert http.get("/auth", headers=headers).status_code == 401


def test_no_password_in_a_log(http: httpx.Client, platform: Platform, name: str) -> None:
    secret = "Swordfish-8-hunter"
    for way in ("query", "json", "form"):
        log_in(http, way, username=name, password=secret)
    http.get("/login/", params={"password": secret})
    http.get("/login/nothing/here", params={"password": secret})
    time.sleep(1)  # the gateway writes its lines in batches
    logs = {log.name: log.read_text(errors="replace") for log in platform.log_dir.iterdir()}
    assert all("/login" in logs[f"{service}.log"] for service in ("gateway", "auth-service"))
    for service, text in logs.items():
        assert "Swordfish" not in text, service
