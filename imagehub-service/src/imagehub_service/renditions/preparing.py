"""What is made of a file when it becomes a picture of the gallery."""

from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
from PIL import Image
from thumbhash import rgba_to_thumb_hash

from lightbox_shared.blobs import sha256
from lightbox_shared.images import MediaType
from lightbox_shared.images.display import EncodedPicture, check_picture, decode_for_display

LOW_SIZE: Final = (180, 115)
HIGH_SIZE: Final = (700, 525)
"""Width and height in pixels."""


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
    checked = check_picture(data, max_pixels=max_pixels)
    image = decode_for_display(data, max_pixels=max_pixels)
    media_type = checked.media_type if checked.media_type.shown_by_browsers else MediaType.PNG
    blurred = image.copy()
    blurred.thumbnail((32, 32))
    blurred = blurred.convert("RGBA")
    grey = np.asarray(image.convert("L").resize((9, 8)))
    bits = np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes()
    return PreparedPicture(
        sha256=sha256(data),
        media_type=checked.media_type,
        width=checked.width,
        height=checked.height,
        preview=checked.preview,
        low=_resized(image, LOW_SIZE, media_type),
        high=_resized(image, HIGH_SIZE, media_type),
        thumbhash=bytes(rgba_to_thumb_hash(*blurred.size, list(blurred.tobytes()))),
        difference_hash=int.from_bytes(bits, "big", signed=True),
    )


def _resized(image: Image.Image, size: tuple[int, int], media_type: MediaType) -> EncodedPicture:
    buffer = BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(buffer, media_type.name)
    return EncodedPicture(buffer.getvalue(), media_type)
