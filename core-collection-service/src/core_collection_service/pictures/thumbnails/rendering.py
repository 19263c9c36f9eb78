"""How a thumbnail is rendered: the picture as browsers show it (`lightbox_shared.images.display`), fitted into a box,
never larger than it is.

JPEG for a JPEG, or a WebP without transparency: those are photographs that have lost some detail already. PNG for
everything else, so that drawings, radiographs and transparent pictures stay as clear as they are. Browsers show both.
Colours are in sRGB, and all metadata (where and by whom a picture was taken) are left out.
"""

from dataclasses import dataclass
from typing import Final

from PIL import Image

from core_collection_service.parameters import HEIGHT, LONGEST_SIDE, WIDTH, HasQuery
from core_collection_service.pictures.models import PictureRecord
from core_collection_service.pictures.storage.encodings import Encoded, decode
from lightbox_shared.images import MediaType
from lightbox_shared.images.colours import to_srgb
from lightbox_shared.images.display import read_for_display
from lightbox_shared.images.encoding import encode

_JPEG_QUALITY: Final = 85
_PHOTOGRAPHS: Final = frozenset({MediaType.JPEG, MediaType.WEBP})


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
    data = decode(stored, record.size)
    # A JPEG is decoded at up to an eighth of its size, and at least twice as large as it has to be.
    shown = read_for_display(data, max_pixels=max_pixels, min_size=(2 * box.width, 2 * box.height))
    image = shown.image.copy() if shown.image.readonly else shown.image
    image.thumbnail((box.width, box.height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    image = to_srgb(image, shown.profile)
    if shown.media_type in _PHOTOGRAPHS and image.mode != "RGBA":
        made = encode(image, MediaType.JPEG, quality=_JPEG_QUALITY)
    else:
        made = encode(image, MediaType.PNG)
    return Thumbnail(made.data, made.media_type.value)
