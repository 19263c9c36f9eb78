"""Where pictures of the platform are found by their address: one line of `picture_sources` for each kind of address.

To add a service that has pictures: a typed client in `clients/`, a function here that finds a picture by the parts of
its address, and its line in the table. A token that is limited to scopes finds here what it can read at the owner of
the picture, and no more.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from annotation_service.clients.collection import Collection
from annotation_service.clients.gallery import Gallery
from annotation_service.clients.inference import XRays
from annotation_service.pictures import repository
from annotation_service.pictures.file_paths import FilePath
from annotation_service.pictures.models import Picture
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT, Principal, Scope
from lightbox_shared.database import Database
from lightbox_shared.errors import InsufficientScope, NotFound
from lightbox_shared.second_prefix import API

_COLLECTION_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ROW_ID: Final = re.compile(r"[0-9]{1,19}")
_VARIABLE: Final = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture that this service has already."""

    id: int


@dataclass(frozen=True, slots=True)
class FetchedPicture:
    """A picture of another service."""

    data: bytes
    stem: str
    """Its filename without the extension."""
    source: str
    """Its address, without a key that gives access to it."""


Found = StoredPicture | FetchedPicture
Find = Callable[[Mapping[str, str], Mapping[str, str], Principal], Awaitable[Found]]
"""Finds a picture by the variables of its path and the parameters of its query, for an account. Raises `NotFound`, also
for a picture that the account may not see, `InsufficientScope` and `Unavailable`."""


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of address, as a path with variables such as `/collections/{collection}`, and how to find its picture."""

    template: str
    find: Find

    def match(self, path: FilePath) -> dict[str, str] | None:
        """The variables of a path of this kind; None for other paths."""
        parts = self.template.split("/")[1:]
        if len(parts) != len(path.segments):
            return None
        found: dict[str, str] = {}
        for part, segment in zip(parts, path.segments, strict=True):
            variable = _VARIABLE.fullmatch(part)
            if variable is not None:
                found[variable[1]] = segment
            elif part != segment:
                return None
        return found


def picture_sources(database: Database, xrays: XRays, collection: Collection, gallery: Gallery) -> Sequence[Source]:
    """All kinds of addresses."""
    own, chexray, core = _OwnPictures(database), _XRays(xrays), _CollectionPictures(collection)
    hub = _GalleryPictures(gallery)
    return (
        Source("/uploads/medical-images/{url}", own.by_url),
        Source(API + "/uploads/medical-images/{url}", own.by_url),
        Source("/images/{filename}", own.by_filename),
        Source(API + "/images/{filename}", own.by_filename),
        Source("/api/chexray/media/{xray_id}", chexray.by_id),
        Source("/collections/{collection}/{picture_id}", core.by_id),
        Source("/collections/{collection}", core.by_device),
        Source("/image/file/{picture_id}", hub.by_id),
    )


@dataclass(frozen=True, slots=True)
class _OwnPictures:
    database: Database

    async def by_url(self, path: Mapping[str, str], _query: Mapping[str, str], _caller: Principal) -> Found:
        async with self.database.reading() as session:
            return _stored(await repository.find_by_url(session, path["url"]))

    async def by_filename(self, path: Mapping[str, str], _query: Mapping[str, str], _caller: Principal) -> Found:
        """The newest picture of this name."""
        async with self.database.reading() as session:
            return _stored(await repository.newest_of_filename(session, path["filename"]))


@dataclass(frozen=True, slots=True)
class _XRays:
    client: XRays

    async def by_id(self, path: Mapping[str, str], query: Mapping[str, str], caller: Principal) -> Found:
        """The account's own, or one whose `key` the address has."""
        xray_id, key = _row_id(path["xray_id"]), query.get("key", "")
        account_id = caller.account
        if not caller.allows([Scope.PREDICT], "GET"):
            if not key:
                raise InsufficientScope(Scope.PREDICT)
            account_id = ANONYMOUS_ACCOUNT  # only the key can open it
        data = await self.client.picture(xray_id, account_id=account_id, key=key)
        return FetchedPicture(data, f"xray-{xray_id}", f"/api/chexray/media/{xray_id}")


@dataclass(frozen=True, slots=True)
class _CollectionPictures:
    client: Collection

    async def by_id(self, path: Mapping[str, str], _query: Mapping[str, str], caller: Principal) -> Found:
        collection, picture_id = _collection(path["collection"]), _row_id(path["picture_id"])
        _check_scope(caller)
        data = await self.client.picture(collection, picture_id, bound_to=caller.device_id)
        return FetchedPicture(data, f"{collection}-{picture_id}", f"/collections/{collection}/{picture_id}")

    async def by_device(self, path: Mapping[str, str], query: Mapping[str, str], caller: Principal) -> Found:
        collection = _collection(path["collection"])
        device_id, timestamp = query.get("deviceId"), query.get("timestamp")
        if not device_id or not timestamp:
            raise NotFound
        _check_scope(caller)
        data = await self.client.picture_of_device(
            collection, device_id=device_id, timestamp=timestamp, bound_to=caller.device_id
        )
        at = urlencode({"deviceId": device_id, "timestamp": timestamp})
        return FetchedPicture(data, f"{device_id}-{timestamp}", f"/collections/{collection}?{at}")


@dataclass(frozen=True, slots=True)
class _GalleryPictures:
    client: Gallery

    async def by_id(self, path: Mapping[str, str], _query: Mapping[str, str], caller: Principal) -> Found:
        """The file as it came, whatever size the address asks for."""
        picture_id = _row_id(path["picture_id"])
        if not caller.allows([Scope.HUB], "GET"):
            raise InsufficientScope(Scope.HUB)
        data = await self.client.picture(picture_id)
        return FetchedPicture(data, f"picture-{picture_id}", f"/image/file/{picture_id}")


def _stored(picture: Picture | None) -> StoredPicture:
    if picture is None:
        raise NotFound
    return StoredPicture(picture.id)


def _row_id(text: str) -> int:
    if not _ROW_ID.fullmatch(text) or not 0 < int(text) < 2**63:
        raise NotFound
    return int(text)


def _collection(text: str) -> str:
    if not _COLLECTION_NAME.fullmatch(text):
        raise NotFound
    return text


def _check_scope(caller: Principal) -> None:
    if not caller.allows([Scope.COLLECT], "GET"):
        raise InsufficientScope(Scope.COLLECT)
