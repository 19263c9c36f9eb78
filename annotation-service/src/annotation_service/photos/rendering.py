"""How a photo is made of an uploaded picture, and the photo of accounts that have uploaded none."""

from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw, ImageOps

from lightbox_shared.images import MediaType
from lightbox_shared.images.display import decode_for_display

SIDE: Final = 256
"""Width and height of a photo in pixels."""
_JPEG_QUALITY: Final = 88
_BACKGROUND: Final = (214, 219, 226)
_FIGURE: Final = (150, 160, 174)
_OVERSAMPLING: Final = 4


@dataclass(frozen=True, slots=True)
class RenderedPhoto:
    """The bytes of a photo."""

    data: bytes
    media_type: MediaType


def render_photo(data: bytes, *, max_pixels: int) -> RenderedPhoto:
    """The middle of a picture as a square of `SIDE` pixels: JPEG, or PNG if it is transparent. Nothing of the file but
    its pixels is kept. Blocks; raises `PictureError`."""
    image = ImageOps.fit(decode_for_display(data, max_pixels=max_pixels), (SIDE, SIDE), Image.Resampling.LANCZOS)
    return _encoded(image, "PNG" if image.mode == "RGBA" else "JPEG")


@cache
def default_photo() -> RenderedPhoto:
    """A head and shoulders in grey."""
    side = SIDE * _OVERSAMPLING
    image = Image.new("RGB", (side, side), _BACKGROUND)
    draw = ImageDraw.Draw(image)
    draw.ellipse((side * 0.32, side * 0.18, side * 0.68, side * 0.54), fill=_FIGURE)
    draw.ellipse((side * 0.16, side * 0.62, side * 0.84, side * 1.40), fill=_FIGURE)
    return _encoded(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS), "PNG")


def _encoded(image: Image.Image, format_name: str) -> RenderedPhoto:
    image.info.clear()
    buffer = BytesIO()
    if format_name == "JPEG":
        image.save(buffer, "JPEG", quality=_JPEG_QUALITY)
        return RenderedPhoto(buffer.getvalue(), MediaType.JPEG)
    image.save(buffer, "PNG", optimize=True)
    return RenderedPhoto(buffer.getvalue(), MediaType.PNG)
