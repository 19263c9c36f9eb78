"""The resources over CoAP, one class each.

Paths and queries are those of HTTP, and what a GET of a collection asks for is selected by the same function. Two
things are different: a picture may be sent as it is, with `deviceId` and `timestamp` in the query, by cameras that have
a picture and no CBOR; and `Accept` names one Content-Format, which is sent or refused. Deleting is possible over HTTP
alone, and so are batches with the bytes of pictures (`vd`).
"""

from hashlib import sha256
from typing import Final, Protocol

from aiocoap import Message
from aiocoap.numbers.codes import Code

from core_collection_service.coap.downloads import ETAG_BYTES, Representation
from core_collection_service.coap.requests import CoapRequest, ip_address_of
from core_collection_service.coap.security import check_authenticated
from core_collection_service.devices.queries import device_document
from core_collection_service.discovery import service as discovery
from core_collection_service.errors import NoSuchCollection, NotAcceptable
from core_collection_service.parameters import DEVICE_ID, TIMESTAMP
from core_collection_service.pictures.lists.representations import represent_page
from core_collection_service.pictures.lists.service import NewestOfEach
from core_collection_service.pictures.models import PictureRecord
from core_collection_service.pictures.queries import read_picture_key
from core_collection_service.pictures.read.selection import SelectedList, find_visible, select, selects_list
from core_collection_service.pictures.schemas import PictureBody
from core_collection_service.pictures.submit.writer import Written
from core_collection_service.pictures.thumbnails.rendering import read_box
from core_collection_service.protocol.documents import Format, write
from core_collection_service.protocol.media_types import (
    CBOR,
    CONTENT_FORMATS,
    JPEG,
    JSON,
    LINK_FORMAT,
    OCTET_STREAM,
    PNG,
)
from core_collection_service.state import Services
from lightbox_shared.errors import NotFound, UnsupportedMediaType
from lightbox_shared.requests.file_sizes import DECIDING_BYTES

LARGEST_PAYLOAD: Final = 1024
"""Of a response that is sent in one message."""
_PICTURE_TYPES: Final = frozenset({JPEG, PNG, OCTET_STREAM})
_DOCUMENT_TYPES: Final = frozenset({JSON, CBOR})


class Resource(Protocol):
    """What is at a path."""

    route: str
    """The path's template."""

    async def get(self, request: CoapRequest) -> Representation:
        """The representation at this moment."""


class DiscoveryResource:
    """`/collections` and `/.well-known/core`; the latter is also requested by multicast."""

    def __init__(self, services: Services, route: str) -> None:
        self.route = route
        self._services = services

    async def get(self, request: CoapRequest) -> Representation:
        """The links that pass the filters of the query. Raises `NotAcceptable`."""
        request.negotiate(LINK_FORMAT)
        found = discovery.links(self._services.collections, coap=True)
        return _generated(discovery.document(found, request.message.opt.uri_query).encode(), LINK_FORMAT)


class DevicesResource:
    """`/collections/devices`."""

    route = "/collections/devices"

    def __init__(self, services: Services) -> None:
        self._services = services

    async def get(self, request: CoapRequest) -> Representation:
        """A page of the devices that have sent pictures. Raises `InvalidField`, `NoSuchCollection` and
        `NotAcceptable`."""
        request.caller.check_may_read(None)
        media_type = request.negotiate(CBOR, JSON)
        document = await device_document(request, self._services)
        return _generated(write(document, Format(media_type)), media_type)


class CollectionResource:
    """`/collections/{collection}`: where devices send, and where pictures and lists are read and arrivals observed."""

    route = "/collections/{collection}"

    def __init__(self, services: Services, name: str) -> None:
        self._services = services
        self.name = name

    def check_post(self, request: CoapRequest) -> int:
        """Raises everything that can be said against a POST before all of its body has arrived; returns how many bytes
        the body may have. For a picture of any kind its first block says that, if it has enough bytes."""
        check_authenticated(request.caller)
        request.negotiate(CBOR, JSON)
        limits = self._services.submissions.limits
        if request.content_type in _DOCUMENT_TYPES:
            return limits.largest_document(Format(request.content_type))
        if request.content_type not in _PICTURE_TYPES:
            raise UnsupportedMediaType(
                "The Content-Format has to be 60 or 50 (CBOR, JSON), or 22, 23 or 42 (a picture)."
            )
        request.caller.check_may_send(read_picture_key(request, self.name).device_id)
        if request.content_type == OCTET_STREAM and len(request.message.payload) < DECIDING_BYTES:
            return limits.max_bytes
        return limits.sizes.limit_of(request.message.payload)

    async def post(self, request: CoapRequest, body: bytes) -> Message:
        """Keep a picture: 2.01, or 2.04 if it was sent before. Raises what `Submissions` raises."""
        submissions, caller = self._services.submissions, request.caller
        address = ip_address_of(request.message) if caller.is_stranger else None
        if request.content_type in _DOCUMENT_TYPES:
            form = Format(request.content_type)
            written = await submissions.submit_document(self.name, body, form, caller.check_may_send, address)
        else:
            written = await submissions.submit_picture(read_picture_key(request, self.name), body, address)
        return self._created(written, request.negotiate(CBOR, JSON))

    def _created(self, written: Written, media_type: str) -> Message:
        """The response to a POST; its metadata are left out where they do not fit into one message."""
        message = Message(code=Code.CREATED if written.created else Code.CHANGED)
        message.opt.location_path = ("collections", self.name, str(written.record.id))
        metadata = write(PictureBody.of(written.record).model_dump(), Format(media_type))
        if len(metadata) <= LARGEST_PAYLOAD:
            message.payload = metadata
            message.opt.content_format = CONTENT_FORMATS[media_type]
        return message

    async def get(self, request: CoapRequest) -> Representation:
        """The picture or the list that `select` finds. Raises what it raises, `NoSuchPicture` and `NoThumbnail`."""
        selected = select(request, self.name, request.caller)
        if not isinstance(selected, SelectedList):
            record = await self._services.pictures.find(selected)
            return await _picture_representation(self._services, request, record)
        lists, wanted = self._services.lists, selected.query
        page = await (lists.newest(wanted) if isinstance(wanted, NewestOfEach) else lists.by_time(wanted))
        return _generated(await represent_page(page, selected.media_type), selected.media_type)

    def is_observed(self, request: CoapRequest) -> bool:
        """Whether the request asks to be notified of arrivals: it has Observe, and selects neither a picture nor a
        list. On these Observe is ignored (RFC 7641 section 4.1)."""
        return (
            request.message.opt.observe is not None
            and not request.wants_block
            and TIMESTAMP.name not in request.query_params
            and not selects_list(request)
        )

    def notification(self, request: CoapRequest, record: PictureRecord | None) -> Message:
        """The notification of a picture, None if there is none yet, in one message: its metadata, or its link. Raises
        `NotAcceptable`."""
        media_type = request.negotiate(CBOR, JSON, LINK_FORMAT)
        payload = b"" if media_type == LINK_FORMAT else write({}, Format(media_type))
        if record is not None and media_type == LINK_FORMAT:
            content_format = CONTENT_FORMATS[_sent_type(record.media_type)]
            payload = f'</collections/{self.name}/{record.id}>;ct="{content_format}";sz="{record.size}"'.encode()
        elif record is not None:
            metadata = PictureBody.of(record).model_dump()
            payload = write(metadata, Format(media_type))
            if len(payload) > LARGEST_PAYLOAD:  # the device has a long id
                metadata = {name: metadata[name] for name in ("id", "timestamp", "size", "href")}
                payload = write(metadata, Format(media_type))
        etag = {} if record is None else {"etag": record.id.to_bytes(ETAG_BYTES)}
        return Message(code=Code.CONTENT, payload=payload, content_format=CONTENT_FORMATS[media_type], **etag)


class LatestResource:
    """`/collections/{collection}/latest?deviceId=`."""

    route = "/collections/{collection}/latest"

    def __init__(self, services: Services, collection: str) -> None:
        self._services = services
        self._collection = collection

    async def get(self, request: CoapRequest) -> Representation:
        """The picture of a device with the latest timestamp. Raises `InvalidField`, `NoSuchPicture`, `NotAcceptable`
        and `NoThumbnail`."""
        device_id = DEVICE_ID.read_required(request)
        request.caller.check_may_read(device_id)
        record = await self._services.pictures.latest(self._collection, device_id)
        return await _picture_representation(self._services, request, record)


class PictureResource:
    """`/collections/{collection}/{id}`."""

    route = "/collections/{collection}/{id}"

    def __init__(self, services: Services, collection: str, picture_id: str) -> None:
        self._services = services
        self._collection = collection
        self._id = picture_id

    async def get(self, request: CoapRequest) -> Representation:
        """The picture with this id. Raises `NoSuchPicture`, `NotAcceptable` and `NoThumbnail`."""
        record = await find_visible(self._services.pictures, request.caller, self._collection, self._id)
        return await _picture_representation(self._services, request, record)


def find_resource(services: Services, path: tuple[str, ...]) -> Resource:
    """The resource at a path. Raises `NotFound` and `NoSuchCollection`."""
    match path:
        case (".well-known", "core"):
            return DiscoveryResource(services, "/.well-known/core")
        case ("collections",):
            return DiscoveryResource(services, "/collections")
        case ("collections", "devices"):
            return DevicesResource(services)
        case ("collections", name, *rest) if len(rest) <= 1:
            if name not in services.collections:
                raise NoSuchCollection
            if not rest:
                return CollectionResource(services, name)
            if rest == ["latest"]:
                return LatestResource(services, name)
            return PictureResource(services, name, rest[0])
    raise NotFound


def _generated(content: bytes, media_type: str) -> Representation:
    return Representation(media_type, sha256(content).digest()[:ETAG_BYTES], content)


async def _picture_representation(services: Services, request: CoapRequest, record: PictureRecord) -> Representation:
    """A picture as it was sent, or with `w` or `h` a thumbnail of it."""
    box = read_box(request)
    if box is None:
        return Representation(_negotiated_type(request, record.media_type), record.sha256[:ETAG_BYTES], record)
    thumbnail = await services.thumbnails.get(record, box)
    return _generated(thumbnail.data, _negotiated_type(request, thumbnail.media_type))


def _negotiated_type(request: CoapRequest, media_type: str) -> str:
    """What a picture is sent as: its own type by default, and for a client that asks for it as plain bytes."""
    own = _sent_type(media_type)
    if request.accept not in {None, own, OCTET_STREAM}:
        raise NotAcceptable.offering(f"Content-Format {CONTENT_FORMATS[each]}" for each in (own, OCTET_STREAM))
    return request.accept or own


def _sent_type(media_type: str) -> str:
    """The media type of a picture if that has a Content-Format, otherwise that of plain bytes."""
    return media_type if media_type in _PICTURE_TYPES else OCTET_STREAM
