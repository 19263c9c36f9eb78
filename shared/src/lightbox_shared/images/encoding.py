"""Picture files made of pixels, without metadata, in their colours: the profile is embedded where the format has a
place for it, else they are converted to sRGB. In a format without transparency the background is white, as on most
pages."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from PIL import Image

from lightbox_shared.images import MediaType
from lightbox_shared.images.colours import to_srgb

WHITE: Final = (255, 255, 255, 255)
WITH_PROFILE: Final = frozenset({MediaType.JPEG, MediaType.PNG, MediaType.WEBP})
WITH_ALPHA: Final = frozenset({MediaType.PNG, MediaType.WEBP})
_TRANSPARENT: Final = 255
"""The entry of a GIF's colour table for what is transparent."""


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """The bytes of a picture file."""

    data: bytes
    media_type: MediaType


def encode(
    image: Image.Image, media_type: MediaType, *, profile: bytes | None = None, **options: object
) -> EncodedPicture:
    """A file in JPEG, PNG, WebP, GIF or BMP of a picture of mode "L", "RGB" or "RGBA". `options` are Pillow's."""
    if media_type not in WITH_PROFILE:
        image, profile = to_srgb(image, profile), None
    if media_type is MediaType.GIF:
        return _gif(image)
    if media_type not in WITH_ALPHA:
        image = on_white(image)
    given: dict[str, Any] = dict(options) if profile is None else {"icc_profile": profile, **options}
    return _saved(image, media_type, given)


def on_white(image: Image.Image) -> Image.Image:
    """A picture without transparency, on a white background."""
    if image.mode != "RGBA":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image).convert("RGB")


def _gif(image: Image.Image) -> EncodedPicture:
    """With the best 255 colours; what is more than half transparent is transparent, as a pixel can't be in part."""
    if image.mode != "RGBA":
        return _saved(image, MediaType.GIF, {})
    hidden = image.getchannel("A").point([_TRANSPARENT if alpha < 128 else 0 for alpha in range(256)])
    indexed = on_white(image).quantize(_TRANSPARENT)
    indexed.paste(_TRANSPARENT, mask=hidden)
    return _saved(indexed, MediaType.GIF, {"transparency": _TRANSPARENT})


def _saved(image: Image.Image, media_type: MediaType, options: dict[str, Any]) -> EncodedPicture:
    image = image.copy() if image.info else image
    image.info = {}  # Pillow would write texts of the original
    buffer = BytesIO()
    image.save(buffer, media_type.name, **options)
    return EncodedPicture(buffer.getvalue(), media_type)
