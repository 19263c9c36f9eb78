"""OneDrive as a drive: what administrators do with it, in calls of Microsoft Graph."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import anyio
import httpx

from imagehub_service.config import ImageHubSettings
from imagehub_service.drives.drive import DriveContents, DriveFolder
from imagehub_service.drives.errors import DriveUnavailable, UnreadableAnswer
from imagehub_service.drives.onedrive import connections_repository, copies_repository
from imagehub_service.drives.onedrive.answers import DriveAnswer, Item, UploadSession, read
from imagehub_service.drives.onedrive.connections import PURPOSE, Connections
from imagehub_service.drives.onedrive.copies import Copies
from imagehub_service.drives.onedrive.downloads import Downloads
from imagehub_service.drives.onedrive.errors import failure
from imagehub_service.drives.onedrive.graph import Call, Graph
from imagehub_service.drives.onedrive.identity_platform import IdentityPlatform
from imagehub_service.drives.onedrive.names import check_name, item_path, path_below
from imagehub_service.drives.onedrive.transport import address_in, microsoft_http
from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.database import Database
from lightbox_shared.storage.encryption import Cipher

UPDATE_SECONDS: Final = 22.0
"""For so long `contents` tries to bring the copy up to date; the gateway waits for 30."""
RENAMES: Final = {"@microsoft.graph.conflictBehavior": "rename"}


class OneDrive:
    """The OneDrive of one administrator; a `Drive`."""

    def __init__(
        self,
        account_id: int,
        database: Database,
        graph: Graph,
        connections: Connections,
        *,
        copies: Copies,
        downloads: Downloads,
        root: str,
    ) -> None:
        """`root` is the path of the folder whose folders are shown."""
        self._account_id = account_id
        self._database = database
        self._graph = graph
        self._connections = connections
        self._copies = copies
        self._downloads = downloads
        self._root = root

    async def connect(self) -> None:
        """Ask Graph for the drive."""
        read(DriveAnswer, await self._call("GET", "/me/drive?$select=id", name="connect", success=200))

    async def finish_consent(self, auth_code: str, state: str | None) -> None:
        """Exchange the code for tokens. What was known of the drive before is forgotten: it may be another one now."""
        await self._connections.finish_consent(self._account_id, auth_code, state)
        await self._copies.forget(self._account_id)

    async def is_connected(self) -> bool:
        """Whether there are tokens, which Microsoft may have revoked since they were used last."""
        return await self._connections.is_connected(self._account_id)

    async def disconnect(self) -> bool:
        """Forget the tokens, the consents under way and the copy. What uses the tokens ends with `ConsentNeeded`, in
        every process, since each call of Graph asks for them anew. Microsoft has no request that ends tokens."""
        async with self._database.writing() as session:
            had_tokens = await connections_repository.forget(session, self._account_id)
            had_copy = await copies_repository.forget(session, self._account_id)
        return had_tokens or had_copy

    async def contents(self) -> DriveContents:
        """The copy after its update; as it is, and marked with its age, if Microsoft does not answer."""
        failed: Exception | None = None
        try:
            with anyio.fail_after(UPDATE_SECONDS):
                await self._copies.update(self._account_id)
        except (DriveUnavailable, TimeoutError) as error:
            failed = error
        found = await self._copies.contents(self._account_id, is_stale=failed is not None)
        if found is None:
            await self._connections.check_connected(self._account_id)
            if isinstance(failed, DriveUnavailable):
                raise failed
            raise DriveUnavailable("The list of folders is still being read.", retry_after=2) from failed
        return found

    async def create_folder(self, name: str) -> DriveFolder:
        """Make a folder; OneDrive appends a number where the name is taken."""
        body = {"name": check_name(name), "folder": {}, **RENAMES}
        answer = await self._call("POST", f"{self._root}/children", body, name="create folder", success=201)
        return read(Item, answer).as_new_folder()

    async def rename(self, item_id: str, name: str) -> None:
        """Give an item another name."""
        path = item_path(item_id)
        read(Item, await self._call("PATCH", path, {"name": check_name(name)}, name="rename", success=200))

    async def delete(self, item_id: str) -> None:
        """Move an item to the recycle bin."""
        call = Call("DELETE", self._graph.url(item_path(item_id)), name="delete")
        answer = await self._graph.send(self._account_id, call)
        is_gone = answer.http.status == 404 and answer.may_be_second
        if answer.http.status != 204 and not is_gone:
            raise failure(answer.http.status, answer.http.body)

    async def open_upload_session(self, folder_id: str, filename: str, *, public_base: str) -> str:  # noqa: ARG002
        """Graph's own address for the chunks."""
        path = f"{path_below(folder_id, filename)}/createUploadSession"
        answer = await self._call("POST", path, {"item": RENAMES}, name="upload session", success=200)
        address = read(UploadSession, answer).upload_url
        address_in(address, {"https", httpx.URL(self._graph.url("")).scheme})
        return address

    async def download(self, file_id: str, *, max_bytes: int) -> bytes:
        """The bytes of a file."""
        return await self._downloads.fetch(self._account_id, file_id, max_bytes=max_bytes)

    async def _call(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, name: str, success: int
    ) -> bytes:
        # A second POST would make a second folder or session; PATCH sets a name, and does no harm twice.
        call = Call(method, self._graph.url(path), body, repeatable=method != "POST", name=name)
        answer = (await self._graph.send(self._account_id, call)).http
        if answer.status == success:
            return answer.body
        if 200 <= answer.status < 400:
            raise UnreadableAnswer
        raise failure(answer.status, answer.body, about_name=body is not None)


class OneDrives:
    """The OneDrives of all administrators."""

    def __init__(
        self, database: Database, settings: ImageHubSettings, http: httpx.AsyncClient, threads: BoundedThreads
    ) -> None:
        """In `threads` long lists are made. Raises `ValueError` if the service has no secret to encrypt tokens with."""
        self._database = database
        cipher = Cipher(settings.own_secret(), PURPOSE)
        allow_http = httpx.URL(settings.onedrive_graph_url).scheme == "http"
        self._connections = Connections(database, cipher, IdentityPlatform(http, settings))
        self._graph = Graph(http, self._connections, settings.onedrive_graph_url)
        self._copies = Copies(database, self._graph, threads=threads, root_folder=settings.onedrive_root_folder)
        self._downloads = Downloads(http, self._graph, self._connections, allow_http=allow_http)
        folder = settings.onedrive_root_folder
        self._root = item_path(folder) if folder else "/me/drive/root"

    def for_account(self, account_id: int) -> OneDrive:
        """The OneDrive that an administrator has allowed the use of, or can allow."""
        return OneDrive(
            account_id,
            self._database,
            self._graph,
            self._connections,
            copies=self._copies,
            downloads=self._downloads,
            root=self._root,
        )


@asynccontextmanager
async def open_onedrives(
    database: Database, settings: ImageHubSettings, threads: BoundedThreads
) -> AsyncIterator[OneDrives]:
    """Open the connections with Microsoft's servers. In `threads` long lists are made."""
    async with microsoft_http() as http:
        yield OneDrives(database, settings, http, threads)
