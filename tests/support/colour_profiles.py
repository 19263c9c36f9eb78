"""Colour profiles (ICC.1:2022) that change colours so much that nobody overlooks whether they were obeyed."""

import struct
from typing import Final

from PIL import ImageCms

SRGB: Final = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RED_IS_GREEN: Final = SRGB.replace(b"rXYZ", b"----").replace(b"gXYZ", b"rXYZ").replace(b"----", b"gXYZ")
"""A profile whose first channel is green light, and the second red."""


def _grey_profile() -> bytes:
    """A profile of grey with a gamma of 1: 128 is far brighter than in sRGB."""
    curve = b"curv" + bytes(4) + struct.pack(">I", 0)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in (0.9642, 1.0, 0.8249)))
    return _profile(b"GRAY", b"XYZ ", {b"kTRC": curve, b"wtpt": white})


def _ink_profile() -> bytes:
    """A profile of four inks in which any of the first makes a saturated green, and the others nothing."""
    identity = bytes(range(256))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    paper, green = bytes((255, 128, 128)), bytes((200, 30, 200))  # CIELAB, section 10.10
    nodes = paper * 8 + green * 8  # of the 16 combinations the first ink is in the last 8
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + matrix + identity * 4 + nodes + identity * 3
    return _profile(b"CMYK", b"Lab ", {b"A2B0": table})


def _profile(space: bytes, connection_space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A profile with these tags, for output (section 7.2)."""
    start = 128 + 4 + 12 * len(tags)
    directory, bodies = struct.pack(">I", len(tags)), b""
    for signature, body in tags.items():
        directory += signature + struct.pack(">II", start + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    header = bytearray(128)
    header[8:12] = b"\x02\x10\0\0"
    header[12:24] = b"prtr" + space + connection_space
    header[36:40] = b"acsp"
    header[68:80] = struct.pack(">3i", 63190, 65536, 54061)  # D50
    header[0:4] = struct.pack(">I", start + len(bodies))
    return bytes(header) + directory + bodies


LINEAR_GREY: Final = _grey_profile()
INK_IS_GREEN: Final = _ink_profile()
