"""Region, size, rotation, quality and format of a request (IIIF Image API 3.0 section 4), and their canonical form.

Known departure: `!w,h` with a box that is at least twice as large as the region, in both directions, is refused, as the
validator of the IIIF consortium has it. By section 4.2 it would be answered in the size of the region, as it is here
for smaller boxes: viewers ask so for thumbnails, whatever the size of the picture is.
"""

import re
from decimal import Decimal
from fractions import Fraction
from math import sqrt
from typing import Final, NamedTuple

from imagehub_service.iiif.limits import MAX_AREA, MAX_SIDE
from imagehub_service.renditions.rendering import Quality, Rendition
from lightbox_shared.errors import BadRequest
from lightbox_shared.images import MediaType

FORMATS: Final = {"jpg": MediaType.JPEG, "png": MediaType.PNG, "webp": MediaType.WEBP}
_INTEGER: Final = r"(?:0|[1-9][0-9]{0,9})"
_NUMBER: Final = rf"(?:{_INTEGER}(?:\.[0-9]{{0,9}}[1-9])?)"
_PIXELS: Final = re.compile(rf"({_INTEGER}),({_INTEGER}),({_INTEGER}),({_INTEGER})")
_PERCENT: Final = re.compile(rf"pct:({_NUMBER}),({_NUMBER}),({_NUMBER}),({_NUMBER})")
_SHARE: Final = re.compile(rf"pct:({_NUMBER})")
_BOX: Final = re.compile(rf"!({_INTEGER}),({_INTEGER})")
_SIZE: Final = re.compile(rf"({_INTEGER})?,({_INTEGER})?")
_ROTATION: Final = re.compile(rf"(!?)({_NUMBER})")
_QUARTERS: Final = frozenset({0, 90, 180, 270})


class WrittenParameters(NamedTuple):
    """The parts of an address behind the identifier."""

    region: str
    size: str
    rotation: str
    quality_and_format: str


class Region(NamedTuple):
    """In pixels of the upright picture."""

    left: int
    top: int
    width: int
    height: int


class Size(NamedTuple):
    """In pixels."""

    width: int
    height: int


def read_region(text: str, whole: Size) -> Region:
    """The region in a picture (section 4.1), without what reaches over its edge. Raises `BadRequest`."""
    if text == "full":
        return Region(0, 0, *whole)
    if text == "square":
        side = min(whole)
        return Region((whole.width - side) // 2, (whole.height - side) // 2, side, side)
    if found := _PIXELS.fullmatch(text):
        left, top, width, height = (int(each) for each in found.groups())
    elif found := _PERCENT.fullmatch(text):
        shares = [Fraction(each) / 100 for each in found.groups()]
        left, top = round(shares[0] * whole.width), round(shares[1] * whole.height)
        width, height = round(shares[2] * whole.width), round(shares[3] * whole.height)
    else:
        raise BadRequest("The region is `full`, `square`, `x,y,w,h` or `pct:x,y,w,h`.")
    width, height = min(width, whole.width - left), min(height, whole.height - top)
    if width < 1 or height < 1:
        raise BadRequest("The region has no pixels of the picture.")
    return Region(left, top, width, height)


def read_size(text: str, region: Region) -> Size:
    """The size in which a region is answered (section 4.2). Raises `BadRequest`."""
    enlarging = text.startswith("^")
    written = text.removeprefix("^")
    whole = Size(region.width, region.height)
    if written == "max":
        largest = _largest_scale(whole)
        return whole if largest >= 1 and not enlarging else _scaled(whole, largest)
    if found := _SHARE.fullmatch(written):
        scale = Fraction(found[1]) / 100
        size = Size(round(whole.width * scale), round(whole.height * scale))
        is_larger = scale > 1
    elif found := _BOX.fullmatch(written):
        box = Size(int(found[1]), int(found[2]))
        size = _within(box, whole, enlarging=enlarging)
        is_larger = box.width >= 2 * whole.width and box.height >= 2 * whole.height
    elif (found := _SIZE.fullmatch(written)) and (found[1] or found[2]):
        size = _stretched(found[1], found[2], whole)
        is_larger = size.width > whole.width or size.height > whole.height
    else:
        raise BadRequest("The size is `max`, `w,`, `,h`, `w,h`, `!w,h` or `pct:n`, after `^` if it may be enlarged.")
    if is_larger and not enlarging:
        raise BadRequest("The region has fewer pixels than that. With `^` before the size it is enlarged.")
    if min(size) < 1:
        raise BadRequest("The size has no pixels.")
    if max(size) > MAX_SIDE or size.width * size.height > MAX_AREA:
        raise BadRequest("The size is larger than maxWidth, maxHeight or maxArea of info.json.")
    return size


def _within(box: Size, whole: Size, *, enlarging: bool) -> Size:
    """As large as possible in the box and within the limits."""
    if min(box) < 1:
        return box
    scale = min(box.width / whole.width, box.height / whole.height, _largest_scale(whole))
    return _scaled(whole, scale if enlarging else min(scale, 1.0))


def _stretched(width: str | None, height: str | None, whole: Size) -> Size:
    """`w,` and `,h` keep the shape of the region, `w,h` does not."""
    if width is not None and height is not None:
        return Size(int(width), int(height))
    if width is not None:
        return Size(int(width), max(1, round(Fraction(int(width) * whole.height, whole.width))))
    return Size(max(1, round(Fraction(int(height or 0) * whole.width, whole.height))), int(height or 0))


def _largest_scale(size: Size) -> float:
    """By how much a size may be multiplied within the limits."""
    return min(MAX_SIDE / max(size), sqrt(MAX_AREA / (size.width * size.height)))


def _scaled(size: Size, scale: float) -> Size:
    """The size times `scale`, rounded where the limits allow that."""
    width, height = (max(1, round(side * scale)) for side in size)
    if max(width, height) > MAX_SIDE or width * height > MAX_AREA:
        return Size(max(1, int(size.width * scale)), max(1, int(size.height * scale)))
    return Size(width, height)


def read_rotation(text: str) -> tuple[bool, int]:
    """Whether the region is mirrored, and by how many degrees it is then turned clockwise (section 4.3). Raises
    `BadRequest`."""
    found = _ROTATION.fullmatch(text)
    if found is None or Decimal(found[2]) > 360:
        raise BadRequest("The rotation is a number from 0 to 360, after `!` if the picture is mirrored first.")
    degrees = Decimal(found[2]) % 360
    if degrees not in _QUARTERS:
        raise BadRequest("The rotation is 0, 90, 180 or 270.")
    return bool(found[1]), int(degrees)


def read_quality_and_format(text: str) -> tuple[Quality, MediaType]:
    """The quality (section 4.4) and the format (section 4.5). Raises `BadRequest`."""
    quality, _, format_name = text.rpartition(".")
    if format_name not in FORMATS:
        raise BadRequest(f"The format, behind the last point, is one of {', '.join(FORMATS)}.")
    if quality not in list(Quality):
        raise BadRequest(f"The quality is one of {', '.join(Quality)}.")
    return Quality(quality), FORMATS[format_name]


def read_rendition(written: WrittenParameters, *, whole: Size) -> Rendition:
    """What is asked for of a picture of the size `whole`. Raises `BadRequest`."""
    part = read_region(written.region, whole)
    out = read_size(written.size, part)
    mirrored, degrees = read_rotation(written.rotation)
    quality, media_type = read_quality_and_format(written.quality_and_format)
    return Rendition(*part, *out, media_type, mirrored=mirrored, rotation=degrees, quality=quality)


def canonical(rendition: Rendition, whole: Size) -> str:
    """The parameters in their canonical form (section 4.7), without a slash at the beginning."""
    part = Region(rendition.left, rendition.top, rendition.width, rendition.height)
    region = "full" if part == (0, 0, *whole) else ",".join(map(str, part))
    out = Size(rendition.out_width, rendition.out_height)
    size = f"{out.width},{out.height}"
    if out == read_size("max", part):
        size = "max"
    elif out.width > part.width or out.height > part.height:
        size = f"^{size}"
    rotation = f"{'!' if rendition.mirrored else ''}{rendition.rotation}"
    name = next(name for name, each in FORMATS.items() if each is rendition.media_type)
    return f"{region}/{size}/{rotation}/{rendition.quality}.{name}"
