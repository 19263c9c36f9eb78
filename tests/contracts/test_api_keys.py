"""API keys as programs use them: created by a user, sent to the gateway in one of the headers, and revoked."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from support import pictures
from support.running import SignUp

USER = "/api/chexray/user/"
KEYS = "/api/keys"
INVALID = {"detail": "Invalid token."}

HEADERS: dict[str, Callable[[str], dict[str, str]]] = {
    "bearer": lambda key: {"Authorization": f"Bearer {key}"},
    "token": lambda key: {"Authorization": f"Token {key}"},
    "own header": lambda key: {"X-API-Key": key},
}


def make_key(http: httpx.Client, token: str, *scopes: str) -> dict[str, Any]:
    wanted = {"name": "a device", "scopes": scopes}
    answer = http.post(KEYS, json=wanted, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_key_acts_for_its_account(
    http: httpx.Client, sign_up: SignUp, header: Callable[[str], dict[str, str]]
) -> None:
    name, token = sign_up()
    made = make_key(http, token, "predict")
    sent = header(made["key"])
    answer = http.post(
        "/api/chexray/upload/", headers=sent, data={"title": "by key"}, files={"image": ("x.png", pictures.png())}
    )
    assert answer.status_code == 201, answer.text
    # What was done with the key belongs to the account.
    history = http.get(USER, headers={"Authorization": f"Token {token}"}).json()
    assert (history["username"], len(history["pastxrays"])) == (name, 1)
    assert http.get(USER, headers=sent).json() == history

    found = http.get(f"{KEYS}/{made['id']}", headers={"Authorization": f"Bearer {token}"}).json()
    assert found["last_used_at"] is not None
    assert found["last_used_address"] == "127.0.0.1"


def test_scopes(http: httpx.Client, sign_up: SignUp) -> None:
    _, token = sign_up()
    reads, collects = (make_key(http, token, scope)["key"] for scope in ("read", "collect"))
    upload: dict[str, Any] = {"data": {"title": "x"}, "files": {"image": ("x.png", pictures.png())}}
    assert http.get(USER, headers={"X-API-Key": reads}).status_code == 200
    assert http.get("/api/predictions", headers={"X-API-Key": reads}).status_code == 200
    assert http.post("/api/chexray/upload/", headers={"X-API-Key": reads}, **upload).status_code == 403
    answer = http.get("/api/predictions", headers={"X-API-Key": collects})
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_a_key_is_not_the_account(http: httpx.Client, sign_up: SignUp) -> None:
    """A key can't create keys, end sessions, or change the password."""
    _, token = sign_up()
    key = make_key(http, token, "predict", "collect", "annotate", "hub", "read")["key"]
    sent = {"X-API-Key": key}
    account_id = http.get("/self", headers=sent).json()["account_id"]
    for method, path in (
        ("GET", KEYS), ("POST", KEYS), ("DELETE", f"{KEYS}/1"), ("GET", "/api/sessions"), ("DELETE", "/api/sessions"),
        ("DELETE", "/api/sessions/current"), ("DELETE", "/authorization"), ("PUT", f"/accounts/{account_id}"),
        ("DELETE", f"/accounts/{account_id}"), ("GET", "/api/audit"),
    ):  # fmt: skip
        assert (path, http.request(method, path, headers=sent).status_code) == (path, 403)
    assert http.get(USER, headers={"Authorization": f"Token {token}"}).status_code == 200


def test_a_revoked_key_ends_within_five_seconds(http: httpx.Client, sign_up: SignUp) -> None:
    _, token = sign_up()
    made = make_key(http, token, "read")
    sent, owner = {"X-API-Key": made["key"]}, {"Authorization": f"Bearer {token}"}
    assert http.get(USER, headers=sent).status_code == 200
    assert http.delete(f"{KEYS}/{made['id']}", headers=owner).status_code == 204
    deadline = time.monotonic() + 5
    while http.get(USER, headers=sent).status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert http.get(USER, headers=sent).json() == INVALID
    assert http.get(KEYS, headers=owner).json()["keys"] == []


def test_keys_that_are_none(http: httpx.Client, sign_up: SignUp) -> None:
    key = make_key(http, sign_up()[1], "read")["key"]
    mistyped = key[:-1] + ("0" if key[-1] != "0" else "1")
    for wrong in (mistyped, key[:20], "lbx_", "lbx_" + "é" * 49, key + "x"):
        for header in HEADERS.values():
            sent = {name: value.encode() for name, value in header(wrong).items()}
            answer = http.get(USER, headers=sent)  # type: ignore[arg-type]
            assert (answer.status_code, answer.json()) == (401, INVALID)
