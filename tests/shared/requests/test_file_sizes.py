"""The limits of files, and of the bodies that carry them."""

import json
from base64 import b64encode, encodebytes

import cbor2
from hypothesis import given
from hypothesis import strategies as st

from lightbox_shared.config import Settings
from lightbox_shared.requests.file_sizes import DECIDING_BYTES, KB, MB, FileSizes, in_megabytes

SIZES = st.builds(FileSizes, st.integers(1000, 5000), st.integers(1000, 5000))


def beginning(size: int, *, dicom: bool) -> bytes:
    """A file of a size, random behind its first bytes."""
    return (bytes(DECIDING_BYTES - 4) + (b"DICM" if dicom else b"DCIM")).ljust(size, b"\xff")


@given(SIZES, st.booleans())
def test_every_body_with_a_file_of_the_allowed_size_is_accepted(sizes: FileSizes, dicom: bool) -> None:
    limit = sizes.limit_of(beginning(DECIDING_BYTES, dicom=dicom))
    assert limit == (sizes.dicom if dicom else sizes.raster)
    data = beginning(limit, dicom=dicom)
    assert sizes.limit_of(data) == limit
    others = {"deviceId": "x" * 255, "timestamp": "2026-11-28T00:00:00Z"}
    in_lines = json.dumps({**others, "imageData": encodebytes(data).decode()}).replace("/", "\\/")
    assert len(in_lines) <= sizes.json_document
    in_cbor = [cbor2.dumps({**others, "imageData": each}) for each in (data, b64encode(data).decode())]
    assert all(len(each) <= sizes.cbor_document for each in in_cbor)
    if not dicom:
        assert all(len(each.hex()) <= sizes.cbor_document for each in in_cbor)
    assert limit + 10 * KB <= sizes.form <= sizes.form_of_several


def test_what_is_too_short_is_measured_like_other_files() -> None:
    assert FileSizes(1, 2).limit_of(b"") == 1
    assert FileSizes(1, 2).limit_of(bytes(DECIDING_BYTES - 4) + b"DIC") == 1


def test_limits_are_said_as_they_are() -> None:
    assert [in_megabytes(each) for each in (20 * MB, 64 * MB, MB, 3 * MB // 2, 2 * MB - 1, MB - 1, 1000)] == [
        "20 MB",
        "64 MB",
        "1 MB",
        "1.5 MB",
        "1.9 MB",
        "1,048,575 bytes",
        "1,000 bytes",
    ]


def test_by_default_radiographs_are_larger_than_photographs() -> None:
    assert Settings().file_sizes == FileSizes(20 * MB, 64 * MB)
