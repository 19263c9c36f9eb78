"""The copy of the drive is equal to the drive after every update, whatever has happened to it."""

from typing import Any

import anyio
import pytest
from graph_server.drive import Drive, Item
from graph_server.faults import error, garbage, html, json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from support.onedrive import GraphServer, Process, tree
from support.onedrive import process as open_process

from imagehub_service.drives.errors import DriveUnavailable, UnreadableAnswer
from imagehub_service.drives.onedrive.errors import Refused
from imagehub_service.drives.onedrive.service import OneDrive

Change = tuple[str, int, int]

changes = st.lists(
    st.tuples(
        st.sampled_from(["folder", "file", "rename", "move", "delete", "resync", "update"]),
        st.integers(0, 50),
        st.integers(0, 50),
    ),
    max_size=25,
)


OTHER_LINKS = [
    "http://localhost:{port}/v1.0/me",
    "https://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}@localhost:{port}/",
    "http://127.0.0.1/",
    "//localhost:{port}/",
    "/relative",
    "",
    "http://[",
]


def listed(drive: Drive) -> dict[str, dict[str, int]]:
    """What the drive itself says: the folders below the root, with their files."""
    return {
        folder.name: {file.name: len(file.content) for file in drive.children(folder) if not file.is_folder}
        for folder in drive.children(drive.root)
        if folder.is_folder
    }


def apply(graph: GraphServer, change: Change) -> None:
    """One change, of items that are chosen by numbers."""
    drive = graph.drive()
    kind, first, second = change
    folders = [item for item in drive.items.values() if item.is_folder]
    others = [item for item in drive.items.values() if item is not drive.root]
    folder = folders[first % len(folders)]
    chosen = others[second % len(others)] if others else None
    name = f"{second}"
    match kind:
        case "folder":
            drive.add_folder(name, folder, conflict="rename")
        case "file":
            drive.put_file(f"{name}.png", b"x" * first, folder, conflict="rename")
        case "rename" if chosen is not None and drive.child(_parent(drive, chosen), f"new {first}") is None:
            drive.rename(chosen, f"new {first}")
        case "move" if chosen is not None and folder not in drive.below(chosen):
            if drive.child(folder, chosen.name) is None:
                drive.move(chosen, folder)
        case "delete" if chosen is not None:
            drive.delete(chosen)
        case "resync":
            graph.state.forget_enumerations()


def _parent(drive: Drive, item: Item) -> Item:
    return drive.items[item.parent_id or ""]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(work=changes, page_size=st.integers(1, 7), repeats=st.booleans())
async def test_the_copy_equals_the_drive(
    graph: GraphServer, drive: OneDrive, work: list[Change], page_size: int, *, repeats: bool
) -> None:
    graph.state.page_size, graph.state.repeats_in_delta = page_size, repeats
    there = graph.drive()
    for item in there.children(there.root):  # of the example before
        there.delete(item)
    for change in work:
        apply(graph, change)
        if change[0] == "update":
            assert tree(await drive.contents()) == listed(there)
    found = await drive.contents()
    assert tree(found) == listed(there)
    sizes = {item.id: there.size(item) for item in there.children(there.root) if item.is_folder}
    assert {folder.id: folder.size for folder in found.folders} == sizes


async def test_only_changes_are_asked_for(graph: GraphServer, drive: OneDrive) -> None:
    graph.state.page_size = 2
    for number in range(9):
        graph.drive().add_folder(f"{number}")
    await drive.contents()
    graph.faults.seen.clear()
    graph.drive().rename(graph.drive().children(graph.drive().root)[0], "new")
    assert "new" in tree(await drive.contents())
    assert sum("delta" in path for path in graph.faults.paths()) == 1


async def test_a_start_again_deletes_what_is_gone(graph: GraphServer, drive: OneDrive) -> None:
    graph.state.page_size = 2
    folders = [graph.drive().add_folder(f"{number}") for number in range(5)]
    await drive.contents()
    graph.drive().delete(folders[1])
    graph.state.forget_enumerations()
    assert sorted(tree(await drive.contents())) == ["0", "2", "3", "4"]


async def test_a_drive_that_always_starts_again(graph: GraphServer, drive: OneDrive) -> None:
    await drive.contents()
    graph.faults.add(error(410, "resyncRequired", inner="resyncChangesApplyDifferences"), path="delta")
    graph.faults.seen.clear()
    with pytest.raises(Refused):
        await drive.contents()
    assert len(graph.faults.seen) < 6


@pytest.mark.parametrize("answer", [garbage(), html(), json({"value": [{"id": "1", "name": "a", "file": {}}]})])
async def test_a_page_that_is_none_changes_nothing(graph: GraphServer, drive: OneDrive, answer: Any) -> None:
    graph.drive().add_folder("System")
    await drive.contents()
    graph.drive().add_folder("New")
    graph.faults.add(answer, path="delta")
    with pytest.raises(UnreadableAnswer):
        await drive.contents()
    graph.faults.clear()
    assert tree(await drive.contents()) == {"New": {}, "System": {}}


@pytest.mark.parametrize("name", ["@odata.nextLink", "@odata.deltaLink"])
async def test_links_to_other_hosts(graph: GraphServer, drive: OneDrive, name: str) -> None:
    port = graph.url.rpartition(":")[2]
    for link in OTHER_LINKS:
        fault = graph.faults.add(json({"value": [], name: link.format(port=port)}), path="delta")
        with pytest.raises(UnreadableAnswer):
            await drive.contents()
        fault.times = 0
    assert not [seen for seen in graph.faults.seen if seen.host == "localhost"]


async def test_pages_without_an_end(graph: GraphServer, drive: OneDrive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagehub_service.drives.onedrive.copies.MAX_PAGES", 10)
    link = f"{graph.url}/v1.0/me/drive/root/delta?token=again"
    graph.faults.add(json({"value": [], "@odata.nextLink": link}), path="delta")
    with pytest.raises(UnreadableAnswer):
        await drive.contents()


async def test_a_large_drive_goes_on_where_it_was(graph: GraphServer, drive: OneDrive) -> None:
    """The first list takes longer than a request may."""
    graph.state.page_size = 3
    for number in range(20):
        graph.drive().add_folder(f"{number:02}")
    graph.faults.add(html(500), path="delta", after=3)
    with pytest.raises(DriveUnavailable):
        await drive.contents()
    graph.faults.clear()
    assert len(tree(await drive.contents())) == 20
    assert sum("delta" in path for path in graph.faults.paths()) == 4


async def test_processes_at_once(graph: GraphServer, process: Process, drive: OneDrive) -> None:
    graph.state.page_size = 2
    async with open_process(graph, process.settings) as second:

        async def look(each: OneDrive) -> None:
            assert tree(await each.contents()) == listed(graph.drive())

        for number in range(5):
            for count in range(4):
                graph.drive().add_folder(f"{number} {count}")
            async with anyio.create_task_group() as tasks:
                for each in (drive, second.drive()) * 3:
                    tasks.start_soon(look, each)


async def test_requests_at_once_share_updates(graph: GraphServer, drive: OneDrive) -> None:
    graph.faults.add(path="delta", seconds=0.2)
    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(drive.contents)
    assert 1 <= sum("delta" in path for path in graph.faults.paths()) <= 2


async def test_notebooks_are_not_shown(graph: GraphServer, drive: OneDrive) -> None:
    await drive.contents()
    root = graph.drive().root.id
    book = {"id": "b", "name": "Notes", "package": {"type": "oneNote"}, "parentReference": {"id": root}}
    link = f"{graph.url}/v1.0/me/drive/root/delta?token=x"
    graph.faults.add(json({"value": [book], "@odata.deltaLink": link}), path="delta")
    assert tree(await drive.contents()) == {}


async def test_a_page_with_very_many_deleted_items(graph: GraphServer, drive: OneDrive) -> None:
    await drive.contents()
    gone = [{"id": f"{number}", "deleted": {}} for number in range(33_000)]
    link = f"{graph.url}/v1.0/me/drive/root/delta?token=x"
    graph.faults.add(json({"value": gone, "@odata.deltaLink": link}), path="delta")
    assert tree(await drive.contents()) == {}


async def test_the_next_consent_forgets_the_copy(graph: GraphServer, process: Process, drive: OneDrive) -> None:
    graph.drive().add_folder("Ada's")
    await drive.contents()
    graph.identity.revoke("ada@example.com")
    again = await process.consented(user="bob@example.com")
    async with process.database.reading() as session:
        assert (await session.execute(text("SELECT count(*) FROM onedrive_items"))).scalar_one() == 0
    graph.faults.add(html(500), path="/v1.0/")
    with pytest.raises(DriveUnavailable):
        await again.contents()
