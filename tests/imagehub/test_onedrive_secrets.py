"""Tokens, codes and addresses that work without a token go where they belong, and nowhere else."""

import json
import logging

import pytest
from graph_server.faults import garbage, html, throttled
from sqlalchemy import text
from support.onedrive import USER, GraphServer, Process, consent_address

from imagehub_service.drives.errors import ConsentNeeded, DriveError
from lightbox_shared.observability.logging import configure_logging


async def everything(graph: GraphServer, process: Process) -> list[BaseException]:
    """All that can be done, well and badly; what was raised."""
    raised: list[BaseException] = []
    drive = process.drive()
    back = await graph.visit(await consent_address(drive))
    with pytest.raises(ConsentNeeded) as refused:
        await drive.finish_consent("M.C507_wrong", None)
    raised.append(refused.value)
    drive = await process.consented()
    folder = await drive.create_folder("System")
    file, _ = graph.drive().put_file("a.png", b"1", graph.drive().item(folder.id))
    await drive.open_upload_session(folder.id, "b.png", public_base="")
    await drive.download(file.id, max_bytes=10)
    await drive.contents()
    graph.identity.expire_access(USER)
    await drive.contents()
    for answer in (garbage(), html(500), html(404), throttled(60)):
        for path in ("/v1.0/", "/download/"):
            fault = graph.faults.add(answer, path=path)
            try:
                await drive.download(file.id, max_bytes=10)
            except DriveError as error:
                raised.append(error)
            fault.times = 0
    graph.identity.revoke(USER)
    await clear_pause(process)
    with pytest.raises(ConsentNeeded) as refused:
        await drive.contents()
    raised.append(refused.value)
    assert back["code"]
    return raised


async def test_the_token_goes_to_graph_alone(graph: GraphServer, process: Process) -> None:
    await everything(graph, process)
    assert {seen.host for seen in graph.faults.seen if "authorization" in seen.headers} == {"127.0.0.1"}
    assert [seen for seen in graph.faults.seen if seen.host == "localhost"]
    assert not [seen for seen in graph.faults.seen if "oauth2" in seen.path and "authorization" in seen.headers]
    assert not [seen for seen in graph.faults.seen if "cookie" in seen.headers]


async def test_every_call_has_an_id_of_its_own(graph: GraphServer, process: Process) -> None:
    await everything(graph, process)
    ids = [seen.headers["client-request-id"] for seen in graph.faults.seen if seen.path.startswith("/v1.0")]
    assert len(ids) == len(set(ids)) > 10


async def test_nothing_secret_is_logged_or_raised(
    graph: GraphServer, process: Process, capsys: pytest.CaptureFixture[str]
) -> None:
    handlers = logging.getLogger().handlers
    configure_logging("imagehub-service", "debug", "json")
    try:
        raised = await everything(graph, process)
    finally:
        logging.getLogger().handlers = handlers
    written = capsys.readouterr().out
    secrets = {
        process.settings.onedrive_client_secret.get_secret_value(),
        *(f"{grant}" for grant in graph.identity.codes),
        *graph.identity.access,
        *graph.identity.refresh,
        *graph.state.downloads,
        *graph.state.uploads,
        "M.C507_wrong",
    }
    sentences = "\n".join(f"{error!r} {error.__cause__!r} {error.__context__!r}" for error in raised)
    assert len(secrets) > 5
    assert not [secret for secret in secrets if secret in written or secret in sentences]
    calls = [json.loads(line) for line in written.splitlines() if '"microsoft"' in line]
    failed = [call for call in calls if call["status"] >= 400]
    assert failed
    assert all(call["request_id"] and call["client_request_id"] for call in failed)


async def test_a_server_that_sets_cookies(graph: GraphServer, process: Process) -> None:
    answer = html()
    answer.set_cookie("session", "ada's")
    drive = await process.consented()
    graph.faults.add(answer, path="/v1.0/", times=1)
    with pytest.raises(DriveError):
        await drive.connect()
    await drive.connect()
    assert "cookie" not in graph.faults.seen[-1].headers


async def clear_pause(process: Process) -> None:
    async with process.database.writing() as session:
        await session.execute(text("UPDATE onedrive_connections SET blocked_until = NULL"))
