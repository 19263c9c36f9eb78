"""Disconnecting a OneDrive: what it was used with is forgotten, what is under way ends, and it can connect again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from graph_server.faults import html
from sqlalchemy import text
from support.additions import coloured, image_list
from support.asgi import WithState, client_of, running
from support.gallery import KeptAudit
from support.gateway import Key
from support.imagehub import ADMIN_ID, Hub, MakeHubSettings
from support.kit import verifier_of
from support.onedrive import ACCOUNT, USER, GraphServer, Process, consent_address, tree
from support.onedrive import process as open_process

from imagehub_service.app import create_app
from imagehub_service.drives.errors import ConsentNeeded
from imagehub_service.drives.onedrive.service import OneDrive
from lightbox_shared.auth.principal import Authority

CONNECTION = "/api/gallery/drive/connection"
ENTRY: tuple[str, int, str, dict[str, Any]] = ("drive-disconnected", ADMIN_ID, "127.0.0.1", {})
OTHER = 3
LEFT = """
SELECT 'tokens' FROM onedrive_connections WHERE account_id = :account AND tokens IS NOT NULL
UNION ALL SELECT 'consent' FROM onedrive_consents WHERE account_id = :account
UNION ALL SELECT 'item' FROM onedrive_items WHERE account_id = :account
UNION ALL SELECT 'copy' FROM onedrive_copies WHERE account_id = :account
  AND (link IS NOT NULL OR root_id IS NOT NULL OR as_of IS NOT NULL OR used_bytes > 0)
"""


@pytest.fixture
def audit() -> KeptAudit:
    return KeptAudit()


@pytest.fixture
async def onedrive_hub(
    graph: GraphServer, make_settings: MakeHubSettings, signing_key: Key, audit: KeptAudit
) -> AsyncIterator[Hub]:
    """The whole service, whose drive is OneDrive."""
    async with running(create_app(make_settings(**graph.settings))) as app:
        own = {"tokens": verifier_of(signing_key), "services": replace(app.state["services"], audit=audit)}
        service = WithState(app.app, {**app.state, **own})
        async with client_of(service) as client:
            yield Hub(service, client, signing_key)


async def body_of(hub: Hub, path: str) -> dict[str, Any]:
    answer = await hub.http.get(path, headers=hub.admin)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def connect(hub: Hub, graph: GraphServer) -> None:
    """Let the administrator consent, as the published client does."""
    back = await graph.visit((await body_of(hub, "/admin/onedrive/connect"))["url"])
    answer = await hub.http.post("/admin/auth/code", json={"auth_code": back["code"]}, headers=hub.admin)
    assert answer.json()["hint"] == "found_tokens"


async def disconnect(hub: Hub) -> int:
    answer = await hub.http.delete(CONNECTION, headers=hub.admin)
    assert answer.content == b"" or answer.status_code != 204
    return answer.status_code


async def left(hub: Hub | Process, account: int = ACCOUNT) -> set[str]:
    """What the database has of an account's OneDrive."""
    async with hub.database.reading() as session:
        return set(await session.scalars(text(LEFT), {"account": account}))


async def test_nothing_is_left(onedrive_hub: Hub, graph: GraphServer, audit: KeptAudit) -> None:
    drive = graph.drive()
    drive.put_file("a.png", b"1", drive.add_folder("System"))
    before = await body_of(onedrive_hub, "/admin/onedrive/folders")
    assert (before["code"], before["hint"]) == (0, "refresh_token_expired_need_manual_authorization")
    assert await body_of(onedrive_hub, CONNECTION) == {"drive": "onedrive", "connected": False}
    await connect(onedrive_hub, graph)
    assert (await body_of(onedrive_hub, "/admin/onedrive/folders"))["code"] == 1
    assert await body_of(onedrive_hub, CONNECTION) == {"drive": "onedrive", "connected": True}
    assert await left(onedrive_hub) == {"tokens", "item", "copy"}

    assert await disconnect(onedrive_hub) == 204
    assert await left(onedrive_hub) == set()
    assert audit.entries == [ENTRY]
    assert await body_of(onedrive_hub, CONNECTION) == {"drive": "onedrive", "connected": False}
    graph.faults.seen.clear()
    after = await body_of(onedrive_hub, "/admin/onedrive/folders")
    assert {**after, "url": ""} == {**before, "url": ""}
    assert after["url"] != before["url"]
    assert (await body_of(onedrive_hub, "/admin/onedrive/connect"))["hint"] == "connection_failed"
    assert graph.faults.seen == []  # Microsoft is not asked any more

    assert await left(onedrive_hub) == {"consent"}
    assert await disconnect(onedrive_hub) == 204
    assert await left(onedrive_hub) == set()
    assert audit.entries == [ENTRY]


async def test_never_connected(onedrive_hub: Hub, audit: KeptAudit) -> None:
    for _ in range(2):
        assert await disconnect(onedrive_hub) == 204
    assert audit.entries == []


async def test_the_audit_trail_does_not_answer(onedrive_hub: Hub, graph: GraphServer, audit: KeptAudit) -> None:
    """Access ends all the same, as with a shared link."""
    await connect(onedrive_hub, graph)
    audit.is_down = True
    assert await disconnect(onedrive_hub) == 204
    assert await left(onedrive_hub) == set()


async def test_at_once(onedrive_hub: Hub, graph: GraphServer, audit: KeptAudit) -> None:
    await connect(onedrive_hub, graph)
    await body_of(onedrive_hub, "/admin/onedrive/folders")
    assert await asyncio.gather(*(disconnect(onedrive_hub) for _ in range(5))) == [204] * 5
    assert audit.entries == [ENTRY]
    assert await left(onedrive_hub) == set()


async def test_who_may(onedrive_hub: Hub, graph: GraphServer) -> None:
    await connect(onedrive_hub, graph)
    for headers, status in [
        ({}, 401),
        (onedrive_hub.headers(Authority.DOCTOR), 403),
        (onedrive_hub.headers(Authority.ADMIN, ADMIN_ID, scope="read"), 403),
        (onedrive_hub.headers(Authority.ADMIN, OTHER), 204),  # that of another administrator stays
    ]:
        answer = await onedrive_hub.http.delete(CONNECTION, headers=headers)
        assert answer.status_code == status
        assert await left(onedrive_hub) == {"tokens"}


async def test_the_built_in_drive(service: WithState, signing_key: Key, audit: KeptAudit) -> None:
    services = replace(service.state["services"], audit=audit)
    changed = WithState(service.app, {**service.state, "services": services})
    async with client_of(changed) as client:
        hub = Hub(changed, client, signing_key)
        added = await client.get("/admin/onedrive/add-folder?folder_name=System", headers=hub.admin)
        assert added.json()["code"] == 1
        before = await body_of(hub, "/admin/onedrive/folders")
        assert await disconnect(hub) == 204
        assert await body_of(hub, CONNECTION) == {"drive": "built-in", "connected": True}
        assert await body_of(hub, "/admin/onedrive/folders") == before
    assert audit.entries == []


async def test_an_addition_that_is_under_way(onedrive_hub: Hub, graph: GraphServer) -> None:
    await connect(onedrive_hub, graph)
    drive = graph.drive()
    folder = drive.add_folder("System")
    files = [drive.put_file(f"{number}.png", coloured(number), folder)[0] for number in range(30)]
    go_on = Event()
    graph.faults.add(path=files[10].id, until=go_on)  # pictures are added in their order, so none comes after it
    listed = image_list(*((file.name, file.id) for file in files), folder=folder.id)
    answer = await onedrive_hub.http.post(
        "/admin/add/image", json=listed, headers={**onedrive_hub.admin, "Prefer": "respond-async"}
    )
    assert answer.status_code == 202, answer.text
    path = answer.headers["location"]
    async with asyncio.timeout(60):
        while (await body_of(onedrive_hub, path))["added"] == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        assert await disconnect(onedrive_hub) == 204
        go_on.set()
        while (found := await body_of(onedrive_hub, path))["state"] in {"queued", "running"}:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert found["state"] == "done"
    assert 0 < found["added"] < 30
    assert found["added"] + found["failed"] == 30
    assert {each["detail"] for each in found["errors"]} == {str(ConsentNeeded(""))}


def listing(drive: OneDrive) -> Awaitable[object]:
    return drive.contents()


def connecting(drive: OneDrive) -> Awaitable[object]:
    return drive.connect()


UNDER_WAY = [
    pytest.param(listing, "delta", 1, id="a list, between two pages"),
    pytest.param(listing, "delta", 2, id="a list, at its last page"),
    pytest.param(connecting, "/token", 0, id="new tokens"),
]


@pytest.mark.parametrize("in_another_process", [False, True])
@pytest.mark.parametrize(("begin", "path", "after"), UNDER_WAY)
async def test_what_is_under_way(
    graph: GraphServer,
    process: Process,
    drive: OneDrive,
    begin: Callable[[OneDrive], Awaitable[object]],
    path: str,
    after: int,
    *,
    in_another_process: bool,
) -> None:
    graph.state.page_size = 1
    for name in "ab":
        graph.drive().add_folder(name)
    async with process.database.writing() as session:
        await session.execute(text("UPDATE onedrive_connections SET refresh_at = now()"))
    go_on = Event()
    graph.faults.add(path=path, after=after, until=go_on)
    async with open_process(graph, process.settings) as second:
        task = asyncio.ensure_future(begin(drive))
        await asked(graph, path, after + 1)
        assert await (second.drive() if in_another_process else drive).disconnect()
        go_on.set()
        with pytest.raises(ConsentNeeded):
            await task
    assert await left(process) == {"consent"}


async def test_a_list_while_microsoft_fails(graph: GraphServer, process: Process, drive: OneDrive) -> None:
    """There is no copy any more that could be shown in place of the list."""
    await drive.contents()
    graph.faults.clear()
    graph.faults.add(html(500), path="delta", times=2)
    go_on = Event()
    graph.faults.add(html(500), path="delta", until=go_on)
    task = asyncio.ensure_future(drive.contents())
    await asked(graph, "delta", 3)
    assert await drive.disconnect()
    go_on.set()
    with pytest.raises(ConsentNeeded):
        await task
    assert await left(process) == {"consent"}


async def test_a_download_that_is_under_way(graph: GraphServer, process: Process, drive: OneDrive) -> None:
    """Its host asks for no token, so that it would go on."""
    file, _ = graph.drive().put_file("a.png", b"1", graph.drive().add_folder("System"))
    assert await drive.download(file.id, max_bytes=10) == b"1"
    graph.faults.clear()
    go_on = Event()
    graph.faults.add(path="/download/", until=go_on)
    task = asyncio.ensure_future(drive.download(file.id, max_bytes=10))
    await asked(graph, "/download/", 1)
    assert await drive.disconnect()
    go_on.set()
    with pytest.raises(ConsentNeeded):
        await task
    assert await left(process) == {"consent"}


@pytest.mark.parametrize("is_first", [False, True])
async def test_a_consent_that_is_being_finished(graph: GraphServer, process: Process, *, is_first: bool) -> None:
    drive = process.drive()
    if not is_first:
        await process.consented()
        await drive.contents()
        graph.identity.revoke(USER)
        graph.identity.expire_access(USER)
    back = await graph.visit(await consent_address(drive))
    graph.faults.clear()
    go_on = Event()
    graph.faults.add(path="/token", until=go_on)
    task = asyncio.ensure_future(drive.finish_consent(back["code"], back["state"]))
    await asked(graph, "/token", 1)
    assert await drive.disconnect() is not is_first  # the list of the drive before
    go_on.set()
    with pytest.raises(ConsentNeeded):
        await task
    assert await left(process) == {"consent"}


async def test_a_page_that_was_opened_before(graph: GraphServer, process: Process, drive: OneDrive) -> None:
    graph.identity.revoke(USER)
    graph.identity.expire_access(USER)
    back = await graph.visit(await consent_address(drive))
    await drive.disconnect()
    for state in (back["state"], None):
        with pytest.raises(ConsentNeeded):
            await drive.finish_consent(back["code"], state)
    assert await left(process) == {"consent"}


async def test_another_code_meanwhile(graph: GraphServer, process: Process) -> None:
    """It is refused by Microsoft, which ends the consent; that disconnects nothing."""
    drive = process.drive()
    back = await graph.visit(await consent_address(drive))
    go_on = Event()
    graph.faults.add(path="/token", until=go_on, times=1)
    task = asyncio.ensure_future(drive.finish_consent(back["code"], back["state"]))
    await asked(graph, "/token", 1)
    with pytest.raises(ConsentNeeded):
        await drive.finish_consent("M.C507_wrong", back["state"])
    go_on.set()
    await task
    await drive.connect()


async def test_another_drive_afterwards(graph: GraphServer, process: Process, drive: OneDrive) -> None:
    graph.drive().add_folder("Old")
    graph.drive("eve@example.com").add_folder("New")
    assert set(tree(await drive.contents())) == {"Old"}
    await process.consented(OTHER, "other@example.com")
    await drive.disconnect()
    await process.drive(OTHER).connect()
    again = await process.consented(user="eve@example.com")
    assert set(tree(await again.contents())) == {"New"}


async def asked(graph: GraphServer, path: str, times: int) -> None:
    """Wait until the Graph server was asked so often."""
    async with asyncio.timeout(10):
        while sum(path in each for each in graph.faults.paths()) < times:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
