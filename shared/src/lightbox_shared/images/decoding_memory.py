"""How much memory decoding a picture takes, estimated from its header before anything is allocated.

The factors are bytes a pixel at the peak of what the services do with a picture: the decoded samples, the copies that
are made of them until they are grey or shown, and the file that is made of them. They were measured
(`tests/shared/images/test_decoding_memory.py` measures them again), as the largest of all uses. So the estimate is an
upper bound; for a JPEG that is decoded at a fraction of its size it knows the fraction.
"""

import sys
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Final, NamedTuple

from PIL import Image

from lightbox_shared.images import BrokenPicture, MediaType, PictureError, inspect, sniff
from lightbox_shared.images.bmp import bmp_size
from lightbox_shared.images.headers import jpeg_header, png_header, webp_size
from lightbox_shared.images.tiff_directory import Tag, read_directory

_GREY: Final = 3
_PALETTE: Final = 8
_COLOUR: Final = 10
_DEEP_GREY: Final = 12
_CMYK: Final = 14
_TRANSPARENT: Final = 10
_DEEP_COLOUR: Final = 22
_DEEP_INKS: Final = 28
_WEBP: Final = 18
"""The canvas of the animation, and the frame, before all others."""
_DICOM: Final = 20
"""In colours of 16 bits; a grey one takes half of that, which the size alone does not tell."""
_COEFFICIENTS: Final = 2
"""Bytes of a sample of a JPEG with several scans, which are kept until the last one."""
_PNG_FACTORS: Final = {0: _GREY, 2: _COLOUR, 3: _PALETTE, 4: _TRANSPARENT, 6: _TRANSPARENT}
"""By colour type (PNG section 11.2.1), for samples of at most 8 bits."""
_EIGHT_BITS: Final = 8
_COLOURS_AND_ALPHA: Final = 4
_REDUCTIONS: Final = (8, 4, 2)


class _Header(NamedTuple):
    width: int
    height: int
    factor: float
    """Bytes a pixel of the decoded picture."""
    undecoded: int = 0
    """Bytes a pixel of the file's own size, at whatever size it is decoded."""
    is_reducible: bool = False
    """Whether it may be decoded at a fraction of its size."""


def decoding_memory(data: bytes, *, max_pixels: int, min_size: tuple[int, int] | None = None) -> int:
    """The bytes that decoding takes at its peak, in addition to the file.

    0 for what is refused by its header: it is no picture, is damaged there, or has more than `max_pixels`. `min_size`
    (width, height) is for work that may decode a JPEG at a fraction of its size. May take milliseconds: call it in a
    thread.
    """
    try:
        media_type = sniff(data, tuple(MediaType))
        header = _HEADERS[media_type](data)
    except PictureError:
        return 0
    pixels = header.width * header.height
    if pixels > max_pixels:
        return 0
    decoded = pixels
    if header.is_reducible and min_size is not None:
        decoded = _reduced(header, max(min_size))
    return int(decoded * header.factor) + pixels * header.undecoded


def _reduced(header: _Header, side: int) -> int:
    """Pixels of a JPEG that is decoded at the smallest of its sizes with at least `side` pixels in both directions."""
    reduction = next((each for each in _REDUCTIONS if min(header.width, header.height) // each >= side), 1)
    return -(-header.width // reduction) * -(-header.height // reduction)


def _png(data: bytes) -> _Header:
    header = png_header(data)
    factor = _TRANSPARENT if header.is_transparent else _PNG_FACTORS[header.colour_type]
    if header.depth > _EIGHT_BITS:
        factor = _DEEP_COLOUR if header.colour_type or header.is_transparent else _DEEP_GREY
    return _Header(*header.size, factor)


def _jpeg(data: bytes) -> _Header:
    header = jpeg_header(data)
    undecoded = _COEFFICIENTS * header.components if header.has_several_scans else 0
    if header.precision > _EIGHT_BITS:
        return _Header(*header.size, _DEEP_GREY if header.components == 1 else _DEEP_COLOUR, undecoded)
    factor = {1: _GREY, 3: _COLOUR}.get(header.components, _CMYK)
    return _Header(*header.size, factor, undecoded, is_reducible=True)


def _tiff(data: bytes) -> _Header:
    directory = read_directory(data)
    samples = directory.number(Tag.SAMPLES_PER_PIXEL, 1)
    is_deep = directory.number(Tag.BITS_PER_SAMPLE, 1) > _EIGHT_BITS or Tag.COLOR_MAP in directory.tags
    # Subsampled colours come in units, of which a narrow picture has one in a row.
    across, down = directory.tags.get(Tag.YCBCR_SUBSAMPLING, (2, 2))[:2]
    width, height = directory.size
    in_units = -(-width // max(1, across)) * across * -(-height // max(1, down)) * down
    if is_deep and samples > _COLOURS_AND_ALPHA:
        factor = _DEEP_INKS
    elif samples > 1 or Tag.COLOR_MAP in directory.tags:
        factor = _DEEP_COLOUR if is_deep else _TRANSPARENT
    else:
        factor = _DEEP_GREY
    return _Header(width, height, factor * max(1, in_units / (width * height)))


def _gif(data: bytes) -> _Header:
    """Of the first frame, which may be larger than the screen that the header names."""
    try:
        with Image.open(BytesIO(data), formats=["GIF"]) as image:
            return _Header(*image.size, _TRANSPARENT)
    except (OSError, SyntaxError, ValueError, EOFError, TypeError) as error:
        raise BrokenPicture("The GIF picture has no header that can be read.") from error


def _dicom(data: bytes) -> _Header:
    info = inspect(data, max_pixels=sys.maxsize)
    return _Header(info.width, info.height, _DICOM)


_HEADERS: Final[Mapping[MediaType, Callable[[bytes], _Header]]] = {
    MediaType.PNG: _png,
    MediaType.JPEG: _jpeg,
    MediaType.TIFF: _tiff,
    MediaType.GIF: _gif,
    MediaType.DICOM: _dicom,
    MediaType.WEBP: lambda data: _Header(*webp_size(data), _WEBP),
    MediaType.BMP: lambda data: _Header(*bmp_size(data), _TRANSPARENT),
}
