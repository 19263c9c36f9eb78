"""How much memory decoding a picture takes, estimated from its header before anything is allocated.

The factors are bytes a pixel at the peak of what the services do with a picture: the decoded samples, the copies that
Pillow and numpy make of them until they are grey or shown, and the file that is made of them. They were measured with
pictures of 50 megapixels (`tests/shared/test_decoding_memory.py` measures them again), as the largest of all uses. So
the estimate is an upper bound; for a JPEG that is decoded at a fraction of its size it knows the fraction.

Most headers are read here and not by an image library, which may allocate a canvas when it opens a file. Those of TIFF
and DICOM, which are lists of tags, are read by `lightbox_shared.images.inspect`.
"""

import struct
import sys
from io import BytesIO
from typing import Final, NamedTuple

from PIL import Image

from lightbox_shared.images import BrokenPicture, MediaType, PictureError, inspect, sniff

_GREY: Final = 3
_PALETTE: Final = 5
_COLOUR: Final = 10
_SIXTEEN_BITS: Final = 12
_CMYK: Final = 14
_TRANSPARENT: Final = 16
_FACTORS: Final = {
    MediaType.BMP: _TRANSPARENT,
    MediaType.GIF: _TRANSPARENT,
    MediaType.TIFF: 24,
    MediaType.WEBP: 24,  # the canvas of the animation, and the frame, before all others
    MediaType.DICOM: 25,  # several of the steps are in double precision
}
_COEFFICIENTS: Final = 2
"""Bytes of a sample of a JPEG with several scans, which are kept until the last one."""
_PNG_FACTORS: Final = {0: _GREY, 2: _COLOUR, 3: _PALETTE, 4: _TRANSPARENT, 6: _TRANSPARENT}
"""By colour type (PNG section 11.2.1)."""
_MAX_PARTS: Final = 100_000
_START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN: Final = 0xDA
_REDUCTIONS: Final = (8, 4, 2)


class _Header(NamedTuple):
    width: int
    height: int
    factor: float
    """Bytes a pixel of the decoded picture."""
    undecoded: int = 0
    """Bytes a pixel of the file's own size, at whatever size it is decoded."""


def decoding_memory(data: bytes, *, max_pixels: int, min_size: tuple[int, int] | None = None) -> int:
    """The bytes that decoding takes at its peak, in addition to the file.

    0 for what decoders refuse by its first bytes or by its number of pixels, and `sys.maxsize` if the header can't be
    read. `min_size` (width, height) is for work that may decode a JPEG at a fraction of its size. TIFF and DICOM may
    take milliseconds: call it in a thread.
    """
    try:
        media_type = sniff(data, tuple(MediaType))
    except PictureError:
        return 0
    try:
        header = _read(data, media_type)
    except (PictureError, struct.error, IndexError):
        return sys.maxsize
    pixels = header.width * header.height
    if pixels > max_pixels:
        return 0
    decoded = pixels
    if media_type is MediaType.JPEG and min_size is not None:
        decoded = _reduced(header, max(min_size))
    return int(decoded * header.factor) + pixels * header.undecoded


def _reduced(header: _Header, side: int) -> int:
    """Pixels of a JPEG that is decoded at the smallest of its sizes with at least `side` pixels in both directions."""
    reduction = next((each for each in _REDUCTIONS if min(header.width, header.height) // each >= side), 1)
    return -(-header.width // reduction) * -(-header.height // reduction)


def _read(data: bytes, media_type: MediaType) -> _Header:
    """Raises `PictureError`, `struct.error` or `IndexError` for what can't be read."""
    match media_type:
        case MediaType.PNG:
            return _png(data)
        case MediaType.JPEG:
            return _jpeg(data)
        case MediaType.WEBP:
            width, height = _webp(data)
        case MediaType.GIF:
            width, height = _gif(data)
        case MediaType.BMP:
            width, height = _bmp(data)
        case _:
            info = inspect(data, max_pixels=sys.maxsize)
            width, height = info.width, info.height
    return _Header(width, height, _FACTORS[media_type])


def _png(data: bytes) -> _Header:
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    factor = _PNG_FACTORS.get(colour, _TRANSPARENT)
    if colour == 0 and depth == 16:
        factor = _SIXTEEN_BITS
    # A chunk of transparency has to stand before the pixels (section 5.6).
    at = 8
    for _ in range(_MAX_PARTS):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"tRNS":
            factor = _TRANSPARENT
        if kind in {b"IDAT", b"tRNS"}:
            break
        at += 12 + length
    return _Header(width, height, factor)


def _jpeg(data: bytes) -> _Header:
    frame: tuple[int, int, int] | None = None
    is_progressive, at = False, 2
    for _ in range(_MAX_PARTS):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        at += 1 if marker == 0xFF else 2  # any number of fill bytes (T.81 section B.1.1.2)
        if marker == 0xFF or marker in _WITHOUT_LENGTH:
            continue
        if marker in _START_OF_FRAME:
            frame, is_progressive = struct.unpack_from(">HHB", data, at + 3), marker in _PROGRESSIVE
        if marker == _START_OF_SCAN and frame is not None:
            height, width, components = frame
            has_several_scans = is_progressive or data[at + 2] < components
            factor = {1: _GREY, 3: _COLOUR}.get(components, _CMYK)
            return _Header(width, height, factor, _COEFFICIENTS * components if has_several_scans else 0)
        at += max(2, *struct.unpack_from(">H", data, at))
    raise IndexError("no frame header before a scan")


def _webp(data: bytes) -> tuple[int, int]:
    """Of the canvas (RFC 9649 section 2.7)."""
    kind = data[12:16]
    if len(data) < 30:
        raise IndexError("no first chunk")
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _gif(data: bytes) -> tuple[int, int]:
    """Of the first frame, which may be larger than the screen that the header names."""
    try:
        with Image.open(BytesIO(data), formats=["GIF"]) as image:
            return image.size
    except (OSError, SyntaxError, ValueError, EOFError, TypeError) as error:
        raise BrokenPicture("The GIF picture has no header that can be read.") from error


def _bmp(data: bytes) -> tuple[int, int]:
    (header_size,) = struct.unpack_from("<I", data, 14)
    if header_size == 12:  # of OS/2
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)  # a height below zero is of rows from the top
    return abs(width), abs(height)
