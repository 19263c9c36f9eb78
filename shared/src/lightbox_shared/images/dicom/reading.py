"""A DICOM file and where its pixels are, read by pydicom without what a hostile file could make it cost.

pydicom builds an object for each item of a sequence of undefined length, also where nobody asked for the sequence, and
it inflates a deflated data set whole. Here the number of elements is limited, and so are the bytes that are inflated.
"""

import logging
import struct
import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from pydicom import config
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from lightbox_shared.images import BrokenPicture, UnsupportedPicture

# Files in real archives often have values that violate the standard and do not matter here.
config.settings.reading_validation_mode = config.IGNORE
# About the rest pydicom warns and logs, with values of the file that may be of a patient.
warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\.")
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

_ATTRIBUTES: Final = [
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "PixelRepresentation",
    "BitsAllocated", "BitsStored", "HighBit", "PlanarConfiguration", "RescaleSlope", "RescaleIntercept",
    "ModalityLUTSequence", "VOILUTSequence", "VOILUTFunction", "WindowCenter", "WindowWidth",
    "WindowCenterWidthExplanation", "PresentationLUTShape",
    "RedPaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
]  # fmt: skip
_TAGS: Final[list[BaseTag | int]] = [Tag(each) for each in _ATTRIBUTES]
_PIXEL_DATA: Final = 0x7FE00010
_FLOATING_POINT_PIXEL_DATA: Final = frozenset({0x7FE00008, 0x7FE00009})
_ITEM: Final = 0xFFFEE000
_UNDEFINED_LENGTH: Final = 0xFFFFFFFF
# A radiograph has some hundreds of elements. Each takes one or two reads, and an object of up to two kilobytes.
_MAX_READS: Final = 50_000
_MAX_META_ELEMENTS: Final = 100
# As much of a deflated data set is inflated to find its pixel data.
_INFLATED_ATTRIBUTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class DicomFile:
    """The attributes that decide what is shown, and the way to the pixel data."""

    dataset: Dataset
    transfer_syntax: UID
    little_endian: bool
    value_representation: str
    """Of Pixel Data (7FE0,0010): "OB" or "OW"."""
    _data: bytes
    """Of a deflated file only its first bytes, inflated."""
    _value_at: int
    _value_length: int
    _deflated: memoryview | None

    @classmethod
    def read(cls, data: bytes) -> "DicomFile":
        """Read a file up to its pixel data. Raises `PictureError`, and other exceptions for a file that is damaged."""
        transfer_syntax, begins_at = _file_meta(data)
        deflated = None
        if transfer_syntax == DeflatedExplicitVRLittleEndian:
            deflated = memoryview(data)[begins_at:]
            data, begins_at = _inflated(deflated, _INFLATED_ATTRIBUTES), 0
        little_endian = transfer_syntax != ExplicitVRBigEndian
        stream = _BoundedReads(data)
        stream.seek(begins_at)
        dataset = read_dataset(
            stream,
            is_implicit_VR=transfer_syntax == ImplicitVRLittleEndian,
            is_little_endian=little_endian,
            stop_when=lambda tag, _vr, _length: tag == _PIXEL_DATA or tag in _FLOATING_POINT_PIXEL_DATA,
            specific_tags=_TAGS,
        )
        if stream.tell() == len(data):
            raise UnsupportedPicture("The DICOM file has no pixels.")
        order = "<" if little_endian else ">"
        tag, vr, length, value_at = _element(data, stream.tell(), order, implicit=bool(dataset.original_encoding[0]))
        if tag in _FLOATING_POINT_PIXEL_DATA:
            raise UnsupportedPicture("The DICOM file has floating-point pixels, which are not read.")
        return cls(dataset, transfer_syntax, little_endian, vr, data, value_at, length, deflated)

    def native_pixels(self, length: int) -> memoryview:
        """The first `length` bytes of pixel data in the native format (PS3.5 section 8.2).

        Longer pixel data is what some devices write, and the rest means nothing. Raises `BrokenPicture` for shorter.
        """
        if self._value_length == _UNDEFINED_LENGTH:
            raise BrokenPicture("The DICOM file's pixels are compressed, though its transfer syntax says otherwise.")
        if self._value_length < length:
            raise BrokenPicture("The DICOM file has fewer pixels than its rows and columns say.")
        end = self._value_at + length
        data = self._data if self._deflated is None else _inflated(self._deflated, end)
        if len(data) < end:
            raise BrokenPicture("The DICOM file is incomplete: it ends inside its pixels.")
        return memoryview(data)[self._value_at : end]

    def encapsulated_frame(self) -> bytes:
        """The compressed frame, of which there is one: the fragments after the Basic Offset Table (PS3.5 A.4)."""
        fragments, at = [], self._value_at
        while at + 8 <= len(self._data):
            group, element, length = struct.unpack_from("<HHI", self._data, at)
            if (group << 16 | element) != _ITEM:
                break
            at += 8 + length
            if at > len(self._data):
                raise BrokenPicture("The DICOM file is incomplete: it ends inside its pixels.")
            fragments.append(memoryview(self._data)[at - length : at])
        return b"".join(fragments[1:])


class _BoundedReads(BytesIO):
    """Refuses a data set of far more elements than a picture has."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads += 1
        if self._reads > _MAX_READS:
            raise UnsupportedPicture("The DICOM file has more data elements than any picture.")
        return super().read(size)


def _file_meta(data: bytes) -> tuple[UID, int]:
    """The transfer syntax, and where the data set begins: behind the elements of group 0002, which are in explicit VR
    little endian (PS3.10 section 7.1). Without one it is the default transfer syntax (PS3.5 section 10.1)."""
    transfer_syntax, at = "", 132
    for _ in range(_MAX_META_ELEMENTS):
        if data[at : at + 2] != b"\x02\x00":
            return UID(transfer_syntax or ImplicitVRLittleEndian), at
        tag, _vr, length, value_at = _element(data, at, "<", implicit=False)
        at = value_at + length
        if tag == 0x00020010:
            transfer_syntax = data[value_at:at].rstrip(b"\0 ").decode("ascii", "replace")
    raise BrokenPicture("The DICOM file's meta information has no end.")


def _element(data: bytes, at: int, order: str, *, implicit: bool) -> tuple[int, str, int, int]:
    """Tag, VR, length of the value, and where the value begins (PS3.5 section 7.1). Raises `struct.error` at the end of
    the file."""
    group, element = struct.unpack_from(f"{order}HH", data, at)
    vr = "" if implicit else data[at + 4 : at + 6].decode("ascii", "replace")
    if implicit or vr in EXPLICIT_VR_LENGTH_32:
        at += 4 if implicit else 8
        (length,) = struct.unpack_from(f"{order}I", data, at)
        return group << 16 | element, vr, length, at + 4
    (length,) = struct.unpack_from(f"{order}H", data, at + 6)
    return group << 16 | element, vr, length, at + 8


def _inflated(deflated: memoryview, limit: int) -> bytes:
    """At most the first `limit` bytes of a deflated data set (RFC 1951)."""
    return zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(deflated, limit)
