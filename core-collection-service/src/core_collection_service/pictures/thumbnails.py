"""Small pictures to look at, `?w=&h=`: the picture upright (EXIF), fitted into a box, never larger than it is.

JPEG where the picture is a JPEG or a WebP without transparency: those are photographs that have lost some already.
Everything else is PNG: drawings, radiographs and what is transparent stay as clear as they are. Both are shown by every
browser. Of several frames the first is shown, of 16 bits a sample the upper 8; embedded colour profiles and all other
metadata (where, and by whom, it was taken) are left out. DICOM is shown grey, as its window says.

Known limits: 32 bits a sample, DICOM in colour or with several frames have no thumbnail (422).
"""

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from io import BytesIO
from typing import Final

import numpy as np
from anyio import CapacityLimiter, to_thread
from fastapi import Request, Response
from PIL import Image, ImageOps

from core_collection_service.pictures import list_queries
from core_collection_service.pictures.downloads import SECURITY
from core_collection_service.pictures.encodings import Encoded, decode
from core_collection_service.pictures.errors import InvalidField
from core_collection_service.pictures.repository import PictureRecord
from core_collection_service.pictures.service import Pictures
from core_collection_service.recent import Recent
from lightbox_shared.conditional import is_unchanged
from lightbox_shared.errors import LightboxError
from lightbox_shared.hal import http_date
from lightbox_shared.images import MediaType, PictureError, UnsupportedPicture, decode_grey
from lightbox_shared.images.raster import opened

LONGEST_SIDE: Final = 2048
CACHE_BYTES: Final = 64 * 1024 * 1024
RENDERING: Final = 1
"""Part of the entity tags; another number says that thumbnails look different."""
_JPEG_QUALITY: Final = 85
_ORIENTATION: Final = 0x0112
_LYING: Final = frozenset({5, 6, 7, 8})  # EXIF 4.6.5: width and height are exchanged
_SHOWN: Final = frozenset({"L", "LA", "RGB", "RGBA"})


class NoThumbnail(LightboxError):
    """The picture is kept as it was sent, and can't be shown: it is broken, or of a kind that is not decoded."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "no-thumbnail"


@dataclass(frozen=True, slots=True)
class Box:
    """What a thumbnail has to fit into."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture file."""

    data: bytes
    media_type: str


def asked_box(request: list_queries.Queried) -> Box | None:
    """`w` and `h` of the query; None without both. The one that is missing is the largest. Raises `InvalidField`."""
    width, height = _side(request, "w"), _side(request, "h")
    return None if width is height is None else Box(width or LONGEST_SIDE, height or LONGEST_SIDE)


def _side(request: list_queries.Queried, name: str) -> int | None:
    text = list_queries.parameter(request, name)
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= len(str(LONGEST_SIDE)) and 1 <= int(text) <= LONGEST_SIDE:
        return int(text)
    raise InvalidField(name, f"Not a number of pixels from 1 to {LONGEST_SIDE}.", "query")


class Thumbnails:
    """Makes them, and remembers those that were asked for last. Safe to use from many tasks of one event loop."""

    def __init__(
        self, pictures: Pictures, *, preparing: CapacityLimiter, max_pixels: int, cache_bytes: int = CACHE_BYTES
    ) -> None:
        self._pictures = pictures
        self._preparing = preparing
        self._max_pixels = max_pixels
        # As many as threads: whoever waits here has not read any bytes.
        self._turns = CapacityLimiter(preparing.total_tokens)
        self._cache: Recent[tuple[int, Box], Thumbnail] = Recent(cache_bytes, lambda _, each: len(each.data))
        self.made = 0
        """Thumbnails since the start."""

    async def response(self, request: Request, record: PictureRecord, box: Box) -> Response:
        """The thumbnail of a picture, or 304 without making it. Raises `NoThumbnail`, and `NoSuchPicture` if the
        picture was deleted meanwhile."""
        etag = f"{record.sha256.hex()[:32]}-{box.width}x{box.height}-{RENDERING}"
        headers = {**SECURITY, "ETag": f'"{etag}"', "Last-Modified": http_date(record.received_at)}
        if is_unchanged(request, etag, record.received_at):
            return Response(status_code=304, headers=headers)
        thumbnail = await self.get(record, box)
        return Response(thumbnail.data, media_type=thumbnail.media_type, headers=headers)

    async def get(self, record: PictureRecord, box: Box) -> Thumbnail:
        """Raises the same."""
        return self._cache.get((record.id, box)) or await self._make(record, box)

    async def _make(self, record: PictureRecord, box: Box) -> Thumbnail:
        async with self._turns:
            found = self._cache.get((record.id, box))  # somebody else may have asked for the same
            if found is not None:
                return found
            stored = await self._pictures.stored(record)
            work = partial(make_thumbnail, stored, record, box, max_pixels=self._max_pixels)
            try:
                thumbnail = await to_thread.run_sync(work, limiter=self._preparing)
            except PictureError as error:
                raise NoThumbnail(f"The picture has no thumbnail. {error}") from error
            self.made += 1
            self._cache.put((record.id, box), thumbnail)
            return thumbnail

    @property
    def held(self) -> int:
        """Bytes of the cache at this moment."""
        return self._cache.held


def make_thumbnail(stored: Encoded, record: PictureRecord, box: Box, *, max_pixels: int) -> Thumbnail:
    """The thumbnail of a stored picture; some milliseconds, and a second for the largest. Raises `PictureError`."""
    data, media_type = decode(stored, record.size), MediaType(record.media_type)
    if media_type is MediaType.DICOM:
        return _encoded(_fitted(_eight_bits(decode_grey(data, max_pixels=max_pixels).image), box), "PNG")
    with opened(data, media_type, max_pixels=max_pixels) as image:
        lying = image.getexif().get(_ORIENTATION) in _LYING
        fitting = Box(box.height, box.width) if lying else box
        if media_type is MediaType.JPEG:
            # Decoded at most eight times smaller than it is, and twice as large as it has to be.
            image.draft(None, (2 * fitting.width, 2 * fitting.height))
        image.load()
        shown = ImageOps.exif_transpose(_fitted(_shown(image), fitting))
        lossy = media_type in {MediaType.JPEG, MediaType.WEBP} and shown.mode in {"L", "RGB"}
        return _encoded(shown, "JPEG" if lossy else "PNG")


def _fitted(image: Image.Image, box: Box) -> Image.Image:
    image.thumbnail((box.width, box.height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return image


def _shown(image: Image.Image) -> Image.Image:
    """In 8 bits a sample, grey or in colours, with transparency where there is one."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in {"I", "F"}:
        raise UnsupportedPicture("Pictures of 32 bits a sample have no defined white.")
    if image.mode in _SHOWN and "transparency" not in image.info:
        return image
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode == "1" else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """A grey picture of the kit: mode "L", or "F" from 0 to 1."""
    if image.mode == "L":
        return image
    return Image.fromarray(np.rint(np.asarray(image) * np.float32(255)).astype(np.uint8))


def _encoded(image: Image.Image, format_name: str) -> Thumbnail:
    buffer = BytesIO()
    if format_name == "JPEG":
        image.save(buffer, "JPEG", quality=_JPEG_QUALITY)
        return Thumbnail(buffer.getvalue(), MediaType.JPEG.value)
    image.info.clear()  # Pillow writes profiles and texts of the original into a PNG
    image.save(buffer, "PNG")
    return Thumbnail(buffer.getvalue(), MediaType.PNG.value)
