"""What is made of a file when it becomes a picture of the gallery.

A file is decoded once, a JPEG at a fraction of its size that is still enough for the larger of the two sizes, and
everything is made of these pixels.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image

from imagehub_service.renditions.thumbhash import thumbhash
from lightbox_shared.images import MediaType
from lightbox_shared.images.display import ShownPicture, encode_preview, read_for_display
from lightbox_shared.images.encoding import EncodedPicture, encode, on_white
from lightbox_shared.storage.blobs import sha256

PICTURE_TYPES: Final = tuple(MediaType)
"""The formats of pictures of the gallery."""
LOW_SIZE: Final = (180, 115)
HIGH_SIZE: Final = (700, 525)
"""Width and height in pixels."""
_THUMBHASH_SIDE: Final = 32
"""Pixels, which is enough for the 7 waves in a row that a thumbhash has at most."""
_OPTIONS: Final[dict[MediaType, dict[str, Any]]] = {
    MediaType.JPEG: {"quality": 85},
    MediaType.WEBP: {"quality": 85, "method": 2},
}


@dataclass(frozen=True, slots=True)
class PreparedPicture:
    """A file that was decoded to its last pixel without an error, and what the gallery keeps beside it."""

    sha256: bytes
    media_type: MediaType
    width: int
    """Pixels of the upright picture."""
    height: int
    preview: EncodedPicture | None
    """The whole picture as browsers show it; None if they show the file itself, upright."""
    low: EncodedPicture
    high: EncodedPicture
    thumbhash: bytes
    difference_hash: int
    """A signed number of 64 bits."""


def prepare_picture(data: bytes, *, max_pixels: int) -> PreparedPicture:
    """Decode a file, and make what is kept of it. Takes up to some seconds for the largest pictures: call it in a
    thread. Raises `PictureError`."""
    shown = read_for_display(data, max_pixels=max_pixels, types=PICTURE_TYPES, min_size=HIGH_SIZE)
    media_type = shown.media_type if shown.media_type.shown_by_browsers else MediaType.PNG
    high = shown.image.resize(HIGH_SIZE, Image.Resampling.BICUBIC, reducing_gap=3.0)
    low = high.resize(LOW_SIZE, Image.Resampling.BICUBIC)
    options = _OPTIONS.get(media_type, {})
    return PreparedPicture(
        sha256=sha256(data),
        media_type=shown.media_type,
        width=shown.width,
        height=shown.height,
        preview=encode_preview(shown) if _needs_preview(shown) else None,
        low=encode(low, media_type, profile=shown.profile, **options),
        high=encode(high, media_type, profile=shown.profile, **options),
        thumbhash=_thumbhash(high, shown.width, shown.height),
        difference_hash=difference_hash(low),
    )


def difference_hash(image: Image.Image) -> int:
    """64 bits that say where the brightness rises from left to right (dHash), row by row, the highest bit first, as a
    signed number. Similar pictures have most of them in common: http://www.hackerfactor.com/blog/?/archives/529."""
    grey = np.asarray(on_white(image).convert("L").resize((9, 8), Image.Resampling.LANCZOS))
    bits = np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes()
    return int.from_bytes(bits, "big", signed=True)


def _needs_preview(shown: ShownPicture) -> bool:
    """Whether browsers don't show the file itself as it has to be: all of them turn a JPEG, and only that, by EXIF."""
    turned_by_browsers = shown.orientation == 1 or shown.media_type is MediaType.JPEG
    return not shown.is_shown_by_browsers or not turned_by_browsers or shown.is_animated


def _thumbhash(image: Image.Image, width: int, height: int) -> bytes:
    """Of a picture of this width and height, whatever the shape of `image`."""
    scale = _THUMBHASH_SIDE / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return thumbhash(image.resize(size, Image.Resampling.BOX).convert("RGBA"))
