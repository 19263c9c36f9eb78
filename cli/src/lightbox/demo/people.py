"""The people of the demo: the administrator of the platform, and doctors who are made for it."""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx

from lightbox.demo.answers import DemoError, ok
from lightbox_shared.config import Settings

DOCTOR: Final = 102
NONE: Final = 100
UNLABELED: Final = 200


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


@contextmanager
def new_doctors(http: httpx.Client, admin: dict[str, str], nicknames: Sequence[str]) -> Iterator[list[Doctor]]:
    """Accounts that are doctors for the time of the context, so that they are given no work afterwards. Raises
    `DemoError`, also where an account has to stay a doctor; what else was raised comes first."""
    account_ids: list[int] = []
    try:
        yield [_new_doctor(http, admin, nickname, account_ids) for nickname in nicknames]
    except BaseException as error:
        for failure in _withdraw(http, admin, account_ids):
            error.add_note(str(failure))
        raise
    failures = _withdraw(http, admin, account_ids)
    if failures:
        raise failures[0]


def _withdraw(http: httpx.Client, admin: dict[str, str], account_ids: Sequence[int]) -> list[Exception]:
    """Take the authority of doctors away, from all for whom that succeeds. Returns why it failed for the others."""
    failures: list[Exception] = []
    for account_id in account_ids:
        try:
            _authorize(http, admin, account_id, NONE)
        except (DemoError, httpx.HTTPError) as error:
            failures.append(error)
    return failures


def _new_doctor(http: httpx.Client, admin: dict[str, str], nickname: str, account_ids: list[int]) -> Doctor:
    """Make an account, note it in `account_ids`, approve it, and sign in."""
    username, password = f"demo-{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    fields = {"username": username, "password": password, "nickname": nickname}
    account_id = ok(http.post("/accounts", json=fields, headers=admin))["account_id"]
    account_ids.append(account_id)
    _authorize(http, admin, account_id, DOCTOR)
    headers = _sign_in(http, username, password)
    if headers is None:
        raise DemoError(f"{username} was approved and can't sign in.")
    return Doctor(account_id, nickname, headers)


def _authorize(http: httpx.Client, admin: dict[str, str], account_id: int, authority: int) -> None:
    ok(http.put(f"/accounts/{account_id}", json={"authority": authority}, headers=admin))


def assign(
    http: httpx.Client, admin: dict[str, str], images: Sequence[int], doctors: Sequence[Doctor], readers: int
) -> None:
    """Have these doctors, and no others, read these images. The queue would also give them images of the lab."""
    asked = {"mode": "assigned", "images": list(images), "readers": readers, "doctors": [each.id for each in doctors]}
    ok(http.post("/api/assignments", json=asked, headers=admin))


def open_jobs(http: httpx.Client, doctor: Doctor, images: Sequence[int]) -> list[dict[str, Any]]:
    """The doctor's jobs for these images that are to be done."""
    asked = {"account_id": doctor.id, "job_state": UNLABELED}
    jobs = ok(http.get("/jobs", params=asked, headers=doctor.headers))["data"]
    return [each for each in jobs if int(each["image_id"]) in images]


def finish(http: httpx.Client, doctor: Doctor, job: dict[str, Any], label: dict[str, Any]) -> None:
    """Label the image of a job, as a client does."""
    made = ok(http.post("/labels", json=label, headers=doctor.headers))
    path = f"/jobs/{job['job_id']}"
    ok(http.put(path, json={"job_state": 201}, headers=doctor.headers))
    ok(http.put(path, json={"job_state": 202, "label_id": made["label_id"]}, headers=doctor.headers))
