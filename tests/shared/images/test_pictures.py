"""Decoding: the values of each format, and files from hostile or careless clients."""

import contextlib
import struct
import subprocess
import sys
import time
import tracemalloc
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian
from support import pictures

from lightbox_shared.images import (
    MediaType,
    PictureError,
    PictureTooLarge,
    UnsupportedPicture,
    decode_grey,
)
from lightbox_shared.images.display import check_picture

LIMIT = 50_000_000


def values(data: bytes) -> np.ndarray:
    """The decoded pixels in [0, 1]."""
    image = decode_grey(data, max_pixels=LIMIT).image
    grey = np.asarray(image, dtype=np.float64)
    return grey / 255 if image.mode == "L" else grey


EXPECTED = pictures.ramp().astype(np.float64) / 255
GREY = pictures.GREY


@pytest.mark.parametrize(
    ("data", "media_type", "tolerance"),
    [
        (pictures.encoded(GREY, "PNG"), MediaType.PNG, 0),
        (pictures.encoded(GREY.convert("RGB"), "PNG"), MediaType.PNG, 0.003),
        (pictures.encoded(GREY.convert("P"), "PNG"), MediaType.PNG, 0.003),
        (pictures.encoded(GREY, "JPEG", quality=95), MediaType.JPEG, 0.02),
        (pictures.encoded(GREY.convert("RGB"), "WEBP", lossless=True), MediaType.WEBP, 0.003),
        (pictures.encoded(GREY.convert("RGB"), "WEBP", quality=95), MediaType.WEBP, 0.04),
        (pictures.encoded(GREY, "TIFF", compression="tiff_lzw"), MediaType.TIFF, 0),
        (pictures.encoded(GREY, "BMP"), MediaType.BMP, 0),
    ],
)
def test_eight_bit_formats(data: bytes, media_type: MediaType, tolerance: float) -> None:
    assert decode_grey(data, max_pixels=LIMIT).media_type is media_type
    assert np.abs(values(data) - EXPECTED).max() <= tolerance


def test_sixteen_bits_keep_their_precision() -> None:
    stored = pictures.ramp(width=1000, top=65535)
    for format_name in ("PNG", "TIFF"):
        found = values(pictures.encoded(Image.fromarray(stored), format_name))
        assert np.abs(found - stored / 65535).max() < 1e-6
        assert len(np.unique(found)) == 1000


def test_transparent_parts_are_black() -> None:
    picture = Image.new("LA", (4, 4), (255, 255))
    picture.putpixel((0, 0), (255, 0))
    found = values(pictures.encoded(picture, "PNG"))
    assert found[0, 0] == 0
    assert found[1, 1] == 1


def test_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned clockwise
    found = values(pictures.encoded(GREY, "JPEG", quality=95, exif=exif))
    assert found.shape == (64, 48)
    assert np.abs(found - np.rot90(EXPECTED, -1)).max() < 0.03


def test_draft_decoding_is_close_to_the_whole_and_repeatable() -> None:
    large = Image.fromarray(pictures.ramp(1024, 1024).astype(np.uint8))
    data = pictures.encoded(large, "JPEG", quality=90)
    draft = decode_grey(data, max_pixels=LIMIT, min_size=(224, 224)).image
    assert draft.size == (256, 256)
    again = decode_grey(data, max_pixels=LIMIT, min_size=(224, 224)).image
    assert draft.tobytes() == again.tobytes()
    assert np.abs(np.asarray(draft, float) - np.asarray(large.resize((256, 256)), float)).max() < 4


STORED = pictures.ramp(top=4095)


def test_dicom_monochrome2_and_1() -> None:
    np.testing.assert_allclose(values(pictures.dicom(STORED)), STORED / 4095, atol=1e-6)
    np.testing.assert_allclose(values(pictures.dicom(STORED, photometric="MONOCHROME1")), 1 - STORED / 4095, atol=1e-6)


def test_dicom_window_is_the_standards_linear_function() -> None:
    dataset = pictures.dicom_dataset(STORED)
    dataset.WindowCenter, dataset.WindowWidth = 2048, 2048
    # PS3.3 C.11.2.1.2.1
    expected = np.clip((STORED - (2048 - 0.5)) / (2048 - 1) + 0.5, 0, 1)
    np.testing.assert_allclose(values(pictures.dicom_bytes(dataset)), expected, atol=1e-5)


def test_dicom_rescale_and_signed_values() -> None:
    signed = (STORED.astype(np.int32) - 2048).astype(np.int16)
    np.testing.assert_allclose(values(pictures.dicom(signed)), STORED / 4095, atol=1e-6)
    dataset = pictures.dicom_dataset(STORED)
    dataset.RescaleSlope, dataset.RescaleIntercept = "2", "-1000"
    np.testing.assert_allclose(values(pictures.dicom_bytes(dataset)), STORED / 4095, atol=1e-6)
    dataset.RescaleSlope, dataset.RescaleIntercept = "-1", "4095"
    np.testing.assert_allclose(values(pictures.dicom_bytes(dataset)), 1 - STORED / 4095, atol=1e-6)


def test_dicom_voi_lut_sequence() -> None:
    dataset = pictures.dicom_dataset(STORED)
    lut = pydicom.Dataset()
    lut.LUTDescriptor = [4096, 0, 16]
    lut["LUTDescriptor"].VR = "US"
    lut.add_new("LUTData", "OW", (65535 - np.arange(4096) * 16).astype("<u2").tobytes())
    dataset.VOILUTSequence = [lut]
    expected = (65535 - STORED.astype(float) * 16) / 65535
    np.testing.assert_allclose(values(pictures.dicom_bytes(dataset)), expected, atol=1e-5)


def test_dicom_compressed_transfer_syntaxes(tmp_path: Path) -> None:
    np.testing.assert_allclose(values(pictures.dicom_rle(STORED)), STORED / 4095, atol=1e-6)
    np.testing.assert_allclose(values(pictures.dicom_jpeg_lossless(STORED, tmp_path)), STORED / 4095, atol=1e-6)
    sixteen = pictures.ramp(top=65535)
    np.testing.assert_allclose(values(pictures.dicom_jpeg2000(sixteen)), sixteen / 65535, atol=1e-6)


def test_browsers_get_a_png_of_the_same_picture() -> None:
    preview = check_picture(pictures.dicom(STORED), max_pixels=LIMIT).preview
    assert preview is not None
    shown = Image.open(BytesIO(preview.data))
    assert shown.format == "PNG"
    assert np.abs(np.asarray(shown, float) / 255 - STORED / 4095).max() < 0.003


FRAMES = pictures.dicom_dataset(STORED)
FRAMES.NumberOfFrames = 2
LIAR = pydicom.dcmread(BytesIO(pictures.dicom_jpeg2000(pictures.ramp(top=65535))))
LIAR.Rows, LIAR.Columns = 8, 8
# A JP2 file instead of the bare codestream: its boxes would hide the size that is checked before decoding.
BOXED = pydicom.dcmread(BytesIO(pictures.dicom_jpeg2000(pictures.ramp(top=65535))))
BOXED.PixelData = pydicom.encaps.encapsulate([pictures.encoded(Image.fromarray(pictures.ramp(700, 600)), "JPEG2000")])
BOXED["PixelData"].is_undefined_length = True
DEFLATED = pictures.dicom_dataset(STORED)
DEFLATED.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
RLE_BOMB = pydicom.dcmread(BytesIO(pictures.dicom_rle(STORED)))
RLE_BOMB.PixelData = pydicom.encaps.encapsulate([b"\1\0\0\0\x40" + b"\0" * 59 + b"\x81\0" * 3_000_000])
RLE_BOMB["PixelData"].is_undefined_length = True


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"I am no picture at all\n" * 20, id="text"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="svg"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"text named .png", id="only-a-signature"),
        pytest.param(pictures.png()[:-40], id="truncated-png"),
        pytest.param(pictures.encoded(GREY, "JPEG")[:-100], id="truncated-jpeg"),
        pytest.param(pictures.encoded(GREY, "JPEG")[:20], id="jpeg-header"),
        pytest.param(pictures.encoded(GREY, "TIFF")[:-300], id="truncated-tiff"),
        pytest.param(pictures.encoded(GREY.convert("RGB"), "WEBP")[:40], id="truncated-webp"),
        pytest.param(pictures.encoded(GREY, "BMP")[:-100], id="truncated-bmp"),
        pytest.param(pictures.png_claiming(60_000, 60_000), id="png-claims-60000"),
        pytest.param(pictures.tiff_with_bomb(60_000), id="tiff-bomb"),
        pytest.param(b"RIFF\xff\xff\xff\xffWEBPVP8X\n\0\0\0\0\0\0\0" + b"\xff" * 60, id="webp-claims-16m"),
        pytest.param(pictures.gif(300), id="gif"),
        pytest.param(pictures.encoded(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"), id="float-tiff"),
        pytest.param(pictures.dicom(STORED)[:-1000], id="truncated-dicom"),
        pytest.param(pictures.dicom(STORED)[:200], id="dicom-meta-only"),
        pytest.param(pictures.dicom_rle(STORED)[:-300], id="truncated-rle"),
        pytest.param(pictures.dicom_jpeg2000(pictures.ramp(top=65535))[:-300], id="truncated-jpeg2000"),
        pytest.param(pictures.dicom_without_pixels(), id="dicom-without-pixels"),
        pytest.param(pictures.dicom_bytes(FRAMES), id="dicom-frames"),
        pytest.param(pictures.dicom_bytes(LIAR), id="dicom-liar"),
        pytest.param(pictures.dicom(STORED, photometric="YBR_FULL"), id="dicom-colour"),
        pytest.param(pictures.dicom_bytes(BOXED), id="dicom-with-a-jp2-file-inside"),
        pytest.param(pictures.dicom_bytes(DEFLATED)[:-40], id="truncated-deflated-dicom"),
        pytest.param(pictures.dicom_bytes(RLE_BOMB), id="dicom-rle-bomb"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_bad_pictures_get_a_sentence_quickly_and_cheaply(data: bytes) -> None:
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(PictureError, match=r"^[A-Z].*\.$"):
            decode_grey(data, max_pixels=LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 600 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 20


def test_the_limit_counts_pixels() -> None:
    with pytest.raises(PictureTooLarge, match="64 x 48"):
        decode_grey(pictures.png(64, 48), max_pixels=64 * 48 - 1)
    assert decode_grey(pictures.png(64, 48), max_pixels=64 * 48).image.size == (64, 48)
    big = pictures.dicom_dataset(STORED)
    big.Rows, big.Columns = 60_000, 60_000
    with pytest.raises(PictureTooLarge):
        decode_grey(pictures.dicom_bytes(big), max_pixels=LIMIT)


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    data = pictures.encoded(GREY, "JPEG", progressive=True)
    scan = data.index(b"\xff\xda")
    with pytest.raises(UnsupportedPicture, match="scans"):
        decode_grey(data[:scan] + data[scan:-2] * 200 + data[-2:], max_pixels=LIMIT)


def test_what_pillow_finds_odd_is_neither_logged_nor_kept() -> None:
    """Runs in a process of its own, since pytest sets filters of warnings."""
    odd = """
import sys
from PIL import TiffImagePlugin
from lightbox_shared.images import PictureError, decode_grey
try:
    decode_grey(sys.stdin.buffer.read(), max_pixels=1_000_000)
except PictureError:
    pass
warned = getattr(TiffImagePlugin, "__warningregistry__", {})
print(len([each for each in warned if each != "version"]))
"""
    data = pictures.encoded(GREY, "TIFF")
    directory = int.from_bytes(data[4:8], "little")
    entries = int.from_bytes(data[directory : directory + 2], "little")
    last = directory + 2 + 12 * (entries - 1)
    entry = struct.pack("<HHII", 65_000, 2, 1000, len(data))  # a text that would be behind the end of the file
    run = subprocess.run(
        [sys.executable, "-W", "default", "-c", odd],
        input=data[:last] + entry + data[last + 12 :],
        capture_output=True,
        check=True,
    )
    assert (run.stdout.split(), run.stderr) == ([b"0"], b"")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_random_damage_is_always_a_picture_or_an_error() -> None:
    generator = np.random.default_rng(7)
    originals = [pictures.png(), pictures.encoded(GREY, "TIFF"), pictures.dicom(STORED), pictures.dicom_rle(STORED)]
    for original in originals:
        for _ in range(60):
            damaged = bytearray(original)
            for at in generator.integers(8, len(damaged), size=6):
                damaged[at] = generator.integers(256)
            with contextlib.suppress(PictureError):
                decode_grey(bytes(damaged), max_pixels=LIMIT)
