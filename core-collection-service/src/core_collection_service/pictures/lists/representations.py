"""A page of pictures in each format that lists have.

JSON and CBOR are the same document (`schemas.PicturePage`). The others have no room for a cursor, which is in the
header `Link` then.

In SenML (RFC 8428) a pack begins with the number of its pictures, so that an empty one has a record too. Each picture
has several records: `images/17/device` and `images/17/timestamp`, its key; `images/17/href`, its path;
`images/17/type`, its media type; `images/17/size`, in bytes (`B`, RFC 8798); and, where its bytes are requested,
`images/17/data`. Names contain collections and ids, never a device id, which may have any character. The base name is
`collections/`. The first record of a picture sets the base time to when it was taken; for times before 1978, which
SenML takes for relative ones (section 4.5.3), it is 0, "unknown", and `timestamp` has the time.

In link-format (RFC 6690) each picture is a link with its Content-Format, its size and a title.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from anyio import CapacityLimiter, to_thread

from core_collection_service.pictures.lists.schemas import PicturePage
from core_collection_service.pictures.models import PictureRecord
from core_collection_service.pictures.schemas import path_by_id
from core_collection_service.protocol import documents, link_format, senml
from core_collection_service.protocol.documents import Format
from core_collection_service.protocol.link_format import Link
from core_collection_service.protocol.media_types import (
    CBOR,
    CONTENT_FORMATS,
    JSON,
    LINK_FORMAT,
    SENML_CBOR,
    SENML_JSON,
)
from core_collection_service.protocol.timestamps import format_timestamp
from lightbox_shared.responses.pagination import Page

LIST_TYPES: Final = (JSON, CBOR, SENML_JSON, SENML_CBOR, LINK_FORMAT)
"""The media types of lists; over HTTP the first is the default."""
SENML_TYPES: Final = frozenset({SENML_JSON, SENML_CBOR})
BASE_NAME: Final = "collections/"
_QUICK_PICTURES: Final = 10
"""Representing so many takes less time than to hand the work to a thread and back."""
_threads: Final = CapacityLimiter(2)


async def represent_page(
    page: Page[PictureRecord], media_type: str, *, data: Mapping[int, bytes] | None = None
) -> bytes:
    """The page as one of `LIST_TYPES`, for a SenML pack with the originals in `data`, by id. Takes about 20 us a
    picture, in a thread if there are many."""
    if not data and len(page.rows) <= _QUICK_PICTURES:
        return _represent(page, media_type, {})
    return await to_thread.run_sync(lambda: _represent(page, media_type, data or {}), limiter=_threads)


def _represent(page: Page[PictureRecord], media_type: str, data: Mapping[int, bytes]) -> bytes:
    if media_type in SENML_TYPES:
        return senml.pack(_records(page, data), media_type)
    if media_type == LINK_FORMAT:
        return link_format.write(_link(row) for row in page.rows).encode()
    return documents.write(PicturePage.of(page).model_dump(), Format(media_type))


def _records(page: Page[PictureRecord], data: Mapping[int, bytes]) -> Iterator[senml.Record]:
    yield {"bn": BASE_NAME, "n": "pictures", "u": "count", "v": len(page.rows)}
    for row in page.rows:
        name = f"{row.collection}/{row.id}"
        yield {"bt": _base_time(row), "n": f"{name}/device", "vs": row.device_id}
        yield {"n": f"{name}/timestamp", "vs": format_timestamp(row.taken_at)}
        yield {"n": f"{name}/href", "vs": path_by_id(row)}
        yield {"n": f"{name}/type", "vs": row.media_type}
        yield {"n": f"{name}/size", "u": "B", "v": row.size}
        if row.id in data:
            yield {"n": f"{name}/data", "vd": data[row.id]}


def _base_time(row: PictureRecord) -> float:
    seconds = row.taken_at.timestamp()
    if seconds < senml.ABSOLUTE_FROM:
        return 0
    return int(seconds) if seconds.is_integer() else seconds


def _link(row: PictureRecord) -> Link:
    content_format = CONTENT_FORMATS.get(row.media_type)
    attributes: list[tuple[str, str | None]] = [] if content_format is None else [("ct", str(content_format))]
    attributes.append(("sz", str(row.size)))
    attributes.append(("title", f"{row.device_id} {format_timestamp(row.taken_at)}"))
    return Link(path_by_id(row), tuple(attributes))
