"""Tokens: refreshed a little before they expire, once and by one at a time, in all processes."""

import anyio
import pytest
from graph_server.faults import garbage, html, json
from sqlalchemy import text
from support.onedrive import USER, GraphServer, Process
from support.onedrive import process as open_process

from imagehub_service.drives.errors import ConsentNeeded, DriveError, DriveUnavailable, UnreadableAnswer
from imagehub_service.drives.onedrive.service import OneDrive

REFRESH = ("refresh_token", USER)


def refreshes(graph: GraphServer) -> int:
    return graph.identity.grants.count(REFRESH)


async def at_once(drives: list[OneDrive]) -> list[Exception]:
    """Let all of them ask Graph, and return what went wrong."""
    failed: list[Exception] = []

    async def ask(drive: OneDrive) -> None:
        try:
            await drive.connect()
        except DriveError as error:
            failed.append(error)

    async with anyio.create_task_group() as tasks:
        for drive in drives:
            tasks.start_soon(ask, drive)
    return failed


async def test_twenty_calls_refresh_once(graph: GraphServer, process: Process, drive: OneDrive) -> None:
    await make_due(process)
    assert await at_once([drive] * 20) == []
    assert refreshes(graph) == 1


async def test_twenty_calls_with_a_token_that_graph_refuses(graph: GraphServer, drive: OneDrive) -> None:
    graph.identity.expire_access(USER)
    assert await at_once([drive] * 20) == []
    assert refreshes(graph) == 1


async def test_two_processes_refresh_once(graph: GraphServer, process: Process, drive: OneDrive) -> None:
    async with open_process(graph, process.settings) as second:
        for expire in (make_due, lambda _: _expired(graph)):
            graph.identity.grants.clear()
            graph.faults.add(path="/token", seconds=0.3)
            await expire(process)
            assert await at_once([drive, second.drive()] * 10) == []
            assert refreshes(graph) == 1


async def test_the_new_refresh_token_is_used_next(graph: GraphServer, process: Process, drive: OneDrive) -> None:
    for _ in range(3):
        first = set(graph.identity.refresh)
        await make_due(process)
        await drive.connect()
        for token in first:
            del graph.identity.refresh[token]
    assert refreshes(graph) == 3


async def test_a_refresh_token_that_does_not_rotate(graph: GraphServer, process: Process, drive: OneDrive) -> None:
    graph.identity.rotates = False
    for _ in range(2):
        await make_due(process)
        await drive.connect()
    assert refreshes(graph) == 2


async def test_tokens_with_a_short_life_are_used(graph: GraphServer, process: Process) -> None:
    graph.identity.lifetime = 60
    drive = await process.consented()
    for _ in range(3):
        await drive.connect()
    assert refreshes(graph) == 0


async def test_a_revoked_token_is_forgotten(graph: GraphServer, process: Process, drive: OneDrive) -> None:
    graph.identity.revoke(USER)
    failed = await at_once([drive] * 5)
    assert [type(error) for error in failed] == [ConsentNeeded] * 5
    assert len({error.address for error in failed if isinstance(error, ConsentNeeded)}) >= 1
    graph.faults.seen.clear()
    with pytest.raises(ConsentNeeded):
        await drive.connect()
    assert graph.faults.seen == []
    assert await stored(process) is None
    await process.consented()
    await drive.connect()


async def test_revoked_in_the_middle_of_folders(graph: GraphServer, drive: OneDrive) -> None:
    graph.state.page_size = 1
    for name in "abc":
        graph.drive().add_folder(name)
    graph.faults.add(json({"error": {"code": "unauthenticated"}}, 401), path="delta", after=2)
    graph.faults.add(json({"error": "invalid_grant"}, 400), path="/token")
    with pytest.raises(ConsentNeeded):
        await drive.contents()


async def test_graph_refuses_every_token(graph: GraphServer, drive: OneDrive) -> None:
    graph.faults.add(json({"error": {"code": "InvalidAuthenticationToken"}}, 401), path="/v1.0/")
    graph.faults.seen.clear()
    with pytest.raises(ConsentNeeded):
        await drive.connect()
    assert [path.partition("?")[0] for path in graph.faults.paths()] == [
        "/v1.0/me/drive",
        "/common/oauth2/v2.0/token",
        "/v1.0/me/drive",
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(html(500), DriveUnavailable), (garbage(), UnreadableAnswer), (json({"error": "server_error"}), DriveUnavailable)],
)
async def test_a_refresh_that_fails_changes_nothing(
    graph: GraphServer, process: Process, drive: OneDrive, answer: object, expected: type[DriveError]
) -> None:
    await make_due(process)
    before = await stored(process)
    fault = graph.faults.add(answer, path="/token")  # type: ignore[arg-type]
    with pytest.raises(expected):
        await drive.connect()
    assert await stored(process) == before
    fault.times = 0
    await drive.connect()


async def test_a_process_that_died_while_it_refreshed(graph: GraphServer, process: Process, drive: OneDrive) -> None:
    await make_due(process)
    await execute(process, "UPDATE onedrive_connections SET leased_until = now() + interval '0.5 seconds'")
    with anyio.fail_after(5):
        await drive.connect()
    assert refreshes(graph) == 1


async def test_a_lease_that_does_not_end(process: Process, drive: OneDrive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagehub_service.drives.onedrive.graph.CALL_SECONDS", 0.5)
    await make_due(process)
    await execute(process, "UPDATE onedrive_connections SET leased_until = now() + interval '1 hour'")
    with pytest.raises(DriveUnavailable):
        await drive.connect()


async def test_a_caller_who_leaves_does_not_lose_the_tokens(
    graph: GraphServer, process: Process, drive: OneDrive
) -> None:
    await make_due(process)
    fault = graph.faults.add(path="/token", seconds=0.3)
    with anyio.move_on_after(0.1):
        await drive.connect()
    assert refreshes(graph) == 1
    fault.times = 0
    await drive.connect()
    assert refreshes(graph) == 1


async def make_due(process: Process) -> None:
    await execute(process, "UPDATE onedrive_connections SET refresh_at = now()")


async def _expired(graph: GraphServer) -> None:
    graph.identity.expire_access(USER)


async def execute(process: Process, statement: str) -> None:
    async with process.database.writing() as session:
        await session.execute(text(statement))


async def stored(process: Process) -> str | None:
    async with process.database.reading() as session:
        statement = text("SELECT tokens FROM onedrive_connections")
        tokens: str | None = (await session.execute(statement)).scalar_one()
    return tokens
