"""A part of a picture in another size and format, made of its decoded pixels."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, floor
from typing import Any, Final

from PIL import Image, ImageOps

from lightbox_shared.images import MediaType
from lightbox_shared.images.colours import to_srgb
from lightbox_shared.images.display import ShownPicture
from lightbox_shared.images.encoding import EncodedPicture, encode, on_white

VERSION: Final = 2
"""In the entity tags of renditions; to be increased when they look different."""
WEBP_MAX_SIDE: Final = 16_383
"""Pixels, which are written with 14 bits (RFC 6386 section 9.1)."""
_REDUCTIONS: Final = (8, 4, 2)
_OPTIONS: Final[dict[MediaType, dict[str, Any]]] = {
    MediaType.JPEG: {"quality": 85},
    # A slower method saves 4 % and takes twice as long.
    MediaType.WEBP: {"quality": 80, "method": 2},
    MediaType.PNG: {"compress_level": 3},
}
_TURNS: Final = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
"""Clockwise, as IIIF has it; Pillow turns the other way."""


class Quality(StrEnum):
    """The colours of a rendition (IIIF Image API 3.0 section 4.4)."""

    DEFAULT = "default"
    COLOR = "color"
    GRAY = "gray"
    BITONAL = "bitonal"


@dataclass(frozen=True, slots=True)
class Rendition:
    """What is asked for of a picture: a region, in pixels of the upright picture, which becomes `out_width` times
    `out_height` pixels, is then mirrored and turned, and becomes a file of `media_type`."""

    left: int
    top: int
    width: int
    height: int
    out_width: int
    out_height: int
    media_type: MediaType
    mirrored: bool = False
    rotation: int = 0
    """Degrees clockwise: 0, 90, 180 or 270."""
    quality: Quality = Quality.DEFAULT

    @property
    def reduction(self) -> int:
        """The greatest reduction of the picture that has enough pixels for this."""
        scale = min(self.width / self.out_width, self.height / self.out_height)
        return next((each for each in _REDUCTIONS if each <= scale), 1)

    def etag(self, sha256: bytes) -> str:
        """The entity tag, without quotes, of this rendition of the file with this digest."""
        region = f"{self.left}.{self.top}.{self.width}.{self.height}-{self.out_width}x{self.out_height}"
        turned = f"{'m' if self.mirrored else ''}{self.rotation}"
        kind = self.media_type.name.lower()
        return f"{sha256.hex()[:32]}-{region}-{turned}-{self.quality}-{kind}-{VERSION}"


def rendering_memory(shown: ShownPicture, rendition: Rendition) -> int:
    """About how many bytes `render` takes: two copies of the region, which has four bytes a pixel, and of what is made
    of it, and the file."""
    region = rendition.width * rendition.height // shown.reduction**2
    return 8 * region + 12 * rendition.out_width * rendition.out_height


def render(shown: ShownPicture, rendition: Rendition) -> EncodedPicture:
    """Make a rendition. Takes some milliseconds for a usual size: call it in a thread."""
    image, profile = _resized(shown, rendition), shown.profile
    if rendition.mirrored:
        image = ImageOps.mirror(image)
    if rendition.rotation:
        image = image.transpose(_TURNS[rendition.rotation])
    if rendition.quality in {Quality.GRAY, Quality.BITONAL} and image.mode != "L":
        image, profile = _grey(to_srgb(image, profile)), None
    if rendition.quality is Quality.BITONAL:
        image = on_white(image).convert("L").point([0] * 128 + [255] * 128)
    return encode(image, rendition.media_type, profile=profile, **_OPTIONS.get(rendition.media_type, {}))


def _resized(shown: ShownPicture, rendition: Rendition) -> Image.Image:
    """The region in its size. What lies around it is cut off first, or all of a picture with transparency would be
    converted for a small part of it."""
    image, reduction = shown.image, shown.reduction
    left, top = rendition.left / reduction, rendition.top / reduction
    right = min((rendition.left + rendition.width) / reduction, image.width)
    bottom = min((rendition.top + rendition.height) / reduction, image.height)
    outer = floor(left), floor(top), ceil(right), ceil(bottom)
    if outer != (0, 0, *image.size):
        image = image.crop(outer)
    size = rendition.out_width, rendition.out_height
    inner = left - outer[0], top - outer[1], right - outer[0], bottom - outer[1]
    return image.resize(size, Image.Resampling.LANCZOS, box=inner, reducing_gap=3.0)


def _grey(image: Image.Image) -> Image.Image:
    """By brightness. Transparency stays."""
    if image.mode != "RGBA":
        return image.convert("L")
    grey = image.convert("L").convert("RGBA")
    grey.putalpha(image.getchannel("A"))
    return grey
