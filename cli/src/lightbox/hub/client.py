"""The gallery's paths that `lightbox hub` calls, with an API key that has the scope `hub`.

Redirects are not followed, since the API key would be sent along to another server.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from lightbox_shared.commands.terminal import CommandError

TIMEOUT: Final = httpx.Timeout(60, connect=10)
_OK: Final = 1


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file in a folder of the drive."""

    id: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A folder of the drive."""

    id: str
    name: str
    size: int
    files: tuple[RemoteFile, ...]


@dataclass(frozen=True, slots=True)
class DriveListing:
    """What the drive shows of itself; sizes in GiB, as the gallery's clients get them."""

    folders: tuple[RemoteFolder, ...]
    used_gib: float
    total_gib: float


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group of the gallery."""

    id: int
    title: str | None
    pictures: int


class HubClient:
    """The gallery at one address. Every method raises `CommandError`."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    @classmethod
    @contextmanager
    def open(cls, url: str, key: str | None) -> Iterator[Self]:
        """A client whose connections are kept open until the end of the context."""
        headers = {} if key is None else {"X-API-Key": key}
        try:
            base_url = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise CommandError(f"{url} is no URL: {error}.") from error
        if base_url.scheme not in {"http", "https"} or not base_url.host:
            raise CommandError(f"{url} is no address of a gateway, such as http://127.0.0.1:8000.")
        with httpx.Client(base_url=base_url, headers=headers, timeout=TIMEOUT) as http:
            yield cls(http)

    def drive(self) -> DriveListing:
        """The folders of the drive with their files."""
        body = self._logical("/admin/onedrive/folders")["folders"]
        used, total = body.pop("used_storage"), body.pop("total_storage")
        folders = tuple(
            RemoteFolder(
                folder_id,
                folder["folder_name"],
                folder["folder_size"],
                tuple(RemoteFile(id_, file["file_name"], file["file_size"]) for id_, file in folder["files"].items()),
            )
            for folder_id, folder in body.items()
        )
        return DriveListing(folders, used, total)

    def folder_named(self, name: str) -> RemoteFolder:
        """The folder of this name, which is made if there is none."""
        found = _named(self.drive(), name)
        if found is None:
            self._logical("/admin/onedrive/add-folder", params={"folder_name": name})
            found = _named(self.drive(), name)
        if found is None:
            raise CommandError(f"The folder {name} was made, and is not in the list of folders.")
        return found

    def upload_address(self, folder_id: str, filename: str) -> str:
        """The address to which the chunks of a new file are sent."""
        query = {"folder_id": folder_id, "file_name": filename}
        return str(self._logical("/admin/onedrive/upload-session", params=query)["sessionUrl"])

    def add_pictures(self, folder: RemoteFolder, files: list[RemoteFile], group: int) -> str:
        """Begin to add files to a group, -1 for a new one, and return the path of the progress."""
        entry = {
            "all_image_id": [{"file_name": each.name, "file_id": each.id} for each in files],
            "group": group,
            "folder_name": folder.name,
        }
        answer = self._request(
            "POST",
            "/admin/add/image",
            json={"image_list": {folder.id: entry}},
            headers={"Prefer": "respond-async"},
        )
        if answer.status_code != httpx.codes.ACCEPTED:
            raise CommandError(f"The server did not begin to add the pictures: {_sentence(answer)}")
        return str(answer.headers["location"])

    def addition(self, path: str) -> dict[str, Any]:
        """How far the server is with adding pictures."""
        body: dict[str, Any] = self._request("GET", path).json()
        return body

    def groups(self) -> Iterator[GroupRow]:
        """The groups of the gallery, in their order."""
        cursor: str | None = None
        while True:
            query = {"limit": "200", **({} if cursor is None else {"cursor": cursor})}
            body = self._request("GET", "/api/gallery/groups", params=query).json()
            for each in body["groups"]:
                yield GroupRow(each["id"], each["title"], each["picture_count"])
            cursor = body["next_cursor"]
            if cursor is None:
                return

    def _logical(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The body of an answer to GET whose `code` says that it is a success."""
        answer = self._request("GET", path, params=params)
        body: dict[str, Any] = answer.json()
        if body.get("code") != _OK:
            where = f" Allow it at {body['url']}" if "url" in body else ""
            raise CommandError(
                f"The drive refuses: {body.get('detail') or body.get('hint')}.{where}".replace("..", ".")
            )
        return body

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        try:
            answer = self._http.request(method, path, params=params, json=json, headers=headers)
        except httpx.TransportError as error:
            raise CommandError(f"The server does not answer: {str(error) or type(error).__name__}.") from error
        if answer.is_success:
            return answer
        if answer.status_code in {401, 403}:
            raise CommandError(
                f"{_sentence(answer)} It takes an administrator's API key with the scope hub, in LIGHTBOX_API_KEY or"
                " a --key-file; lightbox api-keys create makes it."
            )
        raise CommandError(_sentence(answer))


def _named(listing: DriveListing, name: str) -> RemoteFolder | None:
    return next((each for each in listing.folders if each.name.casefold() == name.casefold()), None)


def _sentence(answer: httpx.Response) -> str:
    """What an error says of itself."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    detail = body.get("detail") if isinstance(body, dict) else None
    return detail if isinstance(detail, str) else f"The server answered {answer.status_code} {answer.reason_phrase}."
