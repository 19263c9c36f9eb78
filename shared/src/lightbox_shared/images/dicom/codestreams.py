"""The headers of compressed frames, read before a decoder gets them.

A decoder allocates memory for the size that its codestream claims, which may differ from the one in the DICOM
attributes, and some fill what is missing at the end of a codestream with grey.
"""

import struct
from dataclasses import dataclass
from enum import Enum
from typing import Final

from lightbox_shared.images import BrokenPicture, UnsupportedPicture
from lightbox_shared.images.dicom import jpeg_2000
from lightbox_shared.images.dicom.image_pixel import ImagePixel


class Process(Enum):
    """How a codestream is coded, by its first markers and not by the transfer syntax, which some devices get wrong."""

    JPEG_DCT = "JPEG"
    JPEG_LOSSLESS = "JPEG Lossless"
    JPEG_LS = "JPEG-LS"
    JPEG_2000 = "JPEG 2000"


@dataclass(frozen=True, slots=True)
class Codestream:
    """What a codestream claims."""

    process: Process
    width: int
    height: int
    components: int
    precision: int
    """Bits of a sample."""


# Start of frame (ITU-T T.81 table B.1, T.87 C.1.1): the Huffman and arithmetic processes that libjpeg-turbo decodes.
_PROCESSES: Final = {
    0xC0: Process.JPEG_DCT,
    0xC1: Process.JPEG_DCT,
    0xC2: Process.JPEG_DCT,
    0xC9: Process.JPEG_DCT,
    0xCA: Process.JPEG_DCT,
    0xC3: Process.JPEG_LOSSLESS,
    0xF7: Process.JPEG_LS,
}
_STARTS_OF_FRAME: Final = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
# These have no length; before a frame header no encoder writes one, and decoders disagree about how to go on.
_WITHOUT_LENGTH: Final = {0x00, 0x01, *range(0xD0, 0xDA)}
_START_OF_SCAN: Final = b"\xff\xda"
# The end of image of JPEG and JPEG-LS, and the end of codestream of JPEG 2000 (T.800 A.4.4).
_END: Final = b"\xff\xd9"
# A decoder goes through the whole picture for each scan.
_MAX_SCANS: Final = 100
_JP2_SIGNATURE: Final = b"\0\0\0\x0cjP  "


def checked_codestream(frame: bytes, pixel: ImagePixel) -> Codestream:
    """What a compressed frame claims. Raises `PictureError` if it is not what the attributes say, if its end is
    missing, or if it is of a kind that is not read."""
    if frame.startswith(_JP2_SIGNATURE):
        raise UnsupportedPicture("The DICOM file has a JP2 file in it, where only a JPEG 2000 codestream is read.")
    is_jpeg_2000 = frame.startswith(jpeg_2000.START)
    found = Codestream(Process.JPEG_2000, *jpeg_2000.image_size(frame)) if is_jpeg_2000 else _jpeg(frame)
    if found is None:
        raise BrokenPicture("The compressed pixels of the DICOM file are damaged.")
    if (found.width, found.height, found.components) != (pixel.columns, pixel.rows, pixel.samples_per_pixel):
        raise BrokenPicture("The DICOM file and the picture inside it disagree about its size.")
    if found.precision > pixel.bits_allocated:
        raise BrokenPicture("The DICOM file and the picture inside it disagree about the number of its bits.")
    if frame.rfind(_END) <= frame.rfind(_START_OF_SCAN):
        raise BrokenPicture("The DICOM file is incomplete: its compressed pixels have no end.")
    if is_jpeg_2000:
        jpeg_2000.check_partition(frame)
    elif frame.count(_START_OF_SCAN) > _MAX_SCANS:
        raise UnsupportedPicture("The JPEG in the DICOM file has more scans than any device makes.")
    return found


def _jpeg(frame: bytes) -> Codestream | None:
    """The frame header (T.81 B.2.2, T.87 C.2.2)."""
    at = 2
    while frame.startswith(b"\xff\xd8") and at + 10 <= len(frame) and frame[at] == 0xFF:
        marker, length = frame[at + 1], int.from_bytes(frame[at + 2 : at + 4], "big")
        if marker in _STARTS_OF_FRAME:
            if marker not in _PROCESSES:
                raise UnsupportedPicture(
                    f"The JPEG in the DICOM file has a coding process, SOF{marker - 0xC0}, not read."
                )
            precision, height, width, components = struct.unpack_from(">BHHB", frame, at + 4)
            return Codestream(_PROCESSES[marker], width, height, components, precision)
        if marker in _WITHOUT_LENGTH:
            return None
        at += 2 + length if marker != 0xFF else 1
    return None
