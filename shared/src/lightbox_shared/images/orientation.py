"""Which way is up: the one rule for all formats and services.

A picture is turned by the orientation that its format has a place for and that Chromium, as of version 156, obeys:

- JPEG: the EXIF segment (CIPA DC-008 section 4.6.5), in whose first directory the tag 0x0112 is a SHORT,
- PNG: the chunk eXIf (W3C PNG, third edition, section 11.3.3.5), if it is before the pixels,
- TIFF, which browsers don't show: the tag itself (TIFF 6.0 section 8).

Nothing else turns a picture: not EXIF in a WebP, which Chromium does not read; not XMP anywhere; not the texts of a PNG
that some programs keep EXIF in.
"""

import struct
from typing import Any, Final

import numpy.typing as npt
from PIL import Image

UPRIGHT: Final = 1
TAG: Final = 0x0112
SIDEWAYS: Final = frozenset({5, 6, 7, 8})
"""The orientations of which width and height are exchanged."""
_ORIENTATIONS: Final = range(1, 9)
_SHORT: Final = 3
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def known(value: int) -> int:
    """An orientation as it was read; `UPRIGHT` for a number that has no meaning."""
    return value if value in _ORIENTATIONS else UPRIGHT


def orientation_in_exif(exif: bytes) -> int:
    """The orientation in the TIFF structure that EXIF is; `UPRIGHT` if it has none, or is damaged before it."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return UPRIGHT
    try:
        (at,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, at)
        for each in range(entries):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", exif, at + 2 + 12 * each)
            if (tag, kind, count) == (TAG, _SHORT, 1):
                return known(value)
    except struct.error:
        pass
    return UPRIGHT


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height of the upright picture, of those of the stored one. The other way round it is the same."""
    return size[::-1] if orientation in SIDEWAYS else size


def upright_image(image: Image.Image, orientation: int) -> Image.Image:
    """The stored picture turned upright."""
    return image if orientation == UPRIGHT else image.transpose(_TURNS[orientation])


def upright_values(values: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Samples of shape (height, width, ...) turned upright. May be a view of them."""
    if orientation in SIDEWAYS:
        values = values.swapaxes(0, 1)
    across, down = orientation in {2, 3, 6, 7}, orientation in {3, 4, 7, 8}
    return values[:: -1 if down else 1, :: -1 if across else 1]
