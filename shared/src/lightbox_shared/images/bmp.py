"""BMP, decoded by numpy where a pixel has 16 or 32 bits in masks, and else by Pillow.

The header is that of Windows (BITMAPINFOHEADER to BITMAPV5HEADER, [MS-WMF] 2.2.2) or of OS/2 1.x and 2.x. Not read, and
named: a JPEG or a PNG inside of a BMP, inks, and the Huffman coding and the coding of 24 bits of OS/2. Known limit: the
colour space in headers of version 4 and 5 is taken for sRGB.
"""

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightbox_shared.images import BrokenPicture, UnsupportedPicture, check_pixels
from lightbox_shared.images.raster_file import RasterFile, in_eight_bits, opened_by_pillow
from lightbox_shared.images.samples import EightBitSamples

_FILE_HEADER: Final = 14
_CORE_HEADER: Final = 12
_OS2_HEADERS: Final = frozenset({16, 64})
_READ_HEADERS: Final = frozenset({12, 40, 52, 56, 64, 108, 124})
_WITH_ALPHA: Final = 56
_RGB, _RLE8, _RLE4, _BITFIELDS, _JPEG, _PNG, _ALPHA_BITFIELDS = range(7)
_NAMES: Final = {_JPEG: "JPEG", _PNG: "PNG", 11: "CMYK", 12: "CMYK with RLE8", 13: "CMYK with RLE4"}
_OS2_NAMES: Final = {3: "Huffman 1D", 4: "RLE24"}
_DEPTHS: Final = {
    _RGB: {1, 4, 8, 16, 24, 32},
    _RLE8: {8},
    _RLE4: {4},
    _BITFIELDS: {16, 32},
    _ALPHA_BITFIELDS: {16, 32},
}
_FIVE_BITS: Final = (0x7C00, 0x03E0, 0x001F, 0)
_EIGHT_BITS: Final = (0xFF0000, 0xFF00, 0xFF, 0)


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    height: int
    is_top_down: bool
    bits: int
    """Of a pixel."""
    compression: int
    masks: tuple[int, int, int, int]
    """Red, green, blue, alpha."""
    pixels_at: int


def bmp_size(data: bytes) -> tuple[int, int]:
    """Width and height of a BMP, by its header alone. Raises `BrokenPicture`."""
    header = _read_header(data)
    return header.width, header.height


def read_bmp(data: bytes, max_pixels: int) -> RasterFile:
    """Decode a BMP. Raises `PictureError`."""
    header = _read_header(data)
    _check_supported(header, _header_length(data))
    size = header.width, header.height
    check_pixels(*size, max_pixels)
    if header.bits in {16, 32}:
        return RasterFile(_unmasked(data, header), size)
    with opened_by_pillow(data, "BMP") as image:
        check_pixels(image.width, image.height, max_pixels)
        image.load()
        return RasterFile(in_eight_bits(image), size)


def _header_length(data: bytes) -> int:
    return int.from_bytes(data[_FILE_HEADER : _FILE_HEADER + 4], "little")


def _read_header(data: bytes) -> _Header:
    try:
        (pixels_at,) = struct.unpack_from("<I", data, 10)
        length = _header_length(data)
        if length == _CORE_HEADER:
            width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
            return _Header(width, height, False, bits, _RGB, _FIVE_BITS, pixels_at)
        if length < 16:
            raise BrokenPicture("The BMP picture has no header that is known.")
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
        (compression,) = struct.unpack_from("<I", data, 30) if length >= 20 else (_RGB,)
        masks = _masks(data, length, bits, compression)
    except struct.error:
        raise BrokenPicture("The BMP picture is damaged or incomplete.") from None
    return _Header(width, abs(height), height < 0, bits, compression, masks, pixels_at)


def _masks(data: bytes, length: int, bits: int, compression: int) -> tuple[int, int, int, int]:
    if compression == _RGB or bits not in {16, 32}:
        return _FIVE_BITS if bits == 16 else _EIGHT_BITS
    red, green, blue = struct.unpack_from("<III", data, 54)
    has_alpha = length >= _WITH_ALPHA or compression == _ALPHA_BITFIELDS
    (alpha,) = struct.unpack_from("<I", data, 66) if has_alpha else (0,)
    return red, green, blue, alpha


def _check_supported(header: _Header, length: int) -> None:
    if length not in _READ_HEADERS:
        raise UnsupportedPicture(f"BMP with a header of {length} bytes is not read.")
    names = _OS2_NAMES if length in _OS2_HEADERS else _NAMES
    if header.compression in names:
        raise UnsupportedPicture(f"BMP with the compression {names[header.compression]} is not read.")
    if header.compression not in _DEPTHS:
        raise UnsupportedPicture(f"BMP with the compression of number {header.compression} is not read.")
    if header.bits not in _DEPTHS[header.compression]:
        raise UnsupportedPicture(f"BMP of {header.bits} bits a pixel is not read with its compression.")


def _unmasked(data: bytes, header: _Header) -> EightBitSamples:
    """The picture of pixels of 16 or 32 bits."""
    row_bytes = (header.width * header.bits + 31) // 32 * 4
    if len(data) < header.pixels_at + row_bytes * header.height:
        raise BrokenPicture("The BMP picture is damaged or incomplete.")
    stored = np.frombuffer(data, np.uint8, row_bytes * header.height, header.pixels_at)
    pixels = stored.view("<u2" if header.bits == 16 else "<u4").reshape(header.height, -1)[:, : header.width]
    if not header.is_top_down:
        pixels = pixels[::-1]
    masks = header.masks if header.masks[3] else header.masks[:3]
    channels = np.empty((header.height, header.width, len(masks)), dtype=np.uint8)
    for place, mask in enumerate(masks):
        channels[..., place] = _channel(pixels, mask)
    return EightBitSamples(Image.fromarray(channels))


def _channel(pixels: npt.NDArray[np.unsignedinteger], mask: int) -> npt.NDArray[np.uint8]:
    """The bits of a mask as a number from 0 to 255."""
    if mask == 0:
        return np.zeros(pixels.shape, dtype=np.uint8)
    shift = (mask & -mask).bit_length() - 1
    top = mask >> shift
    values = (pixels & mask) >> shift
    if top == 255:
        return values.astype(np.uint8)
    scaled: npt.NDArray[np.uint8] = np.rint(values.astype(np.float32) * np.float32(255 / top)).astype(np.uint8)
    return scaled
