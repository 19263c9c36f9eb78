"""DICOM files (PS3.5, PS3.10), decoded by pydicom, and by GDCM for JPEG Lossless and JPEG 2000.

The pixel transformations are those of PS3.4 N.2, in this order: stored values, modality LUT or rescale, VOI LUT or
window, inversion of MONOCHROME1. Known limits: one frame, one sample a pixel, at most 16 bits; no deflated transfer
syntax, which can't be inflated with a bound on memory; pixel padding and pixel aspect ratio are ignored.
"""

import struct
from io import BytesIO
from typing import Final

import numpy as np
import pydicom
from pydicom import config
from pydicom.dataset import FileDataset
from pydicom.encaps import generate_frames
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from lightbox_shared.images import BrokenPicture, PictureError, Pixels, UnsupportedPicture, check_pixels

# Files in real archives often have values that violate the standard and do not matter here.
config.settings.reading_validation_mode = config.IGNORE

_TAGS: Final = [
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "PixelRepresentation",
    "BitsAllocated", "BitsStored", "HighBit", "PlanarConfiguration", "RescaleSlope", "RescaleIntercept",
    "ModalityLUTSequence", "VOILUTSequence", "VOILUTFunction", "WindowCenter", "WindowWidth", "PixelData",
]  # fmt: skip
_META_TRANSFER_SYNTAX: Final = b"\x02\x00\x10\x00UI"
_META_BYTES: Final = 4096
# Two bytes of PackBits become at most 128; streams that could become larger than this are measured before decoding.
_RLE_UNCHECKED_BYTES: Final = 256 * 1024 * 1024


def decode_dicom(data: bytes, *, max_pixels: int) -> Pixels:
    """The pixels of a DICOM file: float32, shape (height, width), 0 black to 1 white. Raises `PictureError`."""
    _refuse_deflated(data)
    try:
        dataset = pydicom.dcmread(BytesIO(data), specific_tags=_TAGS)
        _check(dataset, max_pixels)
        return _shown(dataset, dataset.pixel_array)
    except PictureError:
        raise
    except Exception as error:  # pydicom and its decoders raise many kinds of exceptions for damaged files
        raise BrokenPicture(
            "The DICOM file is damaged, incomplete, or compressed in a way that is not read."
        ) from error


def inspect_dicom(data: bytes) -> tuple[int, int]:
    """Width and height of the frames in pixels. Other attributes are not checked. Raises `PictureError`."""
    _refuse_deflated(data)
    try:
        dataset = pydicom.dcmread(BytesIO(data), stop_before_pixels=True, specific_tags=["Rows", "Columns"])
        return int(dataset.Columns), int(dataset.Rows)
    except Exception as error:  # as above
        raise BrokenPicture("The DICOM file is damaged, incomplete, or has no pixels.") from error


def _refuse_deflated(data: bytes) -> None:
    if _transfer_syntax(data) == DeflatedExplicitVRLittleEndian:
        raise UnsupportedPicture("DICOM in the deflated transfer syntax is not accepted.")


def _transfer_syntax(data: bytes) -> str:
    """The transfer syntax UID in the file meta group (explicit VR little endian, PS3.10 section 7.1); "" without
    one."""
    at = data.find(_META_TRANSFER_SYNTAX, 132, 132 + _META_BYTES)
    if at < 0:
        return ""
    (length,) = struct.unpack_from("<H", data, at + 6)
    return data[at + 8 : at + 8 + length].rstrip(b"\0 ").decode("ascii", "replace")


def _check(dataset: FileDataset, max_pixels: int) -> None:
    if "PixelData" not in dataset:
        raise UnsupportedPicture("The DICOM file has no pixels.")
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    check_pixels(columns, rows, max_pixels)
    if int(dataset.get("NumberOfFrames") or 1) != 1:
        raise UnsupportedPicture("The DICOM file has several frames; a radiograph has one.")
    if int(dataset.SamplesPerPixel) != 1 or dataset.PhotometricInterpretation not in {"MONOCHROME1", "MONOCHROME2"}:
        raise UnsupportedPicture("The DICOM picture is not MONOCHROME1 or MONOCHROME2.")
    if int(dataset.BitsAllocated) not in {8, 16} or not 1 <= int(dataset.BitsStored) <= int(dataset.BitsAllocated):
        raise UnsupportedPicture("The DICOM picture has a number of bits that is not read; 8 and 16 are.")
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
        if dataset.file_meta.TransferSyntaxUID == RLELossless:
            _check_rle(frame, rows * columns * int(dataset.BitsAllocated) // 8)
        elif _codestream_size(frame) != (columns, rows):
            raise BrokenPicture("The DICOM file and the picture inside it disagree about its size.")


def _codestream_size(frame: bytes) -> tuple[int, int] | None:
    """Width and height in the header of a JPEG, JPEG-LS (ITU-T T.81 B.2.2, T.87) or JPEG 2000 (T.800 A.5.1) codestream.

    A decoder allocates memory for this size, which may differ from the one in the DICOM attributes. None if the header
    is not found.
    """
    if frame.startswith(b"\xff\x4f\xff\x51") and len(frame) >= 24:
        width, height, left, top = struct.unpack_from(">IIII", frame, 8)
        return width - left, height - top
    at = 2
    while frame.startswith(b"\xff\xd8") and at + 9 <= len(frame) and frame[at] == 0xFF:
        marker, length = frame[at + 1], int.from_bytes(frame[at + 2 : at + 4], "big")
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}):
            return int.from_bytes(frame[at + 7 : at + 9], "big"), int.from_bytes(frame[at + 5 : at + 7], "big")
        at += 2 + length if marker != 0xFF else 1
    return None


def _check_rle(frame: bytes, expected: int) -> None:
    """Refuse an RLE stream (PS3.5 annex G) that unpacks to more than twice the `expected` number of bytes."""
    if len(frame) * 64 < _RLE_UNCHECKED_BYTES:
        return
    unpacked, at = 0, 64  # behind the header with the offsets of the segments
    while at < len(frame):
        control = frame[at]
        if control > 128:
            unpacked, at = unpacked + 257 - control, at + 2
        else:
            count = 0 if control == 128 else control + 1
            unpacked, at = unpacked + count, at + 1 + count
        if unpacked > 2 * expected:
            raise BrokenPicture("The compressed pixels of the DICOM file are more than the picture has.")


def _shown(dataset: FileDataset, stored: np.ndarray) -> Pixels:
    """Transform stored values to those that a viewer displays, 0 black to 1 white."""
    values = apply_modality_lut(stored, dataset)
    low, high = _output_range(dataset)
    if dataset.get("VOILUTSequence"):
        high = float(2 ** int(dataset.VOILUTSequence[0].LUTDescriptor[2]) - 1)
        low = 0.0
    values = apply_voi_lut(values, dataset, index=0)
    shown = (values.astype(np.float32) - np.float32(low)) / np.float32(high - low)
    np.clip(shown, 0.0, 1.0, out=shown)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        np.subtract(np.float32(1), shown, out=shown)
    if not np.isfinite(shown).all():
        raise BrokenPicture("The DICOM file's window or rescale values are not numbers.")
    return shown


def _output_range(dataset: FileDataset) -> tuple[float, float]:
    """The values of black and white after the modality transformation, and so after a window (PS3.3 C.11.2.1.2)."""
    bits = int(dataset.BitsStored)
    if dataset.get("ModalityLUTSequence"):
        return 0.0, float(2 ** int(dataset.ModalityLUTSequence[0].LUTDescriptor[2]) - 1)
    signed = int(dataset.PixelRepresentation) == 1
    low, high = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)
    slope, intercept = float(dataset.get("RescaleSlope", 1) or 1), float(dataset.get("RescaleIntercept", 0) or 0)
    ends = (low * slope + intercept, high * slope + intercept)
    return min(ends), max(ends)
