"""Whatever Microsoft's servers answer, what comes out is an answer or a `DriveError`, and the service goes on."""

import json
from typing import Any

import pytest
from graph_server.drive import GIB
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.responses import Response
from support.onedrive import GraphServer, Process, consent_address

from imagehub_service.drives.drive import DriveContents
from imagehub_service.drives.errors import DriveError, UnreadableAnswer
from imagehub_service.drives.onedrive.answers import DriveAnswer, Item, Page, UploadSession, read
from imagehub_service.drives.onedrive.service import OneDrive

EXAMPLES = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["\0", "\ud800", "x" * 5000, "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2024-01-01"]
    )
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)
NAMES = [
    "id",
    "name",
    "size",
    "folder",
    "file",
    "root",
    "deleted",
    "createdDateTime",
    "lastModifiedDateTime",
    "fileSystemInfo",
    "parentReference",
]


def known(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with the names that are read, and anything as their values."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, values))


items = known(*NAMES) | st.fixed_dictionaries(
    {"id": st.text(min_size=1, max_size=5), "name": st.text(max_size=5)},
    optional={
        **dict.fromkeys(NAMES[3:7], st.just({})),
        "size": st.integers(0, 2**63 - 1) | leaves,
        "fileSystemInfo": known("createdDateTime", "lastModifiedDateTime"),
        "parentReference": known("id"),
    },
)
pages = st.fixed_dictionaries(
    {}, optional={"value": st.lists(items, max_size=4) | values, "@odata.nextLink": values, "@odata.deltaLink": values}
)
drives = known("id", "quota") | st.fixed_dictionaries({"id": st.just("a"), "quota": known("used", "total")})
faults = st.fixed_dictionaries({"error": known("code", "message", "innerError", "innererror") | values})
tokens = known("access_token", "refresh_token", "expires_in", "expires_at", "token_type", "error", "error_description")
statuses = st.sampled_from([200, 201, 204, 206, 302, 304, 400, 403, 404, 409, 410, 412, 422])
bodies = values | pages | drives | faults | items | tokens | known("uploadUrl", "value", "access_token")


def json_bytes(body: object) -> bytes:
    return json.dumps(body).encode()


async def survives(drive: OneDrive, item_id: str) -> None:
    for call in (
        drive.connect,
        drive.contents,
        lambda: drive.create_folder("a"),
        lambda: drive.rename(item_id, "b"),
        lambda: drive.delete(item_id),
        lambda: drive.open_upload_session(item_id, "a", public_base=""),
        lambda: drive.download(item_id, max_bytes=10),
    ):
        try:
            await call()
        except DriveError:
            continue


@EXAMPLES
@given(body=bodies.map(json_bytes) | st.binary(max_size=20), status=statuses)
@example(body=b"[" * 100_000, status=200)
@example(body=b'{"value": ' * 5000, status=400)
@example(body=b'{"uploadUrl": "https://a/\\u0001"}', status=200)
@example(body=b'{"uploadUrl": "https://xn--/"}', status=200)
@example(body=b'{"value": [{"id": "\\ud800", "name": "a", "folder": {}}], "@odata.deltaLink": "x"}', status=200)
async def test_any_answer(graph: GraphServer, drive: OneDrive, body: bytes, status: int) -> None:
    item_id = graph.drive().root.id
    fault = graph.faults.add(Response(body, status, media_type="application/json"), path="/v1.0/")
    await survives(drive, item_id)
    fault.times = 0
    await drive.connect()


@EXAMPLES
@given(page=pages, quota=drives)
async def test_any_page(graph: GraphServer, drive: OneDrive, page: dict[str, Any], quota: dict[str, Any]) -> None:
    """In between two true ones; afterwards the copy is right again."""
    if isinstance(page.get("@odata.deltaLink"), str):
        page["@odata.deltaLink"] = f"{graph.url}/v1.0/me/drive/root/delta?token=unknown"
    graph.faults.add(Response(json_bytes(page), media_type="application/json"), path="delta", times=1)
    graph.faults.add(Response(json_bytes(quota), media_type="application/json"), path="/me/drive", times=1)
    for _ in range(2):
        try:
            found = await drive.contents()
        except DriveError:
            continue
        assert isinstance(found, DriveContents)
    graph.faults.clear()
    graph.state.forget_enumerations()
    there = graph.drive()
    found = await drive.contents()
    assert {folder.id for folder in found.folders} == {item.id for item in there.children(there.root)}
    assert found.total_bytes == 5 * GIB


@EXAMPLES
@given(body=(tokens | values).map(json_bytes) | st.binary(max_size=20), status=statuses)
@example(body=b"[" * 100_000, status=200)
async def test_any_answer_of_the_token_endpoint(graph: GraphServer, process: Process, body: bytes, status: int) -> None:
    drive = process.drive(7)
    back = await graph.visit(await consent_address(drive))
    fault = graph.faults.add(Response(body, status, media_type="application/json"), path="/token")
    with pytest.raises(DriveError):
        await drive.finish_consent(back["code"], back["state"])
    fault.times = 0


@settings(max_examples=150, deadline=None)
@given(body=bodies.map(json_bytes) | st.binary(max_size=50))
def test_reading(body: bytes) -> None:
    for model in (Page, Item, DriveAnswer, UploadSession):
        try:
            read(model, body)
        except UnreadableAnswer:
            continue
