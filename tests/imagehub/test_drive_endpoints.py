"""Every documented code and hint of `/admin/onedrive/*` and `/admin/auth/code`, whatever the drive is and says."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from support.asgi import WithState, client_of
from support.drives import SHOWN, DriveThatSays
from support.gallery import KeptAudit
from support.gateway import Key
from support.imagehub import Hub

from imagehub_service.drives.errors import (
    ConsentNeeded,
    DriveError,
    DriveFull,
    DriveUnavailable,
    FileTooLarge,
    InvalidName,
    NameTaken,
    NoSuchItem,
    UnreadableAnswer,
)
from imagehub_service.drives.schemas import FolderList
from imagehub_service.drives.service import Drives
from lightbox_shared.auth.principal import Authority

PAGE = "https://login.example/authorize?client_id=1&state=2"
OTHERS = [DriveFull, FileTooLarge, InvalidName, NameTaken, NoSuchItem, UnreadableAnswer]
ERRORS = [ConsentNeeded(PAGE), DriveUnavailable(retry_after=7), *(kind("It is so.") for kind in OTHERS)]

READS: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "/admin/onedrive/connect", {}),
    ("GET", "/admin/onedrive/folders", {}),
]
CHANGES: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "/admin/onedrive/add-folder", {"folder_name": "a"}),
    ("GET", "/admin/onedrive/rename", {"item_id": "1", "new_name": "a"}),
    ("GET", "/admin/onedrive/delete-folder", {"folder_id": "1"}),
    ("GET", "/admin/onedrive/upload-session", {"folder_id": "1", "file_name": "a"}),
    ("POST", "/admin/auth/code", {"auth_code": "1"}),
]
ALL = [*READS, *CHANGES]

Ask = Callable[..., Any]


@pytest.fixture
def drive() -> DriveThatSays:
    return DriveThatSays()


@pytest.fixture
async def other_hub(service: WithState, signing_key: Key, drive: DriveThatSays) -> AsyncIterator[Hub]:
    """A hub with the drive that says what the test wants."""
    services = replace(service.state["services"], drives=Drives(drive, None))
    changed = WithState(service.app, {**service.state, "services": services})
    async with client_of(changed) as client:
        yield Hub(changed, client, signing_key)


@pytest.mark.parametrize("is_down", [False, True])
async def test_deletions_are_in_the_audit_trail(other_hub: Hub, drive: DriveThatSays, *, is_down: bool) -> None:
    """What is gone is gone, also where that can't be written down."""
    audit = KeptAudit(is_down=is_down)
    services = replace(other_hub.service.state["services"], audit=audit)
    other_hub.service.state = {**other_hub.service.state, "services": services}
    answer = await ask(other_hub, "GET", "/admin/onedrive/delete-folder", {"folder_id": "01TX"})
    assert answer.json() == {"code": 1, "hint": "folder_deletion_operation_successful"}
    written = [("drive-item-deleted", 2, "127.0.0.1", {"item": "01TX"})]
    assert audit.entries == ([] if is_down else written)
    drive.error = NoSuchItem()
    assert (await ask(other_hub, "GET", "/admin/onedrive/delete-folder", {"folder_id": "typed"})).json()["code"] == 0
    assert audit.entries == ([] if is_down else written)


async def ask(hub: Hub, method: str, path: str, fields: dict[str, str], headers: Any = None) -> httpx.Response:
    """Ask with the fields in the query of a GET, or the body of a POST."""
    where = {"params": fields} if method == "GET" else {"json": fields}
    return await hub.http.request(method, path, headers=hub.admin if headers is None else headers, **where)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "hint", "call"),
    [
        ("connect", "connection_successful", ("connect",)),
        ("add-folder", "folder_creation_operation_successful", ("create_folder", "a")),
        ("rename", "rename_operation_successful", ("rename", "1", "a")),
        ("delete-folder", "folder_deletion_operation_successful", ("delete", "1")),
        ("upload-session", "got_session", ("open_upload_session", "1", "a")),
        ("code", "found_tokens", ("finish_consent", "1", None)),
    ],
)
async def test_what_succeeds(other_hub: Hub, drive: DriveThatSays, path: str, hint: str, call: tuple[str, ...]) -> None:
    method, whole, fields = next(each for each in ALL if each[1].endswith(f"/{path}"))
    for spelled in (whole, f"{whole}/"):
        answer = await ask(other_hub, method, spelled, fields)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        body = answer.json()
        if path == "upload-session":
            assert body.pop("sessionUrl") == "http://testserver/put/here"
        assert body == {"code": 1, "hint": hint}
    assert drive.calls == [call] * 2


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("add-folder", "folder_creation_operation_failed"),
        ("rename", "rename_operation_failed"),
        ("delete-folder", "folder_deletion_operation_failed"),
        ("upload-session", "couldn't_get_session"),
    ],
)
async def test_what_fails(other_hub: Hub, drive: DriveThatSays, path: str, hint: str, error: DriveError) -> None:
    drive.error = error
    answer = await ask(other_hub, *next(each for each in ALL if each[1].endswith(f"/{path}")))
    expected: dict[str, object] = {"code": 0, "hint": hint, "detail": str(error)}
    if isinstance(error, ConsentNeeded):
        expected["url"] = PAGE
    assert (answer.status_code, answer.json()) == (200, expected)


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("connect", "connection_failed"),
        ("folders", "refresh_token_expired_need_manual_authorization"),
        ("code", "found_tokens_failed"),
    ],
)
async def test_consent_that_is_missing(other_hub: Hub, drive: DriveThatSays, path: str, hint: str) -> None:
    drive.error = ConsentNeeded(PAGE)
    answer = await ask(other_hub, *next(each for each in ALL if each[1].endswith(f"/{path}")))
    expected = {"code": 0, "hint": hint, "url": PAGE, "detail": str(drive.error)}
    assert (answer.status_code, answer.json()) == (200, expected)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: kind.__name__)
async def test_contents_that_can_not_be_used(other_hub: Hub, drive: DriveThatSays, kind: type[DriveError]) -> None:
    drive.error = kind("It is so.")
    answer = await ask(other_hub, *READS[1])
    expected = {"code": 99, "hint": "data_extraction_failed_from_json", "detail": "It is so."}
    assert (answer.status_code, answer.json()) == (200, expected)


@pytest.mark.parametrize("path", ["connect", "folders", "code"])
async def test_a_drive_that_does_not_answer(other_hub: Hub, drive: DriveThatSays, path: str) -> None:
    drive.error = DriveUnavailable("It sleeps.", retry_after=7)
    answer = await ask(other_hub, *next(each for each in ALL if each[1].endswith(f"/{path}")))
    assert (answer.status_code, answer.json()) == (503, {"detail": "It sleeps."})
    assert answer.headers["retry-after"] == "7"


async def test_the_folders(other_hub: Hub, drive: DriveThatSays) -> None:
    time = {"creation_time": "2024-01-29T09:21:55Z", "modification_time": "2024-01-29T09:21:55Z"}
    file = {"file_name": "a.png", "file_size": 7, **time, "is_folder": False}
    expected = {
        "F1": {"folder_name": "System", "folder_size": 7, **time, "is_folder": True, "files": {"X1": file}},
        "F2": {"folder_name": "", "folder_size": 0, **time, "is_folder": True, "files": {}},
        "used_storage": 1.5,
        "total_storage": 5.0,
    }
    answer = await ask(other_hub, *READS[1])
    assert answer.json() == {"code": 1, "folders": expected}
    assert "age" not in answer.headers
    FolderList.model_validate_json(answer.content, strict=True)
    as_of = datetime.now(UTC) - timedelta(minutes=5)
    drive.shown = replace(SHOWN, as_of=as_of, is_stale=True)
    answer = await ask(other_hub, *READS[1])
    assert answer.json() == {"code": 1, "folders": expected, "as_of": f"{as_of:%Y-%m-%dT%H:%M:%S}Z"}
    assert 300 <= int(answer.headers["age"]) < 330
    FolderList.model_validate_json(answer.content)


@pytest.mark.parametrize("name", ['"', "\\", "</script>", "🩻", "\u2028", "a\tb", "used_storage"])
async def test_names_in_the_folders(other_hub: Hub, drive: DriveThatSays, name: str) -> None:
    drive.shown = replace(SHOWN, folders=[replace(SHOWN.folders[0], id=f"{name}!", name=name)])
    body = (await ask(other_hub, *READS[1])).json()
    assert body["folders"][f"{name}!"]["folder_name"] == name


@pytest.mark.parametrize(("method", "path", "fields"), ALL, ids=[each[1] for each in ALL])
async def test_who_may_call(
    other_hub: Hub, drive: DriveThatSays, method: str, path: str, fields: dict[str, str]
) -> None:
    for headers, status in [
        ({}, 401),
        ({"Authorization": "Bearer nonsense"}, 401),
        (other_hub.headers(Authority.DOCTOR), 403),
        (other_hub.headers(Authority.NONE), 403),
        (other_hub.headers(Authority.ADMIN, scope="predict collect annotate"), 403),
        (other_hub.headers(Authority.ADMIN, scope="read"), 200 if (method, path, fields) in READS else 403),
    ]:
        drive.calls.clear()
        answer = await ask(other_hub, method, path, fields, headers)
        assert (answer.status_code, bool(drive.calls)) == (status, status == 200)
        assert status == 200 or set(answer.json()) == {"detail"}
    answer = await ask(other_hub, method, path, fields, other_hub.headers(Authority.ADMIN, scope="hub"))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "missing"),
    [
        ("GET", "/admin/onedrive/add-folder", ["folder_name"]),
        ("GET", "/admin/onedrive/rename", ["item_id", "new_name"]),
        ("GET", "/admin/onedrive/delete-folder", ["folder_id"]),
        ("GET", "/admin/onedrive/upload-session", ["folder_id", "file_name"]),
        ("POST", "/admin/auth/code", ["auth_code"]),
    ],
)
async def test_what_is_missing(
    other_hub: Hub, drive: DriveThatSays, method: str, path: str, missing: list[str]
) -> None:
    answer = await ask(other_hub, method, path, {})
    where = "query" if method == "GET" else "body"
    expected = [{"loc": [where, each], "msg": "This field is required.", "type": "value_error"} for each in missing]
    assert (answer.status_code, answer.json(), drive.calls) == (422, {"detail": expected}, [])


@pytest.mark.parametrize("code", ["", 7, None, ["a"], {"a": 1}, "x" * 8193, "a\0b", "\ud800", True])
async def test_codes_that_are_none(other_hub: Hub, drive: DriveThatSays, code: object) -> None:
    body = {"json": {"auth_code": code}} if code != "\ud800" else {"content": b'{"auth_code": "\\ud800"}'}
    headers = {**other_hub.admin, "Content-Type": "application/json"}
    answer = await other_hub.http.post("/admin/auth/code", headers=headers, **body)
    assert (answer.status_code, drive.calls) == (422, [])
    assert "auth_code" in answer.json()["detail"][0]["loc"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff", b"[" * 60_000])
async def test_bodies_that_are_none(other_hub: Hub, drive: DriveThatSays, body: bytes) -> None:
    headers = {**other_hub.admin, "Content-Type": "application/json"}
    answer = await other_hub.http.post("/admin/auth/code", headers=headers, content=body)
    assert answer.status_code in {400, 422}
    assert drive.calls == []


async def test_a_code_with_its_state_and_as_a_form(other_hub: Hub, drive: DriveThatSays) -> None:
    await ask(other_hub, "POST", "/admin/auth/code", {"auth_code": "M.C507", "state": "s", "session_state": "x"})
    await other_hub.http.post("/admin/auth/code", headers=other_hub.admin, data={"auth_code": "M.C507"})
    assert drive.calls == [("finish_consent", "M.C507", "s"), ("finish_consent", "M.C507", None)]
