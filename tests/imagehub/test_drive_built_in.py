"""The built-in drive by ImageHub's paths: folders, names, room, and what stays when something is deleted."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import anyio
import pytest
from support.asgi import WithState, client_of, running
from support.drives import UNIT, Drive, execute, some_bytes
from support.gateway import Key
from support.imagehub import Hub, MakeHubSettings
from support.kit import verifier_of

from imagehub_service.app import create_app
from imagehub_service.config import MB
from imagehub_service.drives.errors import FileTooLarge, NoSuchItem

BAD_NAMES = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "a\\b",
    "x" * 400,
    "CON",
    "nul.png",
    "a\0b",
    "a.",
    " a",
    "a ",
    "a\nb",
    "?",
    "\x85",
]
NO_ITEMS = ["", "x", "01" + "A" * 32, "\0", "a\0b", "../x", "' OR 1=1 --", "x" * 8000, "🩻"]


@pytest.fixture
def drive(hub: Hub) -> Drive:
    return Drive(hub)


async def test_a_drive_without_folders(drive: Drive) -> None:
    assert await drive.call("connect") == {"code": 1, "hint": "connection_successful"}
    assert await drive.call("folders") == {"code": 1, "folders": {"used_storage": 0.0, "total_storage": 100.0}}


async def test_a_folder_with_files(drive: Drive) -> None:
    folder = await drive.add_folder("System")
    first = await drive.upload(folder, some_bytes(7), "b.png")
    second = await drive.upload(folder, some_bytes(8), "a.png")
    body = await drive.call("folders")
    shown = body["folders"].pop(folder)
    assert body == {"code": 1, "folders": {"used_storage": 0.0, "total_storage": 100.0}}
    assert list(shown["files"]) == [second["id"], first["id"]]
    times = [shown.pop("creation_time"), shown.pop("modification_time")]
    for file in shown["files"].values():
        times += [file.pop("creation_time"), file.pop("modification_time")]
    assert shown == {
        "folder_name": "System",
        "folder_size": 15,
        "is_folder": True,
        "files": {
            first["id"]: {"file_name": "b.png", "file_size": 7, "is_folder": False},
            second["id"]: {"file_name": "a.png", "file_size": 8, "is_folder": False},
        },
    }
    for time in times:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time)
        assert abs(datetime.fromisoformat(time) - datetime.now(UTC)) < timedelta(minutes=1)
    assert all(re.fullmatch(r"01[A-Z2-7]{32}", each) for each in (folder, first["id"], second["id"]))


async def test_a_name_that_is_taken_gets_a_number(drive: Drive) -> None:
    for name in ("System", "SYSTEM", "system", "System 1", "x" * 255, "X" * 255):
        assert (await drive.call("add-folder", folder_name=name))["code"] == 1
    names = [folder["folder_name"] for folder in (await drive.folders()).values()]
    assert sorted(names) == sorted(["System", "SYSTEM 1", "system 2", "System 1 1", "x" * 255, "X" * 253 + " 1"])


async def test_many_folders_of_one_name(drive: Drive) -> None:
    for _ in range(12):
        await drive.call("add-folder", folder_name="a")
    names = {folder["folder_name"] for folder in (await drive.folders()).values()}
    assert names == {"a", *(f"a {number}" for number in range(1, 12))}


async def test_folders_that_are_made_at_once(drive: Drive) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(lambda: drive.call("add-folder", folder_name="a"))
    names = [folder["folder_name"] for folder in (await drive.folders()).values()]
    assert sorted(names) == sorted(["a", *(f"a {number}" for number in range(1, 12))])


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_names_that_nothing_can_have(drive: Drive, name: str) -> None:
    folder = await drive.add_folder("System")
    before = await drive.folders()
    for path, hint, params in [
        ("add-folder", "folder_creation_operation_failed", {"folder_name": name}),
        ("rename", "rename_operation_failed", {"item_id": folder, "new_name": name}),
        ("upload-session", "couldn't_get_session", {"folder_id": folder, "file_name": name}),
    ]:
        body = await drive.call(path, **params)
        assert (body.pop("code"), body.pop("hint"), body.pop("detail")[-1], body) == (0, hint, ".", {})
    assert await drive.folders() == before


async def test_what_was_not_done_in_problem_details(drive: Drive) -> None:
    folder = await drive.add_folder("System")
    await drive.add_folder("Other")
    for name, code in [("Other", "name-taken"), ("a?b", "invalid-name")]:
        answer = await drive.hub.http.get(
            "/admin/onedrive/rename",
            params={"item_id": folder, "new_name": name},
            headers={"Accept": "application/problem+json", **drive.hub.admin},
        )
        assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
        assert (answer.json()["type"], answer.json()["code"]) == ("/problems/conflict", code)


@pytest.mark.parametrize("item", NO_ITEMS)
async def test_what_is_not_there(drive: Drive, item: str) -> None:
    for path, hint, params in [
        ("rename", "rename_operation_failed", {"item_id": item, "new_name": "a"}),
        ("delete-folder", "folder_deletion_operation_failed", {"folder_id": item}),
        ("upload-session", "couldn't_get_session", {"folder_id": item, "file_name": "a"}),
    ]:
        body = await drive.call(path, **params)
        assert (body["code"], body["hint"]) == (0, hint)
        assert "There is no" in body["detail"]
    with pytest.raises(NoSuchItem):
        await drive.stored(item)


async def test_renaming(drive: Drive) -> None:
    folder, other = await drive.add_folder("System"), await drive.add_folder("Other")
    one, two = await drive.upload(folder, b"1", "1.png"), await drive.upload(folder, b"2", "2.png")
    await drive.upload(other, b"3", "3.png")
    done, failed = {"code": 1, "hint": "rename_operation_successful"}, {"code": 0, "hint": "rename_operation_failed"}
    assert await drive.call("rename", item_id=folder, new_name="SYSTEM") == done  # its own name in another case
    assert await drive.call("rename", item_id=one["id"], new_name="3.png") == done  # of another folder
    assert await drive.call("rename", item_id=one["id"], new_name="3.png") == done
    for item, name in [(two["id"], "3.PNG"), (other, "system")]:
        body = await drive.call("rename", item_id=item, new_name=name)
        assert body.pop("detail") == "There is another item of this name."
        assert body == failed
    found = await drive.folders()
    assert {each["folder_name"]: [file["file_name"] for file in each["files"].values()] for each in found.values()} == {
        "SYSTEM": ["2.png", "3.png"],
        "Other": ["3.png"],
    }
    assert await drive.stored(one["id"]) == b"1"


async def test_deleting(drive: Drive) -> None:
    folder, other = await drive.add_folder("System"), await drive.add_folder("Other")
    one, two = await drive.upload(folder, b"1", "1.png"), await drive.upload(folder, b"2", "2.png")
    kept = await drive.upload(other, b"1", "1.png")
    waiting = await drive.session(folder)
    done = {"code": 1, "hint": "folder_deletion_operation_successful"}
    assert await drive.call("delete-folder", folder_id=one["id"]) == done
    assert list((await drive.folders())[folder]["files"]) == [two["id"]]
    assert await drive.call("delete-folder", folder_id=folder) == done
    assert (await drive.call("delete-folder", folder_id=folder))["code"] == 0
    assert set(await drive.folders()) == {other}
    for gone in (one, two):
        with pytest.raises(NoSuchItem):
            await drive.stored(gone["id"])
    assert await drive.stored(kept["id"]) == b"1"
    assert (await drive.hub.http.get(waiting)).status_code == 404


async def test_a_picture_of_the_gallery_stays_when_its_file_goes(drive: Drive) -> None:
    folder = await drive.add_folder("System")
    picture = await drive.hub.picture(await drive.hub.group())
    async with drive.hub.database.reading() as session:
        data = await drive.hub.services.blobs.get(session, picture.sha256)
    item = await drive.upload(folder, data)
    assert (await drive.call("delete-folder", folder_id=item["id"]))["code"] == 1
    async with drive.hub.database.reading() as session:
        assert await drive.hub.services.blobs.get(session, picture.sha256) == data


async def test_downloading(drive: Drive) -> None:
    folder = await drive.add_folder()
    data = some_bytes(5000)
    item = await drive.upload(folder, data)
    built_in = drive.hub.services.drives.for_account(2)
    assert await built_in.download(item["id"], max_bytes=5000) == data
    with pytest.raises(FileTooLarge):
        await built_in.download(item["id"], max_bytes=4999)
    with pytest.raises(NoSuchItem):
        await built_in.download(folder, max_bytes=5000)


async def test_all_administrators_share_the_drive(drive: Drive, hub: Hub) -> None:
    folder = await drive.add_folder()
    assert [each.id for each in (await hub.services.drives.for_account(77).contents()).folders] == [folder]


@pytest.fixture
async def small(make_settings: MakeHubSettings, signing_key: Key) -> AsyncIterator[Drive]:
    """A drive of one MB."""
    async with running(create_app(make_settings(drive_bytes=MB))) as app:
        service = WithState(app.app, {**app.state, "tokens": verifier_of(signing_key)})
        async with client_of(service) as http:
            yield Drive(Hub(service, http, signing_key))


async def test_a_full_drive(small: Drive) -> None:
    folder = await small.add_folder()
    await small.upload(folder, some_bytes(MB), "a.png")
    answer = await small.send(await small.session(folder, "b.png"), b"x", 0, 1)
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "quotaLimitReached")
    for item in (await small.folders())[folder]["files"]:
        await small.call("delete-folder", folder_id=item)
    await small.upload(folder, b"x", "b.png")


async def test_what_a_session_announces_is_there_when_its_last_chunk_comes(small: Drive) -> None:
    folder = await small.add_folder()
    data = some_bytes(2 * UNIT)
    slow = await small.session(folder, "slow.png")
    assert (await small.send(slow, data, 0, UNIT)).status_code == 202
    other = await small.session(folder, "other.png")
    for _ in range(2):
        answer = await small.send(other, some_bytes(2 * UNIT, 1), 0, UNIT)
        assert (answer.status_code, answer.json()["error"]["code"]) == (507, "quotaLimitReached")
    await small.upload(folder, b"x", "small.png")  # for which there is room
    answer = await small.send(slow, data, UNIT, 2 * UNIT)
    assert answer.status_code == 201
    assert await small.stored(answer.json()["id"]) == data
    await small.call("delete-folder", folder_id=answer.json()["id"])
    assert (await small.send(other, data, 0, UNIT)).status_code == 202


async def test_open_sessions_together_do_not_exceed_the_drive(small: Drive) -> None:
    """Also where all of them begin in the same moment."""
    folder = await small.add_folder()
    data = some_bytes(UNIT + 100)
    urls = [await small.session(folder, f"{number}.png") for number in range(8)]
    answers = await asyncio.gather(*(small.send(url, data, 0, UNIT) for url in urls))
    begun = [url for url, answer in zip(urls, answers, strict=True) if answer.status_code == 202]
    assert (len(begun), {answer.status_code for answer in answers}) == (3, {202, 507})
    ends = await asyncio.gather(*(small.send(url, data, UNIT, len(data)) for url in begun))
    assert [answer.status_code for answer in ends] == [201, 201, 201]
    files = (await small.folders())[folder]["files"]
    assert len(files) * len(data) <= MB


async def test_a_session_that_expires_gives_its_room_back(small: Drive) -> None:
    folder = await small.add_folder()
    data = some_bytes(3 * UNIT)
    first = await small.session(folder, "first.png")
    assert (await small.send(first, data, 0, UNIT)).status_code == 202
    second = await small.session(folder, "second.png")
    assert (await small.send(second, data, 0, UNIT)).status_code == 507
    await execute(small.hub, "UPDATE upload_sessions SET expires_at = now() WHERE name = 'first.png'")
    assert (await small.send(second, data, 0, UNIT)).status_code == 202


async def test_chunks_count_before_their_file_is_complete(small: Drive) -> None:
    folder = await small.add_folder()
    data = some_bytes(3 * UNIT)
    first = await small.session(folder, "first.png")
    assert (await small.send(first, data, 0, 2 * UNIT)).status_code == 202
    second = await small.session(folder, "second.png")
    assert (await small.send(second, data, 0, UNIT)).status_code == 507
    assert (await small.hub.http.delete(first)).status_code == 204
    assert (await small.send(second, data, 0, UNIT)).status_code == 202
