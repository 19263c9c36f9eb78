"""Graph as it is on bad days: throttling, errors, redirects, silence, and what is no answer at all."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import pytest
from graph_server.faults import error, garbage, html, json, nested, redirect, throttled
from starlette.responses import Response
from support.onedrive import USER, GraphServer, Process, tree
from support.onedrive import process as open_process

from imagehub_service.drives.errors import (
    DriveError,
    DriveFull,
    DriveUnavailable,
    NameTaken,
    NoSuchItem,
    UnreadableAnswer,
)
from imagehub_service.drives.onedrive.errors import Refused, deepest_code, pause_seconds
from imagehub_service.drives.onedrive.service import OneDrive

Operation = Callable[[OneDrive, str], Awaitable[object]]

OPERATIONS: dict[str, Operation] = {
    "connect": lambda drive, _: drive.connect(),
    "contents": lambda drive, _: drive.contents(),
    "create_folder": lambda drive, _: drive.create_folder("a"),
    "rename": lambda drive, item_id: drive.rename(item_id, "b"),
    "delete": lambda drive, item_id: drive.delete(item_id),
    "upload": lambda drive, item_id: drive.open_upload_session(item_id, "a", public_base=""),
    "download": lambda drive, item_id: drive.download(item_id, max_bytes=1000),
}
every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


@pytest.fixture
def item_id(graph: GraphServer) -> str:
    return graph.drive().add_folder("System").id


# Errors --------------------------------------------------------------------------------------------------------------

ANSWERS = [
    pytest.param(garbage(), UnreadableAnswer, id="garbage"),
    pytest.param(html(), UnreadableAnswer, id="html"),
    pytest.param(html(404), UnreadableAnswer, id="html 404"),
    pytest.param(json([1]), UnreadableAnswer, id="list"),
    pytest.param(json({"error": "text"}, 400), UnreadableAnswer, id="an error of another form"),
    pytest.param(Response(status_code=299), UnreadableAnswer, id="299"),
    pytest.param(error(403, "accessDenied"), Refused, id="403"),
    pytest.param(error(404, "itemNotFound"), NoSuchItem, id="404"),
    pytest.param(error(409, "nameAlreadyExists"), NameTaken, id="409"),
    pytest.param(error(412, "resourceModified"), Refused, id="412"),
    pytest.param(error(423, "resourceLocked"), Refused, id="423"),
    pytest.param(error(501, "notSupported"), DriveUnavailable, id="501"),
    pytest.param(error(507, "quotaLimitReached"), DriveFull, id="507"),
    pytest.param(html(500), DriveUnavailable, id="500"),
    pytest.param(error(502, "generalException"), DriveUnavailable, id="502"),
    pytest.param(error(503, "serviceNotAvailable"), DriveUnavailable, id="503"),
    pytest.param(html(504), DriveUnavailable, id="504"),
    pytest.param(error(509, "bandwidthLimit"), DriveUnavailable, id="509"),
]


async def failures(drive: OneDrive, item_id: str) -> dict[str, type[Exception]]:
    """How each operation fails, all of them at once."""
    failed: dict[str, type[Exception]] = {}

    async def run(name: str, operation: Operation) -> None:
        with pytest.raises(DriveError) as error:
            await operation(drive, item_id)
        failed[name] = type(error.value)

    async with anyio.create_task_group() as tasks:
        for name, operation in OPERATIONS.items():
            tasks.start_soon(run, name, operation)
    return failed


@pytest.mark.parametrize(("answer", "expected"), ANSWERS)
async def test_an_error(
    graph: GraphServer, drive: OneDrive, item_id: str, answer: Response, expected: type[DriveError]
) -> None:
    graph.faults.add(answer, path="/v1.0/")
    assert await failures(drive, item_id) == dict.fromkeys(OPERATIONS, expected)
    graph.faults.clear()
    await drive.connect()  # nothing of it stays


@every_operation
async def test_one_error_of_the_server_is_not_seen(
    graph: GraphServer, drive: OneDrive, operation: Operation, item_id: str
) -> None:
    if operation is OPERATIONS["download"]:
        item_id = graph.drive().put_file("a", b"1")[0].id
    graph.faults.add(html(500), path="/v1.0/", times=1)
    is_post = operation in {OPERATIONS["create_folder"], OPERATIONS["upload"]}
    if is_post:  # sent again, it could be carried out twice
        with pytest.raises(DriveUnavailable):
            await operation(drive, item_id)
    else:
        await operation(drive, item_id)


async def test_a_delete_that_was_carried_out_before_the_server_failed(
    graph: GraphServer, drive: OneDrive, item_id: str
) -> None:
    graph.faults.add(html(502), method="DELETE", times=1)
    graph.drive().delete(graph.drive().item(item_id))
    await drive.delete(item_id)
    with pytest.raises(NoSuchItem):
        await drive.delete(item_id)


@pytest.mark.parametrize("spelling", ["innererror", "innerError"])
async def test_the_deepest_known_code_counts(graph: GraphServer, drive: OneDrive, item_id: str, spelling: str) -> None:
    codes = ("invalidRequest", "anything", "nameAlreadyExists", "newer than this program")
    graph.faults.add(nested(codes, 400, spelling), method="PATCH")
    with pytest.raises(NameTaken):
        await drive.rename(item_id, "b")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error": {"code": "accessDenied"}}', "accessdenied"),
        (b'{"error": {"code": "unheard of"}}', ""),
        (b'{"error": {"code": "x", "innererror": {"code": 5, "innererror": []}}}', ""),
        (b'{"error": {"code": 5}}', None),
        (b'{"error": []}', None),
        (b"[]", None),
        (b"", None),
        (b"<html>", None),
        (b"\xff\xfe", None),
        (b'{"error":' * 10_000, None),
        (b'{"error": {"code": "x", "innererror": ' * 200 + b"1", None),
    ],
)
def test_codes(body: bytes, code: str | None) -> None:
    assert deepest_code(body) == code


# Redirects and silence -----------------------------------------------------------------------------------------------


async def test_a_redirect_is_not_followed_with_the_token(graph: GraphServer, drive: OneDrive, item_id: str) -> None:
    elsewhere = graph.url.replace("127.0.0.1", "localhost") + "/elsewhere"
    graph.faults.add(redirect(elsewhere), path="/v1.0/")
    graph.faults.add(redirect(elsewhere), path="/elsewhere")
    assert await failures(drive, item_id) == dict.fromkeys(OPERATIONS, UnreadableAnswer)
    assert not [seen for seen in graph.faults.seen if seen.host == "localhost" and "authorization" in seen.headers]
    assert len(graph.faults.seen) < 20


async def test_silence(graph: GraphServer, drive: OneDrive, item_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagehub_service.drives.onedrive.transport.EXCHANGE_SECONDS", 0.1)
    monkeypatch.setattr("imagehub_service.drives.onedrive.graph.CALL_SECONDS", 0.5)
    graph.faults.add(path="/v1.0/", seconds=60)
    began = time.monotonic()
    assert await failures(drive, item_id) == dict.fromkeys(OPERATIONS, DriveUnavailable)
    assert time.monotonic() - began < 5


async def test_nobody_is_there(graph: GraphServer, drive: OneDrive, item_id: str) -> None:
    graph.stop()
    assert await failures(drive, item_id) == dict.fromkeys(OPERATIONS, DriveUnavailable)


# Throttling ----------------------------------------------------------------------------------------------------------


async def test_a_short_pause_is_waited_for(graph: GraphServer, drive: OneDrive) -> None:
    graph.faults.add(throttled(1), path="/v1.0/", times=1)
    began = time.monotonic()
    await drive.connect()
    assert 1 <= time.monotonic() - began < 4


@pytest.mark.parametrize("status", [429, 503])
async def test_a_pause_is_for_all_calls_of_the_user(
    graph: GraphServer, process: Process, drive: OneDrive, item_id: str, status: int
) -> None:
    graph.faults.add(throttled(60, status), path="/v1.0/", times=1)
    with pytest.raises(DriveUnavailable) as paused:
        await drive.connect()
    assert 50 < paused.value.retry_after <= 60
    graph.faults.seen.clear()
    async with open_process(graph, process.settings) as second:
        for each in (drive, second.drive()):
            for operation in OPERATIONS.values():
                with pytest.raises(DriveUnavailable) as paused:
                    await operation(each, item_id)
                assert 50 < paused.value.retry_after <= 60
    assert graph.faults.seen == []
    other = await process.consented(3, "bob@example.com")
    await other.connect()


async def test_many_calls_wait_for_one_pause(graph: GraphServer, drive: OneDrive) -> None:
    graph.faults.add(throttled(1), path="/v1.0/", times=1)
    with pytest.raises(TimeoutError), anyio.fail_after(0.2):
        await drive.connect()
    graph.faults.seen.clear()
    began = time.monotonic()
    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(drive.connect)
    assert time.monotonic() - began > 0.5
    assert len(graph.faults.seen) == 10


async def test_a_post_is_sent_again_after_a_pause(graph: GraphServer, drive: OneDrive) -> None:
    graph.faults.add(throttled(1), method="POST", path="/children", times=1)
    await drive.create_folder("a")
    assert [item.name for item in graph.drive().children(graph.drive().root)] == ["a"]


async def test_throttled_by_the_host_with_the_bytes(graph: GraphServer, drive: OneDrive) -> None:
    file, _ = graph.drive().put_file("a.png", b"1")
    graph.faults.add(throttled(60), path="/download/")
    with pytest.raises(DriveUnavailable):
        await drive.download(file.id, max_bytes=10)
    graph.faults.clear()
    with pytest.raises(DriveUnavailable) as paused:
        await drive.connect()
    assert paused.value.retry_after > 50
    assert graph.faults.seen == []


async def test_the_pause_of_a_tired_server_ends(graph: GraphServer, drive: OneDrive) -> None:
    graph.faults.add(error(429, "tooManyRequests"), path="/v1.0/")  # it does not say for how long
    with pytest.raises(DriveUnavailable):
        await drive.connect()
    assert 1 < len(graph.faults.seen) <= 6


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        (None, 1),
        ("", 1),
        ("soon", 1),
        ("-5", 1),
        ("1.5", 1),
        ("٣", 1),
        ("9" * 50, 86_400),
    ],
)
def test_retry_after(header: str | None, seconds: float) -> None:
    assert pause_seconds(header, default=1) == seconds


def test_retry_after_as_a_date() -> None:
    now = datetime.now(UTC)
    assert 50 < pause_seconds(format_datetime(now + timedelta(seconds=60), usegmt=True), default=1) <= 60
    assert pause_seconds(format_datetime(now - timedelta(days=3), usegmt=True), default=1) == 0
    assert pause_seconds("Fri, 31 Dec 9999 23:59:59 GMT", default=1) == 86_400


# Downloads -----------------------------------------------------------------------------------------------------------


async def test_a_download_that_fails_is_begun_again(graph: GraphServer, drive: OneDrive) -> None:
    file, _ = graph.drive().put_file("a.png", b"12345")
    for answer in (
        html(500),
        html(404),
        error(401, "unauthenticated"),
        Response(b"123", headers={"content-length": "5"}),
    ):
        graph.faults.add(answer, path="/download/", times=1)
        assert await drive.download(file.id, max_bytes=10) == b"12345"


async def test_further_redirects_of_a_download(graph: GraphServer, drive: OneDrive) -> None:
    file, _ = graph.drive().put_file("a.png", b"12345")
    here = graph.url.replace("127.0.0.1", "localhost")
    graph.state.downloads["known"] = file
    for location in (f"{here}/download/known", "/download/known", "known"):
        graph.faults.add(redirect(location), path="/download/", times=1)
        assert await drive.download(file.id, max_bytes=10) == b"12345"


BAD_LOCATIONS = [
    "",
    "ftp://localhost/a",
    "file:///etc/passwd",
    "http://",
    "http://[",
    "\\",
    "javascript:1",
    "http://a:x/",
]


async def test_a_download_that_leads_nowhere(graph: GraphServer, drive: OneDrive) -> None:
    file, _ = graph.drive().put_file("a.png", b"12345")
    for path in ("/content", "/download/"):
        for location in BAD_LOCATIONS:
            fault = graph.faults.add(redirect(location), path=path)
            with pytest.raises((UnreadableAnswer, DriveUnavailable)):
                await drive.download(file.id, max_bytes=10)
            fault.times = 0


async def test_a_compressed_download_is_not_unpacked(graph: GraphServer, drive: OneDrive) -> None:
    file, _ = graph.drive().put_file("a.png", b"12345")
    graph.faults.add(Response(b"x", headers={"Content-Encoding": "gzip"}), path="/download/")
    with pytest.raises(UnreadableAnswer):
        await drive.download(file.id, max_bytes=10)


# The copy ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [html(500), error(503, "serviceNotAvailable"), throttled(60)])
async def test_the_copy_is_shown_while_graph_is_down(graph: GraphServer, drive: OneDrive, answer: Response) -> None:
    graph.drive().add_folder("System")
    fresh = await drive.contents()
    graph.drive().add_folder("New")
    graph.faults.add(answer, path="/v1.0/")
    stale = await drive.contents()
    assert (stale.is_stale, tree(stale), stale.as_of) == (True, {"System": {}}, fresh.as_of)
    assert (stale.used_bytes, stale.total_bytes) == (fresh.used_bytes, fresh.total_bytes)


async def test_the_copy_is_shown_while_tokens_can_not_be_refreshed(graph: GraphServer, drive: OneDrive) -> None:
    await drive.contents()
    graph.identity.expire_access(USER)
    graph.faults.add(html(503), path="/token")
    assert (await drive.contents()).is_stale


async def test_without_a_copy_there_is_nothing_to_show(graph: GraphServer, drive: OneDrive) -> None:
    graph.faults.add(throttled(60), path="delta")
    with pytest.raises(DriveUnavailable) as paused:
        await drive.contents()
    assert paused.value.retry_after > 50


async def test_the_copy_is_shown_when_graph_is_too_slow(
    graph: GraphServer, drive: OneDrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    await drive.contents()
    monkeypatch.setattr("imagehub_service.drives.onedrive.service.UPDATE_SECONDS", 0.3)
    graph.faults.add(path="/v1.0/", seconds=30)
    assert (await drive.contents()).is_stale
