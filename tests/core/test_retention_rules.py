"""Rules of retention over HTTP: who sees and changes them, what a preview counts, and what is written down."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from support.asgi import WithState, client_of, running
from support.collection import MakeCoreSettings, trusting
from support.collection_audit import KeptAudit
from support.gateway import Key
from support.rows import fill

from core_collection_service.access import Access
from core_collection_service.app import create_app
from core_collection_service.author import Author
from core_collection_service.retention import rules
from core_collection_service.retention.repository import EVERY_DEVICE, Rule
from core_collection_service.retention.rules import RetentionRules
from core_collection_service.retention.service import Retention
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database

PATH: Final = "/api/devices/retention"
ALL: Final = {"collection": "images"}
CAMERA: Final = {**ALL, "deviceId": "camera-0000"}
FOREVER: Final = {"days": None, "bytes": None}
DAYS: Final = 7
"""After so many days pictures without a credential expire."""


@pytest.fixture(scope="module")
def key() -> Key:
    return Key()


@pytest.fixture
def audit() -> KeptAudit:
    return KeptAudit()


@pytest.fixture
async def service(make_core_settings: MakeCoreSettings, key: Key, audit: KeptAudit) -> AsyncIterator[WithState]:
    """The service, which accepts the tokens of `key` and writes into `audit`."""
    settings = make_core_settings(collections={"images": "i", "thermal": "t"}, anonymous_retention_days=DAYS)
    async with running(create_app(settings)) as app:
        rules = RetentionRules(app.state["database"], audit, anonymous_days=DAYS)
        services = replace(app.state["services"], retention_rules=rules)
        yield trusting(WithState(app.app, {**app.state, "services": services}), key)


@pytest.fixture
async def client(service: WithState, key: Key) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator, account 7."""
    async with client_of(service, headers=bearer(key, authority=int(Authority.ADMIN))) as client:
        yield client


def bearer(key: Key, **claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.token(**claims)}"}


def limits(days: int | None = None, size: int | None = None) -> dict[str, int | None]:
    return {"days": days, "bytes": size}


async def put(
    client: httpx.AsyncClient, body: Any, whose: Mapping[str, str] = CAMERA, *, seen: str | None = None
) -> httpx.Response:
    return await client.put(PATH, params=whose, json=body, headers={} if seen is None else {"If-Match": seen})


async def tried(client: httpx.AsyncClient, rule: Any, whose: dict[str, str] = CAMERA) -> dict[str, Any]:
    answer = await client.post(f"{PATH}/preview", params=whose, json={"rule": rule})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def age(database: Database, device: str, days: int, *, anonymous: bool = False) -> None:
    """Let all pictures of a device be as old as that; they have been sent without a credential if so."""
    at = datetime.now(UTC) - timedelta(days=days)
    async with database.writing() as session:
        await session.execute(
            text("UPDATE pictures SET received_at = :at, anonymous_bytes = :counted WHERE device_id = :device"),
            {"at": at, "counted": 3 if anonymous else None, "device": device},
        )
        await session.execute(
            text("UPDATE devices SET first_seen_at = :at WHERE device_id = :device"), {"at": at, "device": device}
        )


async def test_what_holds_from_the_setting_over_the_default_to_the_own_rule(client: httpx.AsyncClient) -> None:
    nothing = {"collection": "images", "deviceId": "camera-0000", "rule": None, "default": None, "anonymousDays": DAYS}
    first = await client.get(PATH, params=CAMERA)
    assert (first.status_code, first.json()) == (200, nothing)
    assert first.headers["cache-control"] == "private, no-store"

    done = await put(client, limits(365), ALL)
    assert (done.status_code, done.json()["rule"], done.json()["deviceId"]) == (200, limits(365), None)
    second = await client.get(PATH, params=CAMERA)
    assert second.json() == {**nothing, "default": limits(365)}
    assert second.headers["etag"] != first.headers["etag"]

    done = await put(client, limits(30, 10**9))
    assert done.json() == {**nothing, "default": limits(365), "rule": limits(30, 10**9)}
    assert (await client.get(PATH, params=CAMERA)).headers["etag"] == done.headers["etag"]
    assert (await client.get(PATH, params={"collection": "thermal"})).json()["rule"] is None

    assert (await client.delete(PATH, params=CAMERA)).status_code == 204
    assert (await client.get(PATH, params=CAMERA)).json() == second.json()
    again = await client.delete(PATH, params=CAMERA)
    assert (again.status_code, again.json()["detail"]) == (404, "There is no such rule.")
    assert (await client.delete(PATH, params=ALL)).status_code == 204
    assert (await client.get(PATH, params=CAMERA)).headers["etag"] == first.headers["etag"]


async def test_every_change_is_written_down_once(client: httpx.AsyncClient, audit: KeptAudit) -> None:
    for _ in range(2):
        assert (await put(client, limits(30))).status_code == 200
    await put(client, FOREVER)
    await put(client, limits(None, 500), ALL)
    await client.delete(PATH, params=CAMERA)
    await client.delete(PATH, params=CAMERA)
    camera = {"collection": "images", "device": "camera-0000"}
    assert audit.entries == [
        ("retention-rule-changed", 7, {**camera, "days": 30, "bytes": None}),
        ("retention-rule-changed", 7, {**camera, "days": None, "bytes": None, "days_before": 30, "bytes_before": None}),
        ("retention-rule-changed", 7, {"collection": "images", "device": None, "days": None, "bytes": 500}),
        ("retention-rule-deleted", 7, {**camera, "days_before": None, "bytes_before": None}),
    ]


async def test_nothing_changes_that_can_not_be_written_down(client: httpx.AsyncClient, audit: KeptAudit) -> None:
    await put(client, limits(30))
    audit.is_down = True
    assert (await put(client, limits(1))).status_code == 503
    assert (await client.delete(PATH, params=CAMERA)).status_code == 503
    assert (await client.get(PATH, params=CAMERA)).json()["rule"] == limits(30)


async def test_a_change_of_what_does_not_hold_any_more(client: httpx.AsyncClient, audit: KeptAudit) -> None:
    seen = (await client.get(PATH, params=CAMERA)).headers["etag"]
    assert (await put(client, limits(30), seen=seen)).status_code == 200
    told = len(audit.entries)
    for refused in (
        await put(client, limits(1), seen=seen),
        await client.delete(PATH, params=CAMERA, headers={"If-Match": seen}),
    ):
        assert refused.status_code == 412
    now = (await client.get(PATH, params=CAMERA)).headers["etag"]
    await put(client, limits(90), ALL)  # what would hold without the device's own rule has changed, too
    assert (await put(client, limits(1), seen=now)).status_code == 412
    assert len(audit.entries) == told + 1
    now = (await client.get(PATH, params=CAMERA)).headers["etag"]
    assert (await client.delete(PATH, params=CAMERA, headers={"If-Match": now})).status_code == 204


async def test_of_two_changes_at_once_one_is_refused_and_not_written_down(
    client: httpx.AsyncClient, audit: KeptAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "RECORD_SECONDS", 60)
    seen = (await client.get(PATH, params=CAMERA)).headers["etag"]
    others: list[asyncio.Task[httpx.Response]] = []

    async def meanwhile() -> None:
        audit.meanwhile = None
        others.append(asyncio.create_task(put(client, limits(2), seen=seen)))
        await asyncio.sleep(0.3)
        assert (await client.get(PATH, params=CAMERA)).json()["rule"] is None  # it is still read

    audit.meanwhile = meanwhile
    assert (await put(client, limits(1), seen=seen)).status_code == 200
    assert [(await each).status_code for each in others] == [412]
    assert (await client.get(PATH, params=CAMERA)).json()["rule"] == limits(1)
    assert len(audit.entries) == 1


async def test_changes_that_wait_for_the_audit_trail_leave_connections_for_others(
    client: httpx.AsyncClient, database: Database, audit: KeptAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "RECORD_SECONDS", 60)
    in_use: list[int] = []
    others: list[asyncio.Task[httpx.Response]] = []

    async def meanwhile() -> None:
        audit.meanwhile = None
        others.extend(asyncio.create_task(put(client, limits(days))) for days in range(2, 22))
        await asyncio.sleep(0.3)
        assert (await client.get(PATH, params=CAMERA)).json()["rule"] is None
        in_use.append(database.engine.pool.checkedout())  # type: ignore[attr-defined]  # it is a QueuePool

    audit.meanwhile = meanwhile
    assert (await put(client, limits(1))).status_code == 200
    assert {(await each).status_code for each in others} == {200}
    assert in_use == [1]
    assert len(audit.entries) == 21


async def test_a_change_that_waits_for_too_many_others_is_told(
    client: httpx.AsyncClient, audit: KeptAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "RECORD_SECONDS", 60)
    monkeypatch.setattr(rules, "CHANGE_WAIT_SECONDS", 0.05)
    refused: list[httpx.Response] = []

    async def meanwhile() -> None:
        audit.meanwhile = None
        refused.append(await asyncio.create_task(put(client, limits(2))))

    audit.meanwhile = meanwhile
    assert (await put(client, limits(1))).status_code == 200
    assert [each.status_code for each in refused] == [503]
    assert "retry-after" in refused[0].headers


async def test_of_two_deletions_at_once_one_is_written_down(client: httpx.AsyncClient, audit: KeptAudit) -> None:
    await put(client, limits(1))
    answers = await asyncio.gather(*(client.delete(PATH, params=CAMERA) for _ in range(2)))
    assert sorted(each.status_code for each in answers) == [204, 404]
    assert [action for action, _, _ in audit.entries] == ["retention-rule-changed", "retention-rule-deleted"]


async def test_what_the_database_refuses_is_not_written_down(database: Database, audit: KeptAudit) -> None:
    rules = RetentionRules(database, audit, anonymous_days=DAYS)
    with pytest.raises(DBAPIError):
        await rules.put(Rule("images", "camera-0000", None, 2**63), Author(7, "127.0.0.1"))
    assert audit.entries == []


async def test_an_audit_trail_that_hangs_holds_a_change_up_for_some_seconds(
    client: httpx.AsyncClient, audit: KeptAudit
) -> None:
    async def meanwhile() -> None:
        audit.meanwhile = None
        await asyncio.sleep(30)

    audit.meanwhile = meanwhile
    began = time.monotonic()
    assert (await put(client, limits(1))).status_code == 503
    assert time.monotonic() - began < 10
    assert (await client.get(PATH, params=CAMERA)).json()["rule"] is None
    assert (await put(client, limits(2))).status_code == 200


async def test_a_preview_is_what_the_rule_deletes(client: httpx.AsyncClient, database: Database) -> None:
    await fill(database, 30, devices=3)
    await age(database, "camera-0001", 40)
    for whose, rule in (
        (CAMERA, limits(None, 10)),
        ({**ALL, "deviceId": "camera-0001"}, limits(39)),
        (ALL, limits(39, 12)),
        (ALL, limits(41)),
        (ALL, FOREVER),
    ):
        told = await tried(client, rule, whose)
        assert (await client.get(f"{PATH}/rules")).json()["rules"] == []  # nothing was set
        await put(client, rule, whose)
        done = [each async for each in Retention(database, None).preview()]
        counted = (len(done), sum(each.pictures for each in done), sum(each.size for each in done))
        assert (told["devices"], told["pictures"], told["bytes"], told["complete"]) == (*counted, True)
        assert (told["oldest"] is None) == (counted[1] == 0)
        await client.delete(PATH, params=whose)
    told = await tried(client, limits(None, 10))
    assert (told["pictures"], told["bytes"]) == (7, 21)
    assert told["oldest"]["deviceId"] == "camera-0000"
    assert told["oldest"]["timestamp"] == "2024-08-18T02:04:10Z"
    assert (await client.get(told["oldest"]["href"])).content == b"png"


async def test_a_preview_without_a_rule_is_of_what_holds_then(client: httpx.AsyncClient, database: Database) -> None:
    await fill(database, 20, devices=2)
    await age(database, "camera-0000", DAYS + 1, anonymous=True)
    await age(database, "camera-0001", 100)
    await put(client, FOREVER)
    assert (await tried(client, FOREVER))["pictures"] == 0
    assert (await tried(client, None))["pictures"] == 10  # by the setting
    other = {**ALL, "deviceId": "camera-0001"}
    assert (await tried(client, None, other))["pictures"] == 0  # sent with a credential
    await put(client, limits(30), ALL)
    assert (await tried(client, None))["pictures"] == 0
    assert (await tried(client, None, other))["pictures"] == 10  # by the default rule
    assert (await tried(client, None, ALL))["pictures"] == 0  # the first has a rule of its own, the other a credential
    await client.delete(PATH, params=CAMERA)
    assert (await tried(client, None, ALL))["pictures"] == 10


async def test_a_preview_ends_in_time(database: Database) -> None:
    await fill(database, 30, devices=3)
    rules = RetentionRules(database, None, anonymous_days=DAYS)
    cut = await rules.preview("images", EVERY_DEVICE, Rule("images", EVERY_DEVICE, None, 1), seconds=-1)
    assert cut == (0, 0, 0, None, False)
    whole = await rules.preview("images", EVERY_DEVICE, Rule("images", EVERY_DEVICE, None, 1))
    assert (whole.devices, whole.pictures, whole.is_complete) == (3, 27, True)


@pytest.mark.parametrize("table", ["devices", "pictures"])
async def test_a_preview_ends_in_the_middle_of_a_statement(database: Database, table: str) -> None:
    await fill(database, 30, devices=3)
    rules = RetentionRules(database, None, anonymous_days=DAYS)
    tried_rule = Rule("images", EVERY_DEVICE, None, 1)
    async with database.writing() as session:
        await session.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))  # so that reading it takes long
        async with asyncio.timeout(10):
            assert await rules.preview("images", EVERY_DEVICE, tried_rule, seconds=0.5) == (0, 0, 0, None, False)
    assert (await rules.preview("images", EVERY_DEVICE, tried_rule)).pictures == 27


async def test_a_rule_without_limits_keeps_what_others_would_delete(
    client: httpx.AsyncClient, database: Database
) -> None:
    await fill(database, 20, devices=2)
    for device in ("camera-0000", "camera-0001"):
        await age(database, device, 100, anonymous=True)
    await put(client, limits(30), ALL)
    await put(client, FOREVER)
    gone = [each async for each in Retention(database, None).apply()]
    assert [(each.device_id, each.pictures) for each in gone] == [("camera-0001", 10)]
    assert (await client.get("/collections/devices")).json()["devices"][0]["pictures"] == 10


async def test_all_rules_in_pages(client: httpx.AsyncClient, database: Database) -> None:
    whose = [ALL, {"collection": "thermal"}] + [{**ALL, "deviceId": f"camera-{n}/x"} for n in range(5)]
    for each in whose:
        await put(client, limits(3), each)
    expected = sorted((each["collection"], each.get("deviceId", "")) for each in whose)
    for limit in (1, 3, 7, 50):
        found: list[tuple[str, str]] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await client.get(f"{PATH}/rules", params={"limit": limit, **cursor})).json()
            assert len(page["rules"]) <= limit
            found += [(each["collection"], each["deviceId"] or "") for each in page["rules"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert found == expected
    refused = await client.get(f"{PATH}/rules", params={"cursor": "x"})
    assert (refused.status_code, refused.json()["detail"]) == (400, "cursor: This is not a cursor of this list.")
    async with database.writing() as session:
        await session.execute(text("UPDATE retention_rules SET collection = 'gone' WHERE collection = 'thermal'"))
    assert (await client.get(PATH, params={"collection": "gone"})).status_code == 404
    assert (await client.delete(PATH, params={"collection": "gone"})).status_code == 204


async def test_only_administrators_change_rules(service: WithState, client: httpx.AsyncClient, key: Key) -> None:
    await put(client, limits(30))
    admin = int(Authority.ADMIN)
    async with client_of(service) as other:
        for status, headers in (
            (401, {}),
            (401, {"Authorization": "Bearer x"}),
            (403, bearer(key)),
            (403, bearer(key, authority=admin, scope="collect")),
            (403, bearer(key, authority=admin, scope="read")),
        ):
            for method, path, body in (
                ("PUT", PATH, FOREVER),
                ("DELETE", PATH, None),
                ("POST", f"{PATH}/preview", {"rule": None}),
                ("GET", f"{PATH}/rules", None),
            ):
                answer = await other.request(method, path, params=CAMERA, json=body, headers=headers)
                assert (answer.status_code, method, path) == (status, method, path)
        assert (await other.get(PATH, params=CAMERA)).json()["rule"] == limits(30)  # the collection is open


async def test_who_reads_a_device_sees_its_rule(make_core_settings: MakeCoreSettings, key: Key) -> None:
    mine = bearer(key, scope="collect", device_id="camera-0000")
    app = create_app(make_core_settings(collection_access=Access.KEYS))
    async with running(app) as started, client_of(trusting(started, key)) as client:

        async def told(headers: dict[str, str]) -> list[int]:
            asked = (CAMERA, {**ALL, "deviceId": "other"}, ALL)
            return [(await client.get(PATH, params=each, headers=headers)).status_code for each in asked]

        assert await told({}) == [401, 401, 401]
        assert await told(mine) == [200, 403, 403]
        assert await told(bearer(key)) == [200, 200, 200]
        assert await told(bearer(key, scope="read")) == [200, 200, 200]
        assert await told(bearer(key, scope="predict")) == [403, 403, 403]
        assert await told(bearer(key, authority=int(Authority.NONE))) == [403, 403, 403]
