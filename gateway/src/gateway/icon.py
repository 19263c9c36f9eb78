"""The icon of `/favicon.ico`, an X-ray film on a light box."""

import struct
from typing import Final

SIZE: Final = 16
_DRAWING: Final = """
.##############.
#oooooooooooooo#
#o############o#
#o##+######+##o#
#o#+++####+++#o#
#o#+++####+++#o#
#o++++#++#++++o#
#o++++#++#++++o#
#o++++#++#++++o#
#o++++#++#++++o#
#o+++##++##+++o#
#o++########++o#
#o+##########+o#
#o############o#
#oooooooooooooo#
.##############.
"""
# Blue, green, red, opacity.
_COLOURS: Final = {".": b"\0\0\0\0", "#": b"\x3a\x2b\x1f\xff", "o": b"\xff\xf6\xe8\xff", "+": b"\xd8\xc4\xa6\xff"}


def favicon() -> bytes:
    """Return an ICO file with one picture.

    It is a Windows bitmap of 32 bits a pixel, with rows from the bottom to the top. It is followed by a mask of one bit
    a pixel, which is zero because the pixels have an opacity. The height in the header counts the rows of both.
    """
    rows = _DRAWING.split()
    pixels = b"".join(_COLOURS[each] for row in reversed(rows) for each in row)
    mask = bytes(4 * SIZE)
    header = struct.pack("<IiiHHIIiiII", 40, SIZE, 2 * SIZE, 1, 32, 0, len(pixels), 0, 0, 0, 0)
    picture = header + pixels + mask
    folder = struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", SIZE, SIZE, 0, 0, 1, 32, len(picture), 22)
    return folder + picture
