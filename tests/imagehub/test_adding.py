"""`/admin/add/image` and `/api/gallery/additions`, as their clients see them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
from PIL import Image
from support.additions import FOLDER, Kept, coloured, gallery_of, image_list
from support.asgi import WithState, running
from support.gateway import Key
from support.imagehub import ADMIN_ID, Hub, MakeHubSettings
from support.kit import verifier_of
from support.memory_drive import MemoryDrive, MemoryDrives
from support.pictures import encoded, png, png_claiming

from imagehub_service.app import SERVICE, open_services
from imagehub_service.drives.errors import ConsentNeeded, DriveUnavailable
from lightbox_shared.auth.principal import Authority

ADDED = "image_added_in_database"
INVALID = "invalid image list"


@pytest.fixture
def drive() -> MemoryDrive:
    return MemoryDrive()


@pytest.fixture
async def service(make_settings: MakeHubSettings, signing_key: Key, drive: MemoryDrive) -> AsyncIterator[WithState]:
    described = replace(SERVICE, open=partial(open_services, drives=MemoryDrives(drive)))
    async with running(described.create_app(make_settings())) as app:
        yield WithState(app.app, {**app.state, "tokens": verifier_of(signing_key)})


async def add(hub: Hub, body: Any, **headers: str) -> httpx.Response:
    return await hub.http.post("/admin/add/image", json=body, headers={**hub.admin, **headers})


async def state_of(hub: Hub, path: str) -> dict[str, Any]:
    answer = await hub.http.get(path, headers=hub.admin)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def ended(hub: Hub, path: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while (found := await state_of(hub, path))["state"] in {"queued", "running"}:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return found


async def test_the_lists_of_the_documentation(hub: Hub, drive: MemoryDrive) -> None:
    for _ in range(16):  # the second list is about the group 17
        await hub.group()
    name = "steps-in-instruction-execution-by-cpu.png"
    drive.files["01TX4ZA77HMAJQR72NJZC2ZNJEZEK22ILO"] = name, png()
    listed = {
        "image_list": {
            "01TX4ZA735SY5SYKPEY5HJ7XW6CC2FUBRY": {
                "all_image_id": [
                    {
                        "file_name": "steps-in-instruction-execution-by-cpu.png",
                        "file_id": "01TX4ZA77HMAJQR72NJZC2ZNJEZEK22ILO",
                    }
                ],
                "group": -1,
                "folder_name": "System",
            }
        }
    }
    answer = await add(hub, listed)
    assert (answer.status_code, answer.json()["code"], answer.json()["hint"]) == (200, 1, ADDED)
    assert (answer.json()["groups"], answer.json()["added"]) == ([17], 1)
    assert await gallery_of(hub.database) == [(17, 1, name)]
    entry = {"folder_name": "System", "image_id": 1, "image_name": name}
    answer = await hub.http.post(
        "/admin/delete/image", json={"image_list": {"17": [{**entry, "selected": True}]}}, headers=hub.admin
    )
    assert answer.json() == {"code": 1, "hint": "image_deleted_from_database", "deleted": 1}
    assert await gallery_of(hub.database) == []


async def test_numbers_follow_the_list_and_failures_leave_no_gaps(hub: Hub, drive: MemoryDrive) -> None:
    files = {
        "a.png": coloured(1),
        "text.png": b"this is no picture",
        "b.png": coloured(2),
        "empty.png": b"",
        "huge.png": png_claiming(20_000, 20_000),
        "truncated.jpg": encoded(Image.effect_noise((200, 200), 90), "JPEG")[:-500],
        "too-many-bytes.png": coloured(3) + bytes(21 * 2**20),
        "c.png": coloured(4),
    }
    listed = [(name, drive.put(name, data)) for name, data in files.items()]
    listed.insert(1, ("gone.png", "01NOBODY"))
    answer = (await add(hub, image_list(*listed))).json()
    assert (answer["code"], answer["added"], answer["failed"], answer["groups"]) == (1, 3, 6, [1])
    assert await gallery_of(hub.database) == [Kept(1, 1, "a.png"), Kept(1, 2, "b.png"), Kept(1, 3, "c.png")]
    failed = {each["file_name"]: each["detail"] for each in answer["errors"]}
    assert list(failed) == [name for name, _ in listed if name not in {"a.png", "b.png", "c.png"}]
    assert all(detail.endswith(".") and len(detail) > 15 for detail in failed.values())
    assert "no file" in failed["gone.png"]
    assert failed["empty.png"] == "The file is empty."
    codes = ["no-such-item", "unsupported-picture", "empty-file", "too-many-pixels", "broken-picture", "file-too-large"]
    assert [each["code"] for each in answer["errors"]] == codes
    assert [each["parameters"] for each in answer["errors"]] == [{}, {}, {}, {}, {}, {"bytes": 20 * 2**20}]
    assert {(each["folder_id"], each["file_id"]) for each in answer["errors"][:1]} == {(FOLDER, "01NOBODY")}


async def test_a_list_of_which_nothing_can_be_added_makes_no_group(hub: Hub, drive: MemoryDrive) -> None:
    bad = drive.put("bad.png", b"no picture")
    answer = (await add(hub, image_list(("bad.png", bad), ("gone.png", "gone")))).json()
    assert (answer["code"], answer["hint"], answer["added"], answer["failed"]) == (2, INVALID, 0, 2)
    good = drive.put("good.png", png())
    assert (await add(hub, image_list(("good.png", good)))).json()["groups"] == [1]


async def test_folders_of_one_list_are_groups_of_their_own(hub: Hub, drive: MemoryDrive) -> None:
    group = await hub.group()
    ids = [drive.put(f"{number}.png", coloured(number)) for number in range(6)]
    body: dict[str, Any] = {"image_list": {}}
    for number, target in enumerate((-1, str(group), "-1")):
        mine = [(f"{each}.png", ids[each]) for each in (2 * number, 2 * number + 1)]
        body["image_list"] |= image_list(*mine, group=target, folder=f"F{number}", name=f"Folder {number}")[
            "image_list"
        ]
    assert (await add(hub, body)).json()["groups"] == [1, 2, 3]
    assert await gallery_of(hub.database) == [
        (1, 1, "2.png"), (1, 2, "3.png"), (2, 1, "0.png"), (2, 2, "1.png"), (3, 1, "4.png"), (3, 2, "5.png"),
    ]  # fmt: skip


async def test_the_same_file_twice_is_two_pictures(hub: Hub, drive: MemoryDrive) -> None:
    file = "a.png", drive.put("a.png", png())
    assert (await add(hub, image_list(file, file))).json()["added"] == 2
    assert (await add(hub, image_list(file, group=1))).json()["added"] == 1
    assert await gallery_of(hub.database) == [(1, 1, "a.png"), (1, 2, "a.png"), (1, 3, "a.png")]


async def test_a_group_that_does_not_exist(hub: Hub, drive: MemoryDrive) -> None:
    file_id = drive.put("a.png", png())
    answer = (await add(hub, image_list(("a.png", file_id), group=9))).json()
    assert (answer["code"], answer["errors"][0]["detail"]) == (2, "There is no group 9.")
    assert (answer["errors"][0]["code"], answer["errors"][0]["parameters"]) == ("no-such-group", {"group": 9})
    assert drive.downloads[file_id] == 0  # it is not read in vain


async def test_a_drive_that_does_not_answer_for_a_moment_is_asked_again(hub: Hub, drive: MemoryDrive) -> None:
    busy = [DriveUnavailable(retry_after=0) for _ in range(2)]
    files = [("a.png", drive.put("a.png", coloured(1), *busy)), ("b.png", drive.put("b.png", coloured(2)))]
    dead = drive.put("c.png", coloured(3), *(DriveUnavailable(retry_after=0) for _ in range(9)))
    closed = drive.put("d.png", coloured(4), ConsentNeeded("https://login.example"))
    answer = (await add(hub, image_list(*files, ("c.png", dead), ("d.png", closed)))).json()
    assert [each.name for each in await gallery_of(hub.database)] == ["a.png", "b.png"]
    assert [each["detail"] for each in answer["errors"]] == [
        "The drive does not answer at the moment.",
        "The use of the drive has to be allowed at Microsoft's page.",
    ]
    assert drive.downloads[dead] == 3


VALID = image_list(("a.png", "1"))["image_list"]
ENTRY: dict[str, Any] = VALID[FOLDER]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "image_list"),
        ({"image_list": None}, "image_list"),
        ({"image_list": []}, "image_list"),
        ({"image_list": [ENTRY]}, "image_list"),
        ({"image_list": "x"}, "image_list"),
        ({"image_list": {FOLDER: []}}, FOLDER),
        ({"image_list": {FOLDER: None}}, FOLDER),
        ({"image_list": {FOLDER: {**ENTRY, "group": "x"}}}, "group"),
        ({"image_list": {FOLDER: {**ENTRY, "group": ""}}}, "group"),
        ({"image_list": {FOLDER: {**ENTRY, "group": 0}}}, "group"),
        ({"image_list": {FOLDER: {**ENTRY, "group": -2}}}, "group"),
        ({"image_list": {FOLDER: {**ENTRY, "group": 2**63}}}, "group"),
        ({"image_list": {FOLDER: {**ENTRY, "group": "9" * 5000}}}, "group"),
        ({"image_list": {FOLDER: {**ENTRY, "group": 10**400}}}, "group"),
        ({"image_list": {FOLDER: {**ENTRY, "group": 1.5}}}, "group"),
        ({"image_list": {FOLDER: {**ENTRY, "group": True}}}, "group"),
        ({"image_list": {FOLDER: {**ENTRY, "group": None}}}, "group"),
        ({"image_list": {FOLDER: {**ENTRY, "group": "١"}}}, "group"),
        ({"image_list": {FOLDER: {**ENTRY, "folder_name": 5}}}, "folder_name"),
        ({"image_list": {FOLDER: {**ENTRY, "folder_name": "x" * 1001}}}, "folder_name"),
        ({"image_list": {FOLDER: {**ENTRY, "folder_name": "a\0"}}}, "image_list"),
        ({"image_list": {FOLDER: {**ENTRY, "all_image_id": None}}}, "all_image_id"),
        ({"image_list": {FOLDER: {**ENTRY, "all_image_id": {}}}}, "all_image_id"),
        ({"image_list": {FOLDER: {**ENTRY, "all_image_id": ["1"]}}}, "all_image_id.0"),
        ({"image_list": {FOLDER: {**ENTRY, "all_image_id": [{"file_name": "a"}]}}}, "file_id"),
        ({"image_list": {FOLDER: {**ENTRY, "all_image_id": [{"file_id": "a"}]}}}, "file_name"),
        ({"image_list": {FOLDER: {**ENTRY, "all_image_id": [{"file_name": "a", "file_id": 7}]}}}, "file_id"),
        ({"image_list": {FOLDER: {**ENTRY, "all_image_id": [{"file_name": "a", "file_id": ""}]}}}, "file_id"),
        ({"image_list": {"x" * 501: ENTRY}}, "x" * 501),
    ],
)
async def test_lists_that_are_not_valid_name_the_field(hub: Hub, body: Any, field: str) -> None:
    answer = await add(hub, body)
    assert answer.status_code == 422
    wrong = answer.json()["detail"][0]
    assert field in ".".join(str(part) for part in wrong["loc"])
    assert wrong["msg"]
    assert await gallery_of(hub.database) == []


@pytest.mark.parametrize("body", [{"image_list": {}}, {"image_list": {FOLDER: {**ENTRY, "all_image_id": []}}}])
@pytest.mark.parametrize("prefer", ["", "respond-async"])
async def test_a_list_without_pictures(hub: Hub, body: Any, prefer: str) -> None:
    answer = await add(hub, body, Prefer=prefer)
    assert answer.status_code == 200
    assert (answer.json()["code"], answer.json()["hint"]) == (2, INVALID)
    assert (await state_of(hub, "/api/gallery/additions"))["additions"] == []


@pytest.mark.parametrize(
    ("sent", "status"), [(b"[]", 400), (b"{", 400), (b"\xff", 400), (b'{"image_list":' + b"[" * 99_999, 400)]
)
async def test_bodies_that_are_no_json_object(hub: Hub, sent: bytes, status: int) -> None:
    headers = {**hub.admin, "Content-Type": "application/json"}
    answer = await hub.http.post("/admin/add/image", content=sent, headers=headers)
    assert (answer.status_code, list(answer.json())) == (status, ["detail"])


async def test_ten_thousand_pictures_are_accepted(hub: Hub, drive: MemoryDrive) -> None:
    drive.gate.clear()
    files = [
        (f"photograph-number-{number:05}-of-many.jpeg", f"01TX4ZA77HMAJQR72NJZC2ZNJE{number:08}")
        for number in range(10_000)
    ]
    body = image_list(*files)
    assert len(json.dumps(body)) < 2 * 2**20
    answer = await add(hub, body, Prefer="respond-async")
    assert (answer.status_code, answer.json()["total"]) == (202, 10_000)
    path = answer.headers["location"]
    assert (await state_of(hub, path))["current"] == files[0][0]
    assert (await hub.http.delete(path, headers=hub.admin)).status_code == 204
    assert (await state_of(hub, path))["state"] == "cancelled"
    assert drive.most_under_way <= 8
    drive.gate.set()


async def test_larger_bodies_are_refused(hub: Hub) -> None:
    answer = await add(hub, image_list(("a" * 900, "1"), name="x" * 900) | {"more": "x" * 2**21})
    assert answer.status_code == 413


@pytest.mark.parametrize("prefer", ["respond-async", "Respond-Async, wait=10", "wait=10,respond-async;x=1"])
async def test_an_answer_at_once(hub: Hub, drive: MemoryDrive, prefer: str) -> None:
    drive.gate.clear()
    files = [("a.png", drive.put("a.png", png())), ("b.png", drive.put("b.png", b"none"))]
    answer = await add(hub, image_list(*files), Prefer=prefer)
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    path = answer.headers["location"]
    assert path == f"/api/gallery/additions/{answer.json()['id']}"
    assert (answer.json()["total"], answer.json()["added"], answer.json()["groups"]) == (2, 0, [])
    drive.gate.set()
    found = await ended(hub, path)
    assert (found["state"], found["added"], found["failed"], found["groups"]) == ("done", 1, 1, [1])
    assert (found["current"], found["created_by"]) == (None, ADMIN_ID)
    assert [each["file_name"] for each in found["errors"]] == ["b.png"]
    assert found["finished_at"].endswith("Z")
    (listed,) = (await state_of(hub, "/api/gallery/additions"))["additions"]
    assert listed == {name: value for name, value in found.items() if name != "errors"}
    assert (await hub.http.delete(path, headers=hub.admin)).status_code == 204  # forgets one that has ended
    assert (await hub.http.get(path, headers=hub.admin)).status_code == 404
    assert len(await gallery_of(hub.database)) == 1


async def test_a_client_that_goes_away_does_not_end_it(hub: Hub, drive: MemoryDrive) -> None:
    drive.gate.clear()
    waiting = asyncio.create_task(add(hub, image_list(("a.png", drive.put("a.png", png())))))
    async with asyncio.timeout(10):
        while not drive.under_way:  # noqa: ASYNC110 - the worker begins by itself
            await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    drive.gate.set()
    found = await ended(hub, "/api/gallery/additions/1")
    assert (found["state"], found["added"]) == ("done", 1)


async def test_who_waits_holds_no_connection(hub: Hub, drive: MemoryDrive) -> None:
    drive.gate.clear()
    file = "a.png", drive.put("a.png", png())
    waiting = [asyncio.create_task(add(hub, image_list(file))) for _ in range(25)]  # the pool has 10
    async with asyncio.timeout(20):
        while len((await state_of(hub, "/api/gallery/additions"))["additions"]) < 25:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        drive.gate.set()
        answers = await asyncio.gather(*waiting)
    assert {answer.json()["added"] for answer in answers} == {1}
    assert sorted(answer.json()["groups"][0] for answer in answers) == list(range(1, 26))


async def test_a_cancelled_addition_keeps_what_is_there(hub: Hub, drive: MemoryDrive) -> None:
    files = [(f"{number}.png", drive.put(f"{number}.png", coloured(number))) for number in range(3)]
    await add(hub, image_list(files[0]))
    drive.gate.clear()
    waiting = asyncio.create_task(add(hub, image_list(*files, group=1)))
    async with asyncio.timeout(10):
        while drive.under_way < 3:  # noqa: ASYNC110 - the worker begins by itself
            await asyncio.sleep(0.01)
    assert (await hub.http.delete("/api/gallery/additions/2", headers=hub.admin)).status_code == 204
    answer = await waiting
    assert (answer.json()["code"], answer.json()["added"]) == (2, 0)
    drive.gate.set()
    assert (await add(hub, image_list(files[1], group=1))).json()["code"] == 1
    assert [each.name for each in await gallery_of(hub.database)] == ["0.png", "1.png"]


@asynccontextmanager
async def events(hub: Hub, path: str, **headers: str) -> AsyncIterator[list[tuple[str, dict[str, Any]]]]:
    """All events of a stream, which the transport of the tests gives as a whole."""
    answer = await hub.http.get(f"{path}/events", headers={**hub.admin, **headers})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    found = []
    for block in answer.text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], {**json.loads(fields["data"]), "event_id": fields["id"]}))
    yield found


async def test_events_until_the_end(hub: Hub, drive: MemoryDrive) -> None:
    drive.gate.clear()
    files = [(f"{number}.png", drive.put(f"{number}.png", coloured(number))) for number in range(3)]
    path = (await add(hub, image_list(*files), Prefer="respond-async")).headers["location"]
    asyncio.get_running_loop().call_later(0.5, drive.gate.set)
    async with asyncio.timeout(20), events(hub, path) as found:
        kinds = [kind for kind, _ in found]
        counts = [data["added"] for _, data in found]
    assert kinds[0] == "progress"
    assert kinds.count("done") == 1
    assert kinds[-1] == "done"
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 3)
    assert "errors" not in found[0][1]
    answer = await hub.http.get(f"{path}/events", headers={**hub.admin, "Last-Event-ID": found[-1][1]["event_id"]})
    assert (answer.status_code, answer.content) == (204, b"")  # WHATWG: a browser does not come back
    async with events(hub, path, **{"Last-Event-ID": "something else"}) as again:
        assert [kind for kind, _ in again] == ["done"]
    assert (await hub.http.head(f"{path}/events", headers=hub.admin)).status_code == 200
    assert hub.services.open_streams.count == 0


@pytest.mark.parametrize("path", ["", "/events"])
@pytest.mark.parametrize(("number", "status"), [("99", 404), ("0", 422), ("x", 422), (str(2**63), 422)])
async def test_additions_that_do_not_exist(hub: Hub, number: str, status: int, path: str) -> None:
    answer = await hub.http.get(f"/api/gallery/additions/{number}{path}", headers=hub.admin)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_pages_of_additions(hub: Hub, drive: MemoryDrive) -> None:
    file = "a.png", drive.put("a.png", png())
    for _ in range(5):
        await add(hub, image_list(file))
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        body = await state_of(hub, f"/api/gallery/additions?limit=2{cursor and f'&cursor={cursor}'}")
        seen += [each["id"] for each in body["additions"]]
        cursor = body["next_cursor"]
    assert seen == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/admin/add/image"),
        ("POST", "/admin/delete/image"),
        ("GET", "/admin/groups"),
        ("GET", "/admin/groups/images"),
        ("GET", "/admin/image?group_id=1"),
        ("GET", "/api/gallery/additions"),
        ("GET", "/api/gallery/additions/1"),
        ("GET", "/api/gallery/additions/1/events"),
        ("DELETE", "/api/gallery/additions/1"),
    ],
)
async def test_only_administrators(hub: Hub, method: str, path: str) -> None:
    assert (await hub.http.request(method, path)).status_code == 401
    for authority in set(Authority) - {Authority.ADMIN}:
        answer = await hub.http.request(method, path, headers=hub.headers(authority))
        assert (authority, answer.status_code) == (authority, 403)
    wrong = {"Authorization": "Bearer nonsense"}
    assert (await hub.http.request(method, path, headers=wrong)).status_code == 401
