"""One round through a drive by msgraph-sdk, Microsoft's own client for Python.

python msgraph_scenario.py http://127.0.0.1:9000/v1.0 <an access token>

`LargeFileUploadTask.upload` (msgraph-core 1.5) sends the last fragment twice, which Graph answers with 404, and can't
read `nextExpectedRanges` without an end, so its fragments are sent one by one by its own methods.
"""

import asyncio
import sys
from io import BytesIO
from typing import Any

import httpx
from kiota_abstractions.api_error import APIError
from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator
from kiota_abstractions.authentication.base_bearer_token_authentication_provider import (
    BaseBearerTokenAuthenticationProvider,
)
from msgraph.generated.drives.item.items.item.create_upload_session.create_upload_session_post_request_body import (
    CreateUploadSessionPostRequestBody,
)
from msgraph.generated.models.drive_item import DriveItem
from msgraph.generated.models.drive_item_uploadable_properties import DriveItemUploadableProperties
from msgraph.generated.models.folder import Folder
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.graph_request_adapter import GraphRequestAdapter, options
from msgraph.graph_service_client import GraphServiceClient
from msgraph_core import GraphClientFactory
from msgraph_core.tasks.large_file_upload import LargeFileUploadTask

FRAGMENT = 320 * 1024
CONFLICT = "@microsoft.graph.conflictBehavior"


class Token(AccessTokenProvider):  # type: ignore[misc]  # it is not installed where types are checked
    """A token that is sent to one host alone, as Microsoft's providers do it."""

    def __init__(self, token: str, host: str) -> None:
        self._token = token
        self._hosts = AllowedHostsValidator([host])

    async def get_authorization_token(self, uri: str, _context: Any = None) -> str:
        return self._token if self._hosts.is_url_host_valid(uri) else ""

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return self._hosts


def client_of(base_url: str, token: str) -> GraphServiceClient:
    """A client with Microsoft's own middleware."""
    host = httpx.URL(base_url).host
    http = GraphClientFactory.create_with_default_middleware(options=options, client=httpx.AsyncClient())
    adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(Token(token, host)), http)
    adapter.base_url = base_url
    client = GraphServiceClient(request_adapter=adapter)
    client.path_parameters["base_url"] = base_url
    return client


def new_folder(name: str, conflict: str) -> DriveItem:
    return DriveItem(name=name, folder=Folder(), additional_data={CONFLICT: conflict})


async def error_of(call: Any) -> Any:
    """The error that the client raises."""
    try:
        await call
    except APIError as error:
        return error
    raise AssertionError("no error was raised")


async def fails(call: Any, status: int, code: str) -> None:
    """The call raises the error of Graph with this status and code."""
    error = await error_of(call)
    assert isinstance(error, ODataError)
    assert (error.response_status_code, error.error.code) == (status, code), error
    assert error.error.inner_error.request_id


async def folders(client: GraphServiceClient, drive_id: str) -> DriveItem:
    """Create, list by pages, rename."""
    items = client.drives.by_drive_id(drive_id).items
    root = await client.drives.by_drive_id(drive_id).root.get()
    assert root is not None
    assert root.root is not None
    children = items.by_drive_item_id(root.id).children
    made = [await children.post(new_folder("Arts", "rename")) for _ in range(3)]
    assert [each.name for each in made] == ["Arts", "Arts 1", "Arts 2"]
    await fails(children.post(new_folder("arts", "fail")), 409, "nameAlreadyExists")
    await fails(children.post(new_folder("a:b", "fail")), 400, "invalidRequest")
    page, names = await children.get(), []
    while page is not None:
        names += [each.name for each in page.value]
        page = await children.with_url(page.odata_next_link).get() if page.odata_next_link else None
    assert names == ["Arts", "Arts 1", "Arts 2"]
    renamed = await items.by_drive_item_id(made[1].id).patch(DriveItem(name="Ärzte"))
    assert renamed.name == "Ärzte"
    await fails(items.by_drive_item_id(made[2].id).patch(DriveItem(name="ARTS")), 409, "nameAlreadyExists")
    await items.by_drive_item_id(made[2].id).delete()
    await fails(items.by_drive_item_id(made[2].id).get(), 404, "itemNotFound")
    by_path = await items.by_drive_item_id("root:/Ärzte:").get()
    assert by_path.id == made[1].id
    folder: DriveItem = made[0]
    return folder


async def files(client: GraphServiceClient, drive_id: str, folder: DriveItem) -> None:
    """Send a file by fragments, and by one PUT; fetch them."""
    items = client.drives.by_drive_id(drive_id).items
    data = bytes(range(256)) * 3000
    for expected in ("big.bin", "big 1.bin"):
        body = CreateUploadSessionPostRequestBody(
            item=DriveItemUploadableProperties(additional_data={CONFLICT: "rename"})
        )
        session = await items.by_drive_item_id(f"{folder.id}:/big.bin:").create_upload_session.post(body)
        assert session.next_expected_ranges == ["0-"]
        task = LargeFileUploadTask(session, client.request_adapter, BytesIO(data), DriveItem, FRAGMENT)
        for start in range(0, len(data) - FRAGMENT, FRAGMENT):
            end = start + FRAGMENT - 1
            task.next_range = f"{start}-{end}"
            status = await task.next_chunk(task.stream)
            assert status.next_expected_ranges == [f"{end + 1}-"]
            assert (await error_of(task.next_chunk(task.stream))).response_status_code == 416
        task.next_range = f"{len(data) - len(data) % FRAGMENT}-{len(data) - 1}"
        done = await task.last_chunk(task.stream)
        assert (done.name, done.size) == (expected, len(data))
        assert await items.by_drive_item_id(done.id).content.get() == data  # redirected to the host with the bytes
    small = await items.by_drive_item_id(f"{folder.id}:/a.png:").content.put(b"12345")
    assert (small.file.mime_type, small.parent_reference.id) == ("image/png", folder.id)
    thumbnails = await items.by_drive_item_id(small.id).thumbnails.get()
    assert thumbnails.value[0].medium.url
    cancelled = await items.by_drive_item_id(f"{folder.id}:/c.bin:").create_upload_session.post(
        CreateUploadSessionPostRequestBody()
    )
    async with httpx.AsyncClient() as http:
        assert (await http.delete(cancelled.upload_url)).status_code == 204
        assert (await http.get(cancelled.upload_url)).status_code == 404


async def changes(client: GraphServiceClient, drive_id: str) -> None:
    """All items, then what has changed."""
    items = client.drives.by_drive_id(drive_id).items
    delta = items.by_drive_item_id("root").delta
    found, page = {}, await delta.get()
    while True:
        found.update({each.id: each for each in page.value})
        if not page.odata_next_link:
            break
        page = await delta.with_url(page.odata_next_link).get()
    assert sorted(each.name for each in found.values()) == ["Arts", "a.png", "big 1.bin", "big.bin", "root", "Ärzte"]
    gone = next(each for each in found.values() if each.name == "Ärzte")
    await items.by_drive_item_id(gone.id).delete()
    page = await delta.with_url(page.odata_delta_link).get()
    deleted = {each.id: each.deleted for each in page.value}
    assert deleted[gone.id] is not None
    assert page.odata_delta_link


async def scenario(base_url: str, token: str) -> None:
    """All of it."""
    client = client_of(base_url, token)
    drive = await client.me.drive.get()
    assert drive is not None
    assert drive.id
    assert drive.drive_type == "personal"
    assert drive.quota is not None
    assert drive.quota.total
    await changes_of_nothing(client, drive.id)
    await files(client, drive.id, await folders(client, drive.id))
    await changes(client, drive.id)
    await fails(client_of(base_url, "expired").me.drive.get(), 401, "InvalidAuthenticationToken")


async def changes_of_nothing(client: GraphServiceClient, drive_id: str) -> None:
    page = await client.drives.by_drive_id(drive_id).items.by_drive_item_id("root").delta_with_token("latest").get()
    assert page.value == []
    assert page.odata_delta_link


if __name__ == "__main__":
    asyncio.run(scenario(*sys.argv[1:]))
    sys.stdout.write("one round through the drive\n")
