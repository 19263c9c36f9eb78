"""DICOM files that are refused, each with the true reason, and hostile ones, which cost little."""

import struct
import subprocess
import sys
import tracemalloc
import zlib
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian
from support import dicom_files, pictures

from lightbox_shared.images import BrokenPicture, PictureError, UnsupportedPicture
from lightbox_shared.images.dicom import decode_dicom, inspect_dicom

RAMP = pictures.ramp(top=4095)


def jpeg(samples: npt.NDArray[Any], **options: Any) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(samples, **options))


def changed(**attributes: Any) -> bytes:
    dataset = pictures.dicom_dataset(RAMP)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return pictures.dicom_bytes(dataset)


def without_end(frame: bytes) -> bytes:
    return frame[: len(frame) // 2]


MPEG = pictures.dicom_encapsulated(pictures.dicom_dataset(RAMP), b"\0\0\1\xb3", "1.2.840.10008.1.2.4.100")
PRIVATE = pictures.dicom_encapsulated(pictures.dicom_dataset(RAMP), b"\0\0\1\xb3", "1.2.3.4.5")


def eight_bits() -> FileDataset:
    return pictures.dicom_dataset(RAMP.astype(np.uint8), bits=8)


def hidden_frame_header() -> bytes:
    """A JPEG that is larger than it says to those who take the marker TEM, which has no length, for a segment."""
    frame = jpeg(np.zeros((96, 128), np.uint8))
    seen = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, 48, 64, 1) + b"\x01\x11\x00"
    comments = [bytes(65_522), bytes(4) + seen]
    segments = b"".join(b"\xff\xfe" + struct.pack(">H", 2 + len(each)) + each for each in comments)
    return frame[:2] + b"\xff\x01" + segments + frame[2:]


@pytest.mark.parametrize(
    ("data", "error", "reason"),
    [
        (
            pictures.dicom_encapsulated(eight_bits(), hidden_frame_header(), "1.2.840.10008.1.2.4.50"),
            BrokenPicture,
            "are damaged",
        ),
        (MPEG, UnsupportedPicture, r"MPEG2 .*\(1\.2\.840\.10008\.1\.2\.4\.100\), is not read"),
        (PRIVATE, UnsupportedPicture, r"transfer syntax, 1\.2\.3\.4\.5, is not read"),
        (changed(NumberOfFrames=2), UnsupportedPicture, "several frames"),
        (changed(PhotometricInterpretation="HSV"), UnsupportedPicture, "HSV, is not read"),
        (changed(BitsAllocated=64, BitsStored=64, HighBit=63), UnsupportedPicture, "64 bits allocated"),
        (changed(SamplesPerPixel=3), BrokenPicture, "3 samples a pixel, and MONOCHROME2"),
        (changed(HighBit=3), BrokenPicture, "12 bits stored, high bit 3"),
        (changed(Rows=49), BrokenPicture, "fewer pixels than its rows and columns"),
        (changed(WindowCenter="NaN", WindowWidth="1"), BrokenPicture, "WindowCenter is not a number"),
        (pictures.dicom(RAMP)[:-1000], BrokenPicture, "ends inside its pixels"),
        (pictures.dicom_without_pixels(), UnsupportedPicture, "has no pixels"),
        (
            pictures.dicom_encapsulated(
                pictures.dicom_dataset(RAMP),
                without_end(jpeg(RAMP, lossless=True, bitspersample=12)),
                "1.2.840.10008.1.2.4.70",
            ),
            BrokenPicture,
            "compressed pixels have no end",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_reason_of_a_refusal_is_true(data: bytes, error: type[PictureError], reason: str) -> None:
    with pytest.raises(error, match=reason):
        decode_dicom(data, max_pixels=1_000_000)


def before_the_pixels(elements: bytes) -> bytes:
    """The file with other elements, in explicit VR little endian, in front of its pixel data."""
    data = pictures.dicom(RAMP)
    at = data.index(b"\xe0\x7f\x10\x00")
    return data[:at] + elements + data[at:]


def many_precincts() -> bytes:
    """The headers of 3000 x 3000 pixels of JPEG 2000 with precincts of 2 x 2 (T.800 A.5.1, A.6.1, A.6.4)."""
    size = struct.pack(">HIIIIIIIIH", 0, 3000, 3000, 0, 0, 3000, 3000, 0, 0, 1) + bytes([15, 1, 1])
    style = bytes([1, 0, 0, 1, 0, 5, 2, 2, 0, 1]) + bytes([0x11] * 6)
    quantisation = bytes([0x40]) + bytes([8 << 3] * 16)
    segments = [(0xFF51, size), (0xFF52, style), (0xFF5C, quantisation)]
    headers = b"".join(struct.pack(">HH", marker, 2 + len(body)) + body for marker, body in segments)
    frame = b"\xff\x4f" + headers + struct.pack(">HHHIBB", 0xFF90, 10, 0, 14, 0, 1) + b"\xff\x93\xff\xd9"
    dataset = pictures.dicom_dataset(RAMP, bits=16)
    dataset.Rows = dataset.Columns = 3000
    return pictures.dicom_encapsulated(dataset, frame, "1.2.840.10008.1.2.4.90")


def deflated_zeros() -> bytes:
    data = dicom_files.file_of(pictures.dicom_dataset(RAMP), DeflatedExplicitVRLittleEndian)
    begins_at = 132 + 12 + int.from_bytes(data[140:144], "little")
    data_set = zlib.decompress(data[begins_at:], -zlib.MAX_WBITS)
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    many = deflate.compress(data_set + bytes(400 * 2**20)) + deflate.flush()
    return data[:begins_at] + many


# An item without an end costs pydicom an object: of a sequence (0008,1140) that nobody asks for, and of the VOI LUTs.
ITEMS = b"\xfe\xff\x00\xe0\0\0\0\0" * 200_000
REFERENCES = before_the_pixels(b"\x29\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + ITEMS + b"\xfe\xff\xdd\xe0\0\0\0\0")
TABLES = before_the_pixels(b"\x28\x00\x10\x30SQ\0\0" + struct.pack("<I", len(ITEMS)) + ITEMS)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(many_precincts(), "smaller precincts", id="precincts"),
        pytest.param(REFERENCES, "more data elements", id="items of a sequence"),
        pytest.param(TABLES, "VOILUTSequence is larger", id="VOI LUTs"),
        pytest.param(deflated_zeros(), None, id="deflated zeros behind the pixels"),
    ],
)
def test_a_small_file_does_not_take_much_memory(data: bytes, reason: str | None) -> None:
    tracemalloc.start()
    try:
        if reason is None:
            decode_dicom(data, max_pixels=10_000_000)
        else:
            with pytest.raises(UnsupportedPicture, match=reason):
                decode_dicom(data, max_pixels=10_000_000)
        assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    finally:
        tracemalloc.stop()


def test_a_large_picture_is_decoded_with_little_more_memory_than_its_pixels() -> None:
    stored = np.tile(RAMP, (40, 30))  # 7 MB; the result, of 32 bits a pixel, has twice that
    data = pictures.dicom(stored)
    decode_dicom(pictures.dicom(RAMP), max_pixels=10_000_000)
    tracemalloc.start()
    try:
        decode_dicom(data, max_pixels=10_000_000)
        assert tracemalloc.get_traced_memory()[1] < 3.5 * stored.nbytes
    finally:
        tracemalloc.stop()


def test_the_size_is_found_without_the_pixels() -> None:
    for transfer_syntax in dicom_files.NATIVE:
        data = dicom_files.file_of(pictures.dicom_dataset(RAMP), transfer_syntax)
        assert inspect_dicom(data) == (64, 48)
    assert inspect_dicom(MPEG) == (64, 48)
    with pytest.raises(UnsupportedPicture, match="no pixels"):
        inspect_dicom(pictures.dicom_without_pixels())


def test_what_pydicom_finds_odd_is_neither_logged_nor_kept() -> None:
    """Runs in a process of its own, since pytest sets filters of warnings."""
    odd = """
import sys
from lightbox_shared.images.dicom import decode_dicom
print(decode_dicom(sys.stdin.buffer.read(), max_pixels=1_000_000).shape)
"""
    data = dicom_files.file_of(pictures.dicom_dataset(RAMP), ImplicitVRLittleEndian)
    mislabelled = data.replace(b"1.2.840.10008.1.2\0", b"1.2.840.10008.1.2.1\0", 1)
    meta = bytearray(mislabelled)
    length = data.index(b"1.2.840.10008.1.2\0") - 2
    meta[length : length + 2] = (20).to_bytes(2, "little")
    run = subprocess.run(
        [sys.executable, "-W", "default", "-c", odd], input=bytes(meta), capture_output=True, check=True
    )
    assert (run.stdout, run.stderr) == (b"(48, 64)\n", b"")
