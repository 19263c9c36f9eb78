"""The resources over CoAP, one class each: what they offer, and what they do with the service's own parts.

Paths and queries are those of HTTP. Two things are CoAP's own: a picture may come as it is, with `deviceId` and
`timestamp` in the query, for cameras that have a frame and no CBOR; and `Accept` names one Content-Format, not several.
Deleting is HTTP's alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from aiocoap import Message
from aiocoap.numbers.codes import Code

from core_collection_service.coap.downloads import ETAG_BYTES, Representation
from core_collection_service.coap.requests import Asked
from core_collection_service.coap.security import check_known
from core_collection_service.devices import queries as devices
from core_collection_service.discovery import service as discovery
from core_collection_service.pictures import list_queries
from core_collection_service.pictures.errors import InvalidField, NoSuchCollection, NotAcceptable
from core_collection_service.pictures.listing import Listing
from core_collection_service.pictures.repository import Key, PictureRecord
from core_collection_service.pictures.representations import SENML_TYPES, represented
from core_collection_service.pictures.schemas import PictureBody
from core_collection_service.pictures.submission import check_device_id, query_timestamp
from core_collection_service.pictures.thumbnails import asked_box
from core_collection_service.protocol.documents import Format, write
from core_collection_service.state import Services
from lightbox_shared.errors import NotFound, UnsupportedMediaType

LINK_FORMAT: Final = 40
OCTET_STREAM: Final = 42
JSON: Final = 50
CBOR: Final = 60
SENML_JSON: Final = 110
SENML_CBOR: Final = 112
RAW: Final = frozenset({22, 23, OCTET_STREAM})
DOCUMENTS: Final[Mapping[int, Format]] = {JSON: Format.JSON, CBOR: Format.CBOR}
LISTS: Final[Mapping[int, str]] = {
    CBOR: "application/cbor",
    JSON: "application/json",
    SENML_JSON: "application/senml+json",
    SENML_CBOR: "application/senml+cbor",
    LINK_FORMAT: "application/link-format",
}
PICTURES: Final[Mapping[str, int]] = {"image/jpeg": 22, "image/png": 23}
"""The others have no number of their own."""
LARGEST_MESSAGE: Final = 1024
AROUND_BYTES: Final = 64 * 1024
_OF_ANSWERS: Final = frozenset({"timestamp", "from", "to", "cursor"})
"""Parameters of pictures and of lists."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a POST."""

    code: Code
    location: tuple[str, ...]
    payload: bytes
    content_format: int

    def message(self) -> Message:
        """The response."""
        answer = Message(code=self.code, payload=self.payload)
        answer.opt.location_path = self.location
        if self.payload:
            answer.opt.content_format = self.content_format
        return answer


class Resource(Protocol):
    """What is at a path."""

    route: str
    """The path's template."""

    async def get(self, asked: Asked) -> Representation:
        """What it is at this moment."""


class Links:
    """`/collections`, and `/.well-known/core`, which a group is asked for too."""

    def __init__(self, services: Services, route: str) -> None:
        self.route = route
        self._services = services

    async def get(self, asked: Asked) -> Representation:
        """The links that the filters let pass."""
        asked.chosen(LINK_FORMAT)
        return made(self.links(asked), LINK_FORMAT)

    def links(self, asked: Asked) -> bytes:
        """The document."""
        found = discovery.links(self._services.collections, coap=True)
        return discovery.link_format(discovery.select(found, asked.message.opt.uri_query)).encode()


class Devices:
    """`/collections/devices`."""

    route = "/collections/devices"

    def __init__(self, services: Services) -> None:
        self._services = services

    async def get(self, asked: Asked) -> Representation:
        """Who has sent pictures."""
        asked.caller.check_may_read(None)
        content_format = asked.chosen(CBOR, JSON)
        return made(written(await devices.document(asked, self._services), content_format), content_format)


class Collection:
    """`/collections/{collection}`: where devices send, and where pictures, lists and the batch are read."""

    route = "/collections/{collection}"

    def __init__(self, services: Services, name: str) -> None:
        self._services = services
        self.name = name

    def expected(self, asked: Asked) -> int:
        """Before a body is taken in: how many bytes it may have. Raises what speaks against it whatever it is."""
        check_known(asked.caller)
        asked.chosen(CBOR, JSON)
        most = self._services.pictures.limits.max_bytes
        if asked.content_format in DOCUMENTS:
            return most * 8 // 3 + AROUND_BYTES  # hexadecimal digits of base64
        if asked.content_format not in RAW:
            raise UnsupportedMediaType(
                "The Content-Format has to be 60 or 50 (CBOR, JSON), or 22, 23 or 42 (a picture)."
            )
        asked.caller.check_may_send(_key(asked, self.name).device_id)
        return most

    async def post(self, asked: Asked, body: bytes) -> Done:
        """Keep a picture: 2.01, or 2.04 if it was here before."""
        form = DOCUMENTS.get(asked.content_format or 0)
        if form is not None:
            kept = await self._services.pictures.submit(self.name, body, form, asked.caller.check_may_send)
        else:
            key = _key(asked, self.name)
            kept = await self._services.pictures.submit_bytes(self.name, key.device_id, key.taken_at, body)
        content_format = asked.chosen(CBOR, JSON)
        payload = written(PictureBody.of(kept.record).model_dump(), content_format)
        return Done(
            Code.CREATED if kept.created else Code.CHANGED,
            ("collections", self.name, str(kept.record.id)),
            payload if len(payload) <= LARGEST_MESSAGE else b"",
            content_format,
        )

    async def get(self, asked: Asked) -> Representation:
        """A picture by `deviceId` and `timestamp`, a list by `from`, `to` or `cursor`, or the batch by `Accept`."""
        limits = [list_queries.parameter(asked, name) for name in ("from", "to", "cursor")]
        is_list = list_queries.parameter(asked, "timestamp") is None and any(each is not None for each in limits)
        if is_list or LISTS.get(asked.accept or 0) in SENML_TYPES:
            return await self._list(asked)
        key = _key(asked, self.name)
        asked.caller.check_may_read(key.device_id)
        return await pictured(self._services, asked, await self._services.pictures.find(key))

    async def _list(self, asked: Asked) -> Representation:
        device_id = list_queries.device(asked)
        asked.caller.check_may_read(device_id)
        content_format = asked.chosen(*LISTS)
        media_type = LISTS[content_format]
        start, end = list_queries.span(asked)
        limit, cursor = list_queries.limit(asked), list_queries.parameter(asked, "cursor")
        listings = self._services.listings
        is_batch = media_type in SENML_TYPES and start is None and end is None
        if is_batch and (cursor is None or listings.continues_newest(self.name, device_id, cursor)):
            page = await listings.newest(self.name, device_id, limit, cursor)
        else:
            page = await listings.page(Listing(self.name, device_id, start, end, limit, cursor))
        return made(await represented(page, media_type), content_format)

    def is_observed(self, asked: Asked) -> bool:
        """Whether what arrives is asked for: Observe where there is no picture, list or batch to answer. On these it is
        ignored (RFC 7641 section 4.1)."""
        return (
            asked.message.opt.observe is not None
            and not asked.wants_block
            and asked.query_params.keys().isdisjoint(_OF_ANSWERS)
            and asked.accept not in {SENML_JSON, SENML_CBOR}
        )

    def note(self, asked: Asked, record: PictureRecord | None) -> Message:
        """The notification of a picture, below 1 KiB: its metadata, or with link-format its link."""
        content_format = asked.chosen(CBOR, JSON, LINK_FORMAT)
        if record is None:
            payload = b"" if content_format == LINK_FORMAT else written({}, content_format)
        elif content_format == LINK_FORMAT:
            ct = PICTURES.get(record.media_type, OCTET_STREAM)
            payload = f'</collections/{self.name}/{record.id}>;ct="{ct}";sz="{record.size}"'.encode()
        else:
            body = PictureBody.of(record).model_dump()
            payload = written(body, content_format)
            if len(payload) > LARGEST_MESSAGE:  # a long id of a device
                payload = written({name: body[name] for name in ("id", "timestamp", "size", "href")}, content_format)
        etag = {} if record is None else {"etag": record.id.to_bytes(ETAG_BYTES)}
        return Message(code=Code.CONTENT, payload=payload, content_format=content_format, **etag)


class Latest:
    """`/collections/{collection}/latest?deviceId=`."""

    route = "/collections/{collection}/latest"

    def __init__(self, services: Services, collection: str) -> None:
        self._services = services
        self._collection = collection

    async def get(self, asked: Asked) -> Representation:
        """The picture of a device that was taken last."""
        device_id = check_device_id(_required(asked, "deviceId"), "query")
        asked.caller.check_may_read(device_id)
        return await pictured(self._services, asked, await self._services.pictures.latest(self._collection, device_id))


class Picture:
    """`/collections/{collection}/{id}`."""

    route = "/collections/{collection}/{id}"

    def __init__(self, services: Services, collection: str, picture_id: str) -> None:
        self._services = services
        self._collection = collection
        self._id = picture_id

    async def get(self, asked: Asked) -> Representation:
        """The picture with this id."""
        picture_id = list_queries.picture_id(self._id)
        record = await self._services.pictures.find_by_id(self._collection, picture_id)
        asked.caller.check_may_read(record.device_id)
        return await pictured(self._services, asked, record)


def at(services: Services, path: tuple[str, ...]) -> Resource:
    """What is at a path. Raises `NotFound` and `NoSuchCollection`."""
    match path:
        case (".well-known", "core"):
            return Links(services, "/.well-known/core")
        case ("collections",):
            return Links(services, "/collections")
        case ("collections", "devices"):
            return Devices(services)
        case ("collections", name, *rest) if len(rest) <= 1:
            if name not in services.collections:
                raise NoSuchCollection
            if not rest:
                return Collection(services, name)
            return Latest(services, name) if rest == ["latest"] else Picture(services, name, rest[0])
    raise NotFound


def made(payload: bytes, content_format: int) -> Representation:
    """What was made for a request."""
    return Representation(content_format, sha256(payload).digest()[:ETAG_BYTES], payload)


async def pictured(services: Services, asked: Asked, record: PictureRecord) -> Representation:
    """A picture as it was sent, or with `w` or `h` its thumbnail. Raises `NotAcceptable` and `NoThumbnail`."""
    box = asked_box(asked)
    if box is None:
        content_format = _of_picture(asked, record.media_type)
        return Representation(content_format, record.sha256[:ETAG_BYTES], record)
    thumbnail = await services.thumbnails.get(record, box)
    return made(thumbnail.data, _of_picture(asked, thumbnail.media_type))


def _of_picture(asked: Asked, media_type: str) -> int:
    own = PICTURES.get(media_type, OCTET_STREAM)
    if asked.accept not in {None, own, OCTET_STREAM}:
        raise NotAcceptable([f"Content-Format {each}" for each in (own, OCTET_STREAM)])
    return asked.accept or own


def written(body: object, content_format: int) -> bytes:
    """A document in JSON or CBOR."""
    return write(body, DOCUMENTS[content_format])


def _key(asked: Asked, collection: str) -> Key:
    device_id = check_device_id(_required(asked, "deviceId"), "query")
    return Key(collection, device_id, query_timestamp(_required(asked, "timestamp")))


def _required(asked: Asked, name: str) -> str:
    value = list_queries.parameter(asked, name)
    if value is None:
        raise InvalidField(name, "This field is required.", "query")
    return value
