"""The Graph server of these tests obeys the rules of Microsoft's documentation that its own client does not reach."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from graph_server.content import FRAGMENT
from graph_server.faults import throttled
from support.onedrive import USER, GraphServer

CONFLICT = "@microsoft.graph.conflictBehavior"


@pytest.fixture
async def api(graph: GraphServer) -> AsyncIterator[httpx.AsyncClient]:
    token = graph.identity.issue(USER, "Files.ReadWrite")["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"{graph.url}/v1.0/me/drive", headers=headers) as client:
        yield client


async def session(api: httpx.AsyncClient, name: str = "a.bin", **body: Any) -> str:
    answer = await api.post(f"/root:/{name}:/createUploadSession", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["uploadUrl"])


async def put(url: str, start: int, end: int, total: int, **options: Any) -> httpx.Response:
    """Send the bytes from `start` up to `end`, which is not one of them."""
    headers = {"Content-Range": f"bytes {start}-{end - 1}/{total}", **options.pop("headers", {})}
    async with httpx.AsyncClient() as browser:
        return await browser.put(url, content=options.pop("content", b"x" * (end - start)), headers=headers)


def inner_code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["innerError"].get("code"))


async def test_the_rules_of_fragments(api: httpx.AsyncClient) -> None:
    url, total = await session(api), 3 * FRAGMENT
    assert (await put(url, 0, 1000, total)).status_code == 400  # no multiple of 320 KiB
    assert inner_code(await put(url, 0, FRAGMENT, total, content=b"x")) == "fragmentLengthMismatch"
    assert (await put(url, 0, FRAGMENT, total)).json()["nextExpectedRanges"] == [f"{FRAGMENT}-"]
    for start, code in ((0, "fragmentOverlap"), (2 * FRAGMENT, "fragmentOutOfOrder")):
        answer = await put(url, start, start + FRAGMENT, total)
        assert (answer.status_code, inner_code(answer)) == (416, code)
    assert (await put(url, FRAGMENT, 2 * FRAGMENT, total + 1)).status_code == 400
    assert (await put(url, FRAGMENT, total, total)).status_code == 201
    answer = await put(url, FRAGMENT, total, total)
    assert (answer.status_code, inner_code(answer)) == (404, "uploadSessionNotFound")


async def test_the_upload_address_refuses_a_token(api: httpx.AsyncClient) -> None:
    url = await session(api)
    answer = await put(url, 0, 1, 1, headers={"Authorization": api.headers["authorization"]})
    assert answer.status_code == 401
    assert (await put(url, 0, 1, 1)).status_code == 201


@pytest.mark.parametrize(
    ("conflict", "status", "name"), [("rename", 201, "a 1.bin"), ("replace", 200, "a.bin"), ("fail", 409, None)]
)
async def test_conflicts_of_uploads(
    graph: GraphServer, api: httpx.AsyncClient, conflict: str, status: int, name: str | None
) -> None:
    graph.drive().put_file("a.bin", b"1")
    answer = await put(await session(api, item={CONFLICT: conflict}), 0, 2, 2)
    assert (answer.status_code, answer.json().get("name")) == (status, name)


async def test_an_upload_that_is_committed_later(graph: GraphServer, api: httpx.AsyncClient) -> None:
    url = await session(api, deferCommit=True)
    async with httpx.AsyncClient() as browser:
        assert inner_code(await browser.post(url)) == "uploadSessionIncomplete"
        assert (await put(url, 0, 2, 2)).status_code == 202
        assert graph.drive().children(graph.drive().root) == []
        assert (await browser.post(url)).status_code == 201


async def test_quota(graph: GraphServer, api: httpx.AsyncClient) -> None:
    graph.drive().total = 10
    answer = await api.post("/root:/a.bin:/createUploadSession", json={"item": {"fileSize": 11}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "quotaLimitReached")
    assert (await api.put("/root:/a.bin:/content", content=b"x" * 10)).status_code == 201
    assert (await api.get("")).json()["quota"] | {"deleted": 0} == {
        "total": 10, "used": 10, "remaining": 0, "deleted": 0, "state": "exceeded",
    }  # fmt: skip


async def test_downloads(graph: GraphServer, api: httpx.AsyncClient) -> None:
    file, _ = graph.drive().put_file("a.bin", bytes(range(10)))
    answer = await api.get(f"/items/{file.id}/content")
    assert answer.status_code == 302
    assert httpx.URL(answer.headers["location"]).host != api.base_url.host
    async with httpx.AsyncClient() as browser:
        part = await browser.get(answer.headers["location"], headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"\2\3\4", "bytes 2-4/10")
    refused = await api.get(answer.headers["location"])
    assert refused.status_code == 401


async def test_conditions(graph: GraphServer, api: httpx.AsyncClient) -> None:
    folder = graph.drive().add_folder("a")
    before = (await api.get(f"/items/{folder.id}")).json()["eTag"]
    answer = await api.patch(f"/items/{folder.id}", json={"name": "b"}, headers={"If-Match": before})
    assert answer.status_code == 200
    answer = await api.delete("/root:/b", headers={"If-Match": before})
    assert (answer.status_code, answer.json()["error"]["code"]) == (412, "resourceModified")
    assert (await api.delete("/root:/B", headers={"If-Match": "*"})).status_code == 204


async def test_a_token_of_delta_that_has_expired(graph: GraphServer, api: httpx.AsyncClient) -> None:
    link = (await api.get("/root/delta", params={"token": "latest"})).json()["@odata.deltaLink"]
    assert (await api.get(link)).json()["value"] == []
    graph.state.forget_enumerations()
    answer = await api.get(link)
    assert (answer.status_code, inner_code(answer)) == (410, "resyncChangesApplyDifferences")
    assert len((await api.get(answer.headers["location"])).json()["value"]) == 1


async def test_ids_of_requests(graph: GraphServer, api: httpx.AsyncClient) -> None:
    answer = await api.get("/items/01A", headers={"client-request-id": "mine"})
    assert answer.headers["client-request-id"] == answer.json()["error"]["innerError"]["client-request-id"] == "mine"
    graph.faults.add(throttled(7), times=1)
    answer = await api.get("")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert (await api.get("")).status_code == 200
