"""JPEG, PNG, WebP, GIF, TIFF and BMP, decoded by Pillow.

Pillow gets the format that was found, so that a file can't select another decoder. It reads the header of a file before
it allocates memory, and limits the size of unpacked text and profile chunks. WebP and progressive JPEG, for which that
is not enough, are checked here.
"""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from lightbox_shared.images import BrokenPicture, MediaType, PictureError, UnsupportedPicture, check_pixels

_FORMATS: Final = {
    MediaType.JPEG: "JPEG",
    MediaType.PNG: "PNG",
    MediaType.WEBP: "WEBP",
    MediaType.GIF: "GIF",
    MediaType.TIFF: "TIFF",
    MediaType.BMP: "BMP",
}
# A progressive JPEG is decoded once for each scan: a small file with thousands of scans would take minutes.
MAX_JPEG_SCANS: Final = 100

# The limit of the settings is checked for every picture. Pillow's own would add warnings and errors.
Image.MAX_IMAGE_PIXELS = None

# For some TIFFs Pillow emits thousands of warnings, each of which would be a line in the log and an entry in Python's
# registry of warnings, which never shrinks.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

_FAILURES: Final = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, AttributeError)
_MORE_FAILURES: Final = (OverflowError, MemoryError, RuntimeError, struct.error, zlib.error, ZeroDivisionError)


def decode_raster(
    data: bytes, media_type: MediaType, *, max_pixels: int, min_size: tuple[int, int] | None
) -> Image.Image:
    """Decode a picture to an image of mode "L" or "F" (see `GreyPicture`). Raises `PictureError`."""
    with open_picture(data, media_type, max_pixels=max_pixels) as image:
        if media_type is MediaType.JPEG and min_size is not None:
            image.draft("L", min_size)
        image.load()
        return _grey(ImageOps.exif_transpose(image))


def inspect_raster(data: bytes, media_type: MediaType, *, max_pixels: int) -> tuple[int, int]:
    """Width and height in pixels, from the header. Raises `PictureError`."""
    with open_picture(data, media_type, max_pixels=max_pixels) as image:
        return image.size


@contextmanager
def open_picture(data: bytes, media_type: MediaType, *, max_pixels: int) -> Iterator[Image.Image]:
    """Open a picture, whose header Pillow reads and whose number of pixels is checked.

    Exceptions of Pillow inside of the context become `PictureError`.
    """
    if media_type is MediaType.WEBP:
        check_pixels(*_webp_size(data), max_pixels)
    if media_type is MediaType.JPEG and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise UnsupportedPicture("The JPEG has more scans than any camera makes.")
    try:
        with Image.open(BytesIO(data), formats=[_FORMATS[media_type]]) as image:
            check_pixels(image.width, image.height, max_pixels)
            yield image
    except PictureError:
        raise
    except (*_FAILURES, *_MORE_FAILURES) as error:
        raise BrokenPicture(f"The {_FORMATS[media_type]} picture is damaged or incomplete.") from error


def _grey(image: Image.Image) -> Image.Image:
    """Convert to grey by luminance. Transparent parts become black, as the surroundings of a radiograph are."""
    if image.mode in {"I;16", "I;16B", "I;16L", "I;16N"}:
        return Image.fromarray(np.asarray(image).astype(np.float32) / np.float32(65535))
    if image.mode in {"I", "F"}:
        raise UnsupportedPicture("Pictures of 32 bits a pixel have no defined white; send 8 or 16 bits.")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert("L")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height of a WebP, from its first chunk (RFC 9649); Pillow allocates the canvas when it opens the
    file."""
    kind, body = data[12:16], data[20:30]
    if len(body) == 10:
        if kind == b"VP8X":
            return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
        if kind == b"VP8L" and body[0] == 0x2F:
            bits = int.from_bytes(body[1:5], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
            width, height = struct.unpack("<HH", body[6:10])
            return width & 0x3FFF, height & 0x3FFF
    raise BrokenPicture("The WEBP picture is damaged or incomplete.")
