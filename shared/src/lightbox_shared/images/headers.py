"""Width and height from the headers of PNG (W3C PNG, third edition) and JPEG (ITU-T T.81), without an image library.

A library that opens a file also unpacks its texts and colour profiles, whose size the sender chooses. Here nothing is
unpacked, each byte is read at most once, and the number of chunks or segments is limited.
"""

import struct
import zlib
from typing import Final

from lightbox_shared.images import BrokenPicture

MAX_PARTS: Final = 100_000
_PNG_BIT_DEPTHS: Final = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
"""The allowed bit depths for each colour type (PNG section 11.2.1)."""
_START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_START_OF_SCAN: Final = 0xDA


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG, from its chunk IHDR.

    The checksums of all chunks are verified, and there must be the chunks IDAT and IEND. Raises `BrokenPicture`.
    """
    try:
        length, kind, width, height, depth, colour, packing, filters, interlace = struct.unpack_from(
            ">I4sIIBBBBB", data, 8
        )
        known = depth in _PNG_BIT_DEPTHS.get(colour, ()) and (packing, filters) == (0, 0) and interlace in {0, 1}
        if (length, kind) != (13, b"IHDR") or not known:
            raise BrokenPicture("The PNG picture has no header that is known.")
        view, at, has_pixels = memoryview(data), 8, False
        for _ in range(MAX_PARTS):
            length, kind = struct.unpack_from(">I4s", data, at)
            end = at + 8 + length
            if struct.unpack_from(">I", data, end) != (zlib.crc32(view[at + 4 : end]),):
                break
            if kind == b"IEND" and has_pixels:
                return width, height
            has_pixels = has_pixels or kind == b"IDAT"
            at = end + 4
    except struct.error:
        pass
    raise BrokenPicture("The PNG picture is damaged or incomplete.")


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height of a JPEG, from its frame header, behind which a scan must begin. Raises `BrokenPicture`."""
    try:
        at = 2
        for _ in range(MAX_PARTS):
            if data[at] != 0xFF:
                break
            marker = data[at + 1]
            at += 1 if marker == 0xFF else 2  # any number of fill bytes (section B.1.1.2)
            if marker == 0xFF or marker in _WITHOUT_LENGTH:
                continue
            if marker == _START_OF_SCAN:
                break
            if marker in _START_OF_FRAME:
                height, width = struct.unpack_from(">HH", data, at + 3)
                if data.find(bytes((0xFF, _START_OF_SCAN)), at) < 0:
                    break
                return width, height
            at += max(2, *struct.unpack_from(">H", data, at))
    except (struct.error, IndexError):
        pass
    raise BrokenPicture("The JPEG picture is damaged or incomplete.")
