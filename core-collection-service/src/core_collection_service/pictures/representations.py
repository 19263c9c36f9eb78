"""A page of pictures in every format that lists have.

JSON and CBOR are the same document, `pictures` with the metadata and `next_cursor`. The others have no room for a
cursor, which is in the header `Link` then.

In SenML (RFC 8428) a pack begins with the number of its pictures, so that an empty one has a record too. Each picture
is some records: `images/17/device` and `images/17/timestamp`, its key; `images/17/href`, where it is;
`images/17/type`, its media type; `images/17/size`, in bytes (`B`, RFC 8798); and, where its bytes are asked for,
`images/17/data`. Names have collections and numbers in them, never a device's id, which may have any character. The
base name is `collections/`. The first record of a picture sets the base time to when it was taken; where SenML can't
say that, before 1978 (section 4.5.3), it is 0, "unknown", and `timestamp` has it.

In link-format (RFC 6690) each picture is a link with its Content-Format, its size and a title.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from anyio import CapacityLimiter, to_thread

from core_collection_service.pictures.repository import PictureRecord
from core_collection_service.pictures.schemas import PictureBody, path_of
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
from lightbox_shared.pagination import Page

LIST_TYPES: Final = (JSON, CBOR, SENML_JSON, SENML_CBOR, LINK_FORMAT)
"""What lists are offered as; the first for whoever has no preference."""
SENML_TYPES: Final = frozenset({SENML_JSON, SENML_CBOR})
THREAD_ABOVE_PICTURES: Final = 10
_writing: Final = CapacityLimiter(2)
BASE_NAME: Final = "collections/"


async def represented(page: Page[PictureRecord], media_type: str, *, data: Mapping[int, bytes] | None = None) -> bytes:
    """`represent` for the event loop: in a thread where that is quicker for everybody else."""
    if not data and len(page.rows) <= THREAD_ABOVE_PICTURES:
        return represent(page, media_type)
    return await to_thread.run_sync(lambda: represent(page, media_type, data=data), limiter=_writing)


def represent(page: Page[PictureRecord], media_type: str, *, data: Mapping[int, bytes] | None = None) -> bytes:
    """The page as one of `LIST_TYPES`; `data` has pictures by id, for SenML alone. Takes about 20 us a picture."""
    if media_type in SENML_TYPES:
        return senml.pack(_records(page, data or {}), media_type)
    if media_type == LINK_FORMAT:
        return link_format.write(_link(row) for row in page.rows).encode()
    body = {"pictures": [PictureBody.of(row).model_dump() for row in page.rows], "next_cursor": page.next_cursor}
    return documents.write(body, Format(media_type))


def _records(page: Page[PictureRecord], data: Mapping[int, bytes]) -> Iterator[senml.Record]:
    yield {"bn": BASE_NAME, "n": "pictures", "u": "count", "v": len(page.rows)}
    for row in page.rows:
        name = f"{row.collection}/{row.id}"
        yield {"bt": _base_time(row), "n": f"{name}/device", "vs": row.device_id}
        yield {"n": f"{name}/timestamp", "vs": format_timestamp(row.taken_at)}
        yield {"n": f"{name}/href", "vs": path_of(row)}
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
    return Link(path_of(row), tuple(attributes))
