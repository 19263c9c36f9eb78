"""What administrators do with their OneDrive: folders, files, upload sessions, downloads."""

from datetime import UTC, datetime

import httpx
import pytest
from graph_server.faults import error
from support.imagehub import MakeHubSettings
from support.onedrive import GraphServer, Process, tree
from support.onedrive import process as open_process

from imagehub_service.drives.errors import (
    DriveError,
    DriveFull,
    FileTooLarge,
    InvalidName,
    NameTaken,
    NoSuchItem,
)
from imagehub_service.drives.onedrive.service import OneDrive

FRAGMENT = 320 * 1024
BAD_NAMES = [
    "",
    " ",
    ".",
    "..",
    "a/b",
    "a\\b",
    "../../me",
    "a:b",
    'a"b',
    "a*",
    "<a>",
    "a|b",
    "what?",
    " a",
    "a ",
    "a.",
    "x" * 256,
    "x" * 400,
    "CON",
    "nul.png",
    "com1",
    "LPT9.jpg",
    ".lock",
    "desktop.ini",
    "~$a.docx",
    "a_vti_b",
    "a\0b",
    "a\nb",
    "a\x7f",
    "\ud800",
]
BAD_IDS = [
    "",
    ".",
    "..",
    "../..",
    "root",
    "ROOT",
    "a/b",
    "a%2Fb",
    "a:b",
    "a?b",
    "a#b",
    "a b",
    "\0",
    "\ud800",
    "é",
    "x" * 400,
]


async def test_folders_with_their_files(graph: GraphServer, drive: OneDrive) -> None:
    there = graph.drive()
    folder = there.add_folder("System")
    file, _ = there.put_file("cpu.png", b"12345", folder)
    there.add_folder("Empty")
    there.put_file("at the root.txt", b"not shown")
    there.put_file("deep.png", b"not shown", there.add_folder("Below", folder))
    file.created = folder.modified = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)

    found = await drive.contents()

    assert tree(found) == {"Empty": {}, "System": {"cpu.png": 5}}
    system = found.folders[1]
    assert (system.id, system.size, system.modified_at) == (folder.id, 14, folder.modified)
    assert (system.files[0].id, system.files[0].created_at) == (file.id, file.created)
    assert (found.used_bytes, found.total_bytes) == (there.used(), there.total)
    assert not found.is_stale
    assert (datetime.now(UTC) - found.as_of).total_seconds() < 60


async def test_more_than_one_page(graph: GraphServer, drive: OneDrive) -> None:
    graph.state.page_size = 7
    for number in range(20):
        graph.drive().put_file("a.png", b"x" * number, graph.drive().add_folder(f"{number:02}"))
    assert tree(await drive.contents()) == {f"{number:02}": {"a.png": number} for number in range(20)}
    assert sum("/root/delta" in path for path in graph.faults.paths()) == 6


async def test_create_a_folder_twice(graph: GraphServer, drive: OneDrive) -> None:
    first, second = await drive.create_folder("Arts"), await drive.create_folder("arts")
    assert (first.name, second.name, list(first.files)) == ("Arts", "arts 1", [])
    assert first.id in graph.drive().items
    assert tree(await drive.contents()) == {"Arts": {}, "arts 1": {}}


@pytest.mark.parametrize(
    "name", ["Ärzte 日本 🩻", "100% & more; = #1", "a+b", "x" * 255, "CONTENT", "com10", "it's (1)"]
)
async def test_names_arrive_as_they_are(graph: GraphServer, drive: OneDrive, name: str) -> None:
    folder = await drive.create_folder(name)
    assert folder.name == graph.drive().items[folder.id].name == name
    address = await drive.open_upload_session(folder.id, name, public_base="")
    async with httpx.AsyncClient() as browser:
        answer = await browser.put(address, content=b"x", headers={"Content-Range": "bytes 0-0/1"})
    assert (answer.status_code, answer.json()["name"]) == (201, name)
    await drive.rename(answer.json()["id"], f"2{name[:250]}")
    assert tree(await drive.contents()) == {name: {f"2{name[:250]}": 1}}


async def test_names_that_onedrive_does_not_have(graph: GraphServer, drive: OneDrive) -> None:
    folder = graph.drive().add_folder("System")
    graph.faults.seen.clear()
    for name in BAD_NAMES:
        with pytest.raises(InvalidName):
            await drive.create_folder(name)
        with pytest.raises(InvalidName):
            await drive.rename(folder.id, name)
        with pytest.raises(InvalidName):
            await drive.open_upload_session(folder.id, name, public_base="")
    assert graph.faults.seen == []


@pytest.mark.parametrize(("ids", "are_sent"), [(BAD_IDS, False), (["01TX4ZA735SY5SYKPEY5HJ7XW6CC2FUBRY"], True)])
async def test_what_is_not_there(graph: GraphServer, drive: OneDrive, ids: list[str], *, are_sent: bool) -> None:
    graph.faults.seen.clear()
    for item_id in ids:
        for call in (
            drive.rename(item_id, "a"),
            drive.delete(item_id),
            drive.open_upload_session(item_id, "a", public_base=""),
            drive.download(item_id, max_bytes=10),
        ):
            with pytest.raises(NoSuchItem):
                await call
    assert bool(graph.faults.seen) is are_sent


async def test_rename_and_delete(graph: GraphServer, drive: OneDrive) -> None:
    there = graph.drive()
    one, two = there.add_folder("one"), there.add_folder("two")
    file, _ = there.put_file("a.png", b"1", one)
    with pytest.raises(NameTaken):
        await drive.rename(two.id, "ONE")
    await drive.rename(two.id, "three")
    await drive.rename(file.id, "b.png")
    assert tree(await drive.contents()) == {"one": {"b.png": 1}, "three": {}}
    await drive.delete(file.id)
    assert tree(await drive.contents()) == {"one": {}, "three": {}}
    await drive.delete(one.id)
    with pytest.raises(NoSuchItem):
        await drive.delete(one.id)
    assert tree(await drive.contents()) == {"three": {}}


async def test_an_upload_session_takes_chunks_without_a_token(graph: GraphServer, drive: OneDrive) -> None:
    folder = graph.drive().add_folder("System")
    graph.drive().put_file("a.png", b"there before", folder)
    address = await drive.open_upload_session(folder.id, "a.png", public_base="https://lightbox.example")
    data = bytes(range(256)) * 1281
    assert FRAGMENT < len(data) < 2 * FRAGMENT
    async with httpx.AsyncClient() as browser:
        first = await browser.put(
            address, content=data[:FRAGMENT], headers={"Content-Range": f"bytes 0-{FRAGMENT - 1}/{len(data)}"}
        )
        last = await browser.put(
            address, content=data[FRAGMENT:], headers={"Content-Range": f"bytes {FRAGMENT}-{len(data) - 1}/{len(data)}"}
        )
    assert (first.status_code, first.json()["nextExpectedRanges"]) == (202, [f"{FRAGMENT}-"])
    assert (last.status_code, last.json()["name"]) == (201, "a 1.png")
    assert await drive.download(last.json()["id"], max_bytes=len(data)) == data


async def test_a_file_as_the_folder_of_an_upload(graph: GraphServer, drive: OneDrive) -> None:
    file, _ = graph.drive().put_file("a.png", b"1")
    with pytest.raises(DriveError):
        await drive.download(graph.drive().add_folder("folder").id, max_bytes=10)
    assert await drive.download(file.id, max_bytes=1) == b"1"


async def test_the_limit_of_a_download(graph: GraphServer, drive: OneDrive) -> None:
    file, _ = graph.drive().put_file("a.png", b"x" * 1000)
    assert len(await drive.download(file.id, max_bytes=1000)) == 1000
    with pytest.raises(FileTooLarge):
        await drive.download(file.id, max_bytes=999)


async def test_a_full_drive(graph: GraphServer, drive: OneDrive) -> None:
    folder = graph.drive().add_folder("System")
    graph.drive().total = 0
    graph.drive().put_file("empty", b"", folder)
    found = await drive.contents()
    assert (found.used_bytes, found.total_bytes) == (0, 0)
    graph.faults.add(error(507, "quotaLimitReached"), path="createUploadSession")
    with pytest.raises(DriveFull):
        await drive.open_upload_session(folder.id, "a.png", public_base="")


async def test_a_folder_as_the_root(graph: GraphServer, make_settings: MakeHubSettings) -> None:
    arts = graph.drive().add_folder("Arts")
    graph.drive().put_file("a.png", b"123", graph.drive().add_folder("System", arts))
    graph.drive().add_folder("Beside")
    settings = make_settings(**graph.settings, onedrive_root_folder=arts.id)
    async with open_process(graph, settings) as process:
        drive = await process.consented()
        await drive.create_folder("New")
        assert tree(await drive.contents()) == {"New": {}, "System": {"a.png": 3}}
        graph.drive().delete(arts)
        with pytest.raises(NoSuchItem, match="LIGHTBOX_ONEDRIVE_ROOT_FOLDER"):
            await drive.contents()


async def test_each_administrator_has_a_drive_of_their_own(graph: GraphServer, process: Process) -> None:
    graph.drive("ada@example.com").add_folder("Ada's")
    graph.drive("bob@example.com").add_folder("Bob's")
    ada = await process.consented(2, "ada@example.com")
    bob = await process.consented(3, "bob@example.com")
    assert tree(await ada.contents()) == {"Ada's": {}}
    assert tree(await bob.contents()) == {"Bob's": {}}
    graph.identity.revoke("ada@example.com")
    again = await process.consented(2, "bob@example.com")
    assert tree(await again.contents()) == {"Bob's": {}}
