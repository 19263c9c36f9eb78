"""How a thumbnail is rendered: the picture upright (EXIF), fitted into a box, never larger than it is.

JPEG for a JPEG, or a WebP without transparency: those are photographs that have lost some detail already. PNG for
everything else, so that drawings, radiographs and transparent pictures stay as clear as they are. Browsers show both.
Of several frames the first is shown, of 16 bits a sample the upper 8. Colour profiles and all other metadata (where and
by whom it was taken) are left out. DICOM is shown in grey, as its window says.

Known limits: pictures of 32 bits a sample, and DICOM in colour or with several frames, have no thumbnail.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from core_collection_service.parameters import HEIGHT, LONGEST_SIDE, WIDTH, HasQuery
from core_collection_service.pictures.models import PictureRecord
from core_collection_service.pictures.storage.encodings import Encoded, decode
from lightbox_shared.images import MediaType, UnsupportedPicture, decode_grey
from lightbox_shared.images.raster import open_picture

_JPEG_QUALITY: Final = 85
_ORIENTATION: Final = 0x0112
_SIDEWAYS: Final = frozenset({5, 6, 7, 8})  # EXIF 4.6.5: width and height are exchanged
_SHOWN_MODES: Final = frozenset({"L", "LA", "RGB", "RGBA"})


@dataclass(frozen=True, slots=True)
class Box:
    """What a thumbnail has to fit into, in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A rendered picture file."""

    data: bytes
    media_type: str


def read_box(request: HasQuery) -> Box | None:
    """`w` and `h` of the query; None if both are absent, the largest side for one that is. Raises `InvalidField`."""
    width, height = WIDTH.read(request), HEIGHT.read(request)
    return None if width is height is None else Box(width or LONGEST_SIDE, height or LONGEST_SIDE)


def render_thumbnail(stored: Encoded, record: PictureRecord, box: Box, *, max_pixels: int) -> Thumbnail:
    """The thumbnail of a stored picture. Takes some milliseconds, about a second for the largest pictures. Raises
    `PictureError` for what can't be decoded."""
    data, media_type = decode(stored, record.size), MediaType(record.media_type)
    if media_type is MediaType.DICOM:
        return _encoded(_fitted(_eight_bits(decode_grey(data, max_pixels=max_pixels).image), box), "PNG")
    with open_picture(data, media_type, max_pixels=max_pixels) as image:
        is_sideways = image.getexif().get(_ORIENTATION) in _SIDEWAYS
        stored_box = Box(box.height, box.width) if is_sideways else box
        if media_type is MediaType.JPEG:
            # Decodes at up to an eighth of the size, and at least twice as large as it has to be.
            image.draft(None, (2 * stored_box.width, 2 * stored_box.height))
        image.load()
        shown = ImageOps.exif_transpose(_fitted(_in_shown_mode(image), stored_box))
        is_photograph = media_type in {MediaType.JPEG, MediaType.WEBP} and shown.mode in {"L", "RGB"}
        return _encoded(shown, "JPEG" if is_photograph else "PNG")


def _fitted(image: Image.Image, box: Box) -> Image.Image:
    image.thumbnail((box.width, box.height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return image


def _in_shown_mode(image: Image.Image) -> Image.Image:
    """With 8 bits a sample, grey or in colours, with transparency if the picture has it."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in {"I", "F"}:
        raise UnsupportedPicture("Pictures of 32 bits a sample have no defined white.")
    if image.mode in _SHOWN_MODES and "transparency" not in image.info:
        return image
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode == "1" else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """A grey picture in mode "L"; it comes in that mode, or in mode "F" from 0 to 1."""
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
