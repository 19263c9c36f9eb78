"""The people of the demo: the administrator of the platform, and doctors who are made for it."""

import os
import secrets
from dataclasses import dataclass
from typing import Final

import httpx

from lightbox.demo.answers import DemoError, ok
from lightbox_shared.config import Settings

DOCTOR: Final = 102


@dataclass(frozen=True, slots=True)
class Doctor:
    """An account of a doctor of the demo, and its session."""

    id: int
    nickname: str
    headers: dict[str, str]


def sign_in_as_administrator(http: httpx.Client) -> dict[str, str] | None:
    """The header of an administrator's session, by the password in the environment or in the data folder."""
    kept = Settings().data_dir / "admin-password"
    password = os.environ.get("LIGHTBOX_ADMIN_PASSWORD") or (kept.read_text().strip() if kept.exists() else "")
    if not password:
        return None
    name = os.environ.get("LIGHTBOX_ADMIN_USERNAME") or "admin"
    return _sign_in(http, name, password) if password else None


def _sign_in(http: httpx.Client, username: str, password: str) -> dict[str, str] | None:
    answer = http.post("/authorization", json={"username": username, "password": password})
    http.cookies.clear()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"} if answer.is_success else None


def new_doctor(http: httpx.Client, admin: dict[str, str], nickname: str) -> Doctor:
    """Make an account, approve it, and sign in. Raises `DemoError`."""
    username, password = f"demo-{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    fields = {"username": username, "password": password, "nickname": nickname}
    account_id = ok(http.post("/accounts", json=fields, headers=admin))["account_id"]
    ok(http.put(f"/accounts/{account_id}", json={"authority": DOCTOR}, headers=admin))
    headers = _sign_in(http, username, password)
    if headers is None:
        raise DemoError(f"{username} was approved and can't sign in.")
    return Doctor(account_id, nickname, headers)
