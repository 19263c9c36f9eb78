"""What the headers of a JPEG 2000 codestream (ITU-T T.800 annex A) would make a decoder allocate.

A decoder makes objects for each tile, precinct and code-block before it reads any of them. A hundred bytes that claim
precincts of 2 x 2 pixels cost it gigabytes and minutes, so partitions that are finer than encoders make are refused.
"""

import struct
from collections.abc import Iterator
from typing import Final

from lightbox_shared.images import BrokenPicture, UnsupportedPicture

START: Final = b"\xff\x4f\xff\x51"
"""Start of codestream, and the marker of image and tile size (SIZ)."""
_COD, _COC, _SOT, _SOD, _EOC = 0xFF52, 0xFF53, 0xFF90, 0xFF93, 0xFFD9
_MAX_MARKERS: Final = 50_000
_MIN_TILE_PIXELS: Final = 64 * 64
# A precinct costs 1.6 kB: this is 6 bytes a pixel.
_MIN_PRECINCT_PIXELS: Final = 256
_PRECINCTS_OF_SMALL_PICTURES: Final = 4096
# Of the width and the height together: 16 x 16.
_MIN_CODE_BLOCK_EXPONENT: Final = 8


def image_size(frame: bytes) -> tuple[int, int, int, int]:
    """Width, height, components, and bits of a sample (A.5.1). Raises `struct.error` if they are not all there."""
    right, bottom, left, top = struct.unpack_from(">IIII", frame, 8)
    components, depth = struct.unpack_from(">HB", frame, 40)
    return right - left, bottom - top, components, (depth & 0x7F) + 1


def check_partition(frame: bytes) -> None:
    """Raises `UnsupportedPicture` for tiles, precincts or code-blocks that are smaller than encoders make them, and
    `BrokenPicture` if the headers can't be followed to their end."""
    width, height, components, _bits = image_size(frame)
    most_precincts = _PRECINCTS_OF_SMALL_PICTURES + width * height // _MIN_PRECINCT_PIXELS
    tile_width, tile_height = struct.unpack_from(">II", frame, 24)
    if tile_width * tile_height < min(_MIN_TILE_PIXELS, width * height):
        raise UnsupportedPicture("The JPEG 2000 in the DICOM file has smaller tiles than any encoder makes.")
    for marker, segment in _segments(frame):
        if marker == _COD:
            style, parameters = segment[0], segment[5:]
        elif marker == _COC:
            index = 1 if components < 257 else 2
            style, parameters = segment[index], segment[index + 1 :]
        else:
            continue
        if parameters[1] + parameters[2] + 4 < _MIN_CODE_BLOCK_EXPONENT:
            raise UnsupportedPicture("The JPEG 2000 in the DICOM file has smaller code-blocks than any encoder makes.")
        if style & 1 and _precincts(width, height, parameters) > most_precincts:
            raise UnsupportedPicture("The JPEG 2000 in the DICOM file has smaller precincts than any encoder makes.")


def _precincts(width: int, height: int, parameters: bytes) -> int:
    """How many precincts all resolution levels of the picture have, of which level 0 is the smallest (A.6.1, B.6)."""
    levels, sizes, count = parameters[0], parameters[5:], 0
    for level in range(levels + 1):
        reduction = levels - level
        exponents = reduction + (sizes[level] & 0xF), reduction + (sizes[level] >> 4)
        count += ((width >> exponents[0]) + 1) * ((height >> exponents[1]) + 1)
    return count


def _segments(frame: bytes) -> Iterator[tuple[int, bytes]]:
    """The marker segments of the main header and of all tile-part headers, without the length at their beginning."""
    at, tile_part_end = 2, 0
    for _ in range(_MAX_MARKERS):
        (marker,) = struct.unpack_from(">H", frame, at)
        if marker == _EOC:
            return
        if marker == _SOD:
            if tile_part_end == 0:  # the last tile-part may leave its length out
                return
            at, tile_part_end = tile_part_end, 0
            continue
        (length,) = struct.unpack_from(">H", frame, at + 2)
        segment = frame[at + 4 : at + 2 + length]
        if marker == _SOT:
            (tile_part_length,) = struct.unpack_from(">I", segment, 2)
            tile_part_end = at + tile_part_length if tile_part_length else 0
        elif marker < 0xFF00 or length < 2:
            break
        yield marker, segment
        at += 2 + length
    raise BrokenPicture("The JPEG 2000 in the DICOM file has headers that lead nowhere.")
