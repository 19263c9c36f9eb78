"""What other services ask and say about accounts. Their tokens are tested in `test_oauth_token.py`."""

import json

import httpx
import pytest
from sqlalchemy import text
from support.auth_service import SignUp, bearer
from support.oauth import audited

from auth_service.audit.verification import verify
from auth_service.config import parse_service_secrets
from lightbox_shared.database import Database


async def test_an_account_for_services(as_gateway: httpx.AsyncClient, sign_up: SignUp) -> None:
    name = (await sign_up())["username"]
    answer = await as_gateway.get("/internal/accounts/3")
    assert (answer.status_code, answer.json()) == (200, {"id": 3, "username": name, "nickname": None, "authority": 100})
    answer = await as_gateway.get("/internal/accounts/1/")
    assert answer.json() == {"id": 1, "username": "anonymous", "nickname": None, "authority": 100}


async def test_no_such_account(as_gateway: httpx.AsyncClient) -> None:
    for account_id, status in {"4": 404, str(2**63 - 1): 404, str(2**63): 422, "0": 422, "x": 422, "1e3": 422}.items():
        answer = await as_gateway.get(f"/internal/accounts/{account_id}")
        assert (account_id, answer.status_code) == (account_id, status)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_accounts_are_for_services_only(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    assert (await client.get("/internal/accounts/1")).status_code == 401
    answer = await client.get("/internal/accounts/1", headers=bearer((await sign_up())["token"]))
    assert answer.status_code == 403


def test_the_setting() -> None:
    assert parse_service_secrets("") == {}
    assert parse_service_secrets(" gateway:a:b , inference-service:c,") == {"gateway": "a:b", "inference-service": "c"}


@pytest.mark.parametrize("setting", ["hidden", "gateway:", ":hidden", "a:hidden,a:hidden", "Two words:hidden"])
def test_a_wrong_setting_is_not_shown(setting: str) -> None:
    with pytest.raises(ValueError, match="is not `name:secret`") as raised:
        parse_service_secrets(setting)
    assert "hidden" not in str(raised.value)


async def test_the_photo_of_an_account(
    client: httpx.AsyncClient, as_gateway: httpx.AsyncClient, database: Database, sign_up: SignUp
) -> None:
    token = (await sign_up())["token"]
    for photo in ("3-a.png", "3-a.png", "/uploads/photos/3", None):
        answer = await as_gateway.put("/internal/accounts/3/photo", json={"photo": photo})
        assert (answer.status_code, answer.content) == (204, b"")
        assert (await client.get("/accounts/3", headers=bearer(token))).json()["photo"] == (photo or "default.png")
    entry = ("account-changed", 3, None, {"fields": ["photo"]})
    assert await audited(database, "account-changed") == [entry] * 3  # the second request changed nothing
    async with database.reading() as session:
        actors = await session.scalars(
            text("SELECT DISTINCT actor FROM audit_entries WHERE action = 'account-changed'")
        )
        assert actors.all() == ["service:gateway"]


@pytest.mark.parametrize("photo", [7, True, [], {}, "a b", "javascript:x", '"', "x" * 2049, "\0", "\ud800"])
async def test_what_is_no_photo(as_gateway: httpx.AsyncClient, photo: object) -> None:
    answer = await as_gateway.put(
        "/internal/accounts/2/photo",
        content=json.dumps({"photo": photo}),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "photo"


async def test_photos_are_for_services_and_people_only(
    client: httpx.AsyncClient, as_gateway: httpx.AsyncClient, sign_up: SignUp
) -> None:
    path, photo = "/internal/accounts/3/photo", {"photo": "x.png"}
    token = (await sign_up())["token"]
    assert (await client.put(path, json=photo)).status_code == 401
    assert (await client.put(path, json=photo, headers=bearer(token))).status_code == 403
    for account_id, status in {"1": 404, "99": 404, str(2**63): 422, "0": 422, "x": 422}.items():
        answer = await as_gateway.put(f"/internal/accounts/{account_id}/photo", json=photo)
        assert (account_id, answer.status_code) == (account_id, status)


EXPORT = {"action": "export-created", "actor": 7, "details": {"format": "csv", "rows": 9, "filtered": True}}


async def test_an_audit_entry_of_a_service(as_gateway: httpx.AsyncClient, database: Database) -> None:
    answer = await as_gateway.post("/internal/audit", json=EXPORT | {"address": "192.0.2.1"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await as_gateway.post("/internal/audit", json=EXPORT)).status_code == 204
    details = {"format": "csv", "rows": 9, "filtered": True, "service": "gateway"}
    assert await audited(database, "export-created") == [
        ("export-created", None, "192.0.2.1", details),
        ("export-created", None, None, details),
    ]
    async with database.writing() as session:
        assert (await verify(session)).problems == []
        told = text("SELECT DISTINCT actor FROM audit_entries WHERE action = 'export-created'")
        assert (await session.scalars(told)).all() == ["account:7"]


@pytest.mark.parametrize(
    "action",
    [
        "export-created",
        "labelling-image-deleted",
        "labelling-job-deleted",
        "gallery-group-deleted",
        "gallery-groups-merged",
        "drive-disconnected",
        "gallery-share-created",
        "gallery-share-changed",
        "gallery-share-revoked",
        "retention-rule-changed",
        "retention-rule-deleted",
    ],
)
async def test_what_services_tell(as_gateway: httpx.AsyncClient, database: Database, action: str) -> None:
    assert (await as_gateway.post("/internal/audit", json=EXPORT | {"action": action})).status_code == 204
    assert [kept[0] for kept in await audited(database, action)] == [action]


async def test_details_with_the_names_of_other_members(as_gateway: httpx.AsyncClient, database: Database) -> None:
    details = dict.fromkeys(("action", "actor", "account_id", "session", "service", "source", "at"), "x")
    assert (await as_gateway.post("/internal/audit", json=EXPORT | {"details": details})).status_code == 204
    [(_, account_id, _, kept)] = await audited(database, "export-created")
    assert (account_id, kept) == (None, details | {"service": "gateway"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("action", "signed-in"),
        ("action", "made-up"),
        ("action", None),
        ("action", 7),
        ("actor", None),
        ("actor", 0),
        ("actor", 2**63),
        ("actor", "x"),
        ("address", "a b"),
        ("address", ""),
        ("address", "x" * 65),
        ("details", None),
        ("details", []),
        ("details", {"Upper": 1}),
        ("details", {"x": {"nested": 1}}),
        ("details", {"x": 1.5}),
        ("details", {"x": "\0"}),
        ("details", {"x": ["\ud800"]}),
        ("details", {f"x_{'a' * number}": 1 for number in range(21)}),
    ],
)
async def test_what_is_no_audit_entry(
    as_gateway: httpx.AsyncClient, database: Database, field: str, value: object
) -> None:
    content = json.dumps(EXPORT | {field: value})
    answer = await as_gateway.post("/internal/audit", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert await audited(database, "export-created") == []


async def test_the_audit_trail_is_written_by_services_only(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    assert (await client.post("/internal/audit", json=EXPORT)).status_code == 401
    token = (await sign_up())["token"]
    assert (await client.post("/internal/audit", json=EXPORT, headers=bearer(token))).status_code == 403
