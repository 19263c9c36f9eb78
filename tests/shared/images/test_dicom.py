"""What attributes of DICOM files mean, one by one; which transfer syntaxes are read; what is refused and why.

`test_dicom_against_dcmtk.py` compares all of that, in combination, with another implementation.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset
from support import dicom_files, pictures

from lightbox_shared.images import decode_grey
from lightbox_shared.images.dicom import decode_dicom
from lightbox_shared.images.display import read_for_display

STORED = np.array([[0, 1, 1000, 1999, 2000, 2001, 3000, 4095]], np.uint16)
RAMP = pictures.ramp(top=4095)
COLOURS = np.array([[[255, 0, 0], [0, 255, 0]], [[10, 20, 30], [255, 255, 255]]], np.uint8)


def decoded(dataset: FileDataset) -> npt.NDArray[Any]:
    return decode_dicom(pictures.dicom_bytes(dataset), max_pixels=1_000_000)


def table(descriptor: list[int], entries: npt.NDArray[Any], vr: str = "US") -> list[Dataset]:
    item = Dataset()
    item.add_new("LUTDescriptor", vr, descriptor)
    item.add_new("LUTData", "OW", entries.tobytes())
    return [item]


BYTES = (np.arange(4096) // 16).astype(np.uint8)
WORDS = (65535 - 16 * np.arange(4096)).astype(np.uint16)
WHOLE = STORED / 4095
THRESHOLD = STORED > 1999.5


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        pytest.param({}, WHOLE, id="the whole range"),
        # Modality (PS3.3 C.11.1): a slope or an intercept alone is none, with a window and without one.
        pytest.param({"RescaleSlope": "2"}, WHOLE, id="slope alone"),
        pytest.param(
            {"RescaleSlope": "2", "WindowCenter": 2000, "WindowWidth": 1}, THRESHOLD, id="slope alone, window"
        ),
        pytest.param(
            {"RescaleIntercept": "5", "WindowCenter": 2000, "WindowWidth": 1}, THRESHOLD, id="intercept alone"
        ),
        pytest.param({"RescaleSlope": "", "RescaleIntercept": "5"}, WHOLE, id="empty slope"),
        pytest.param({"RescaleSlope": "0", "RescaleIntercept": "5"}, WHOLE, id="slope 0"),
        pytest.param(
            {"RescaleSlope": "0.001", "RescaleIntercept": "1", "WindowCenter": "3.0005", "WindowWidth": 1},
            STORED > 1500,
            id="fractional slope",
        ),
        pytest.param({"RescaleSlope": "-1", "RescaleIntercept": "0"}, 1 - WHOLE, id="negative slope"),
        pytest.param({"ModalityLUTSequence": table([4096, 0, 16], WORDS)}, WORDS[STORED] / 65535, id="modality LUT"),
        pytest.param(
            {"ModalityLUTSequence": table([4096, 0, 8], BYTES)}, BYTES[STORED] / 255, id="modality LUT, bytes"
        ),
        # VOI LUT (C.11.2.1.1)
        pytest.param({"VOILUTSequence": table([4096, 0, 8], BYTES)}, BYTES[STORED] / 255, id="8 bits over 12"),
        pytest.param(
            {"VOILUTSequence": table([4096, 0, 8], BYTES.astype(np.uint16))}, BYTES[STORED] / 255, id="8 bits in words"
        ),
        pytest.param({"VOILUTSequence": table([4096, 0, 12], WORDS)}, WORDS[STORED] / 65535, id="wider than it says"),
        pytest.param({"VOILUTSequence": table([4096, 0, 0], WORDS)}, WORDS[STORED] / 65535, id="no width"),
        pytest.param(
            {"VOILUTSequence": table([2, 2000, 16], np.array([0, 65535], np.uint16))}, STORED > 2000, id="two entries"
        ),
        pytest.param(
            {
                "VOILUTSequence": table([4096, 0x10000 - 2048, 16], WORDS),
                "RescaleSlope": "1",
                "RescaleIntercept": "-2048",
            },
            WORDS[STORED] / 65535,
            id="first value -2048 written as unsigned",
        ),
        pytest.param(
            {"VOILUTSequence": table([4096, 0, 16], WORDS), "WindowCenter": 0, "WindowWidth": 1},
            WORDS[STORED] / 65535,
            id="a LUT goes before a window",
        ),
        # Windows (C.11.2.1.2, C.11.2.1.3)
        pytest.param({"WindowCenter": 2000, "WindowWidth": 0}, WHOLE, id="width 0"),
        pytest.param({"WindowCenter": 2000, "WindowWidth": "0.5"}, WHOLE, id="width below 1"),
        pytest.param({"WindowCenter": 2000, "WindowWidth": -5}, WHOLE, id="negative width"),
        pytest.param({"WindowCenter": 2000, "WindowWidth": ""}, WHOLE, id="empty width"),
        pytest.param({"WindowCenter": 2000, "WindowWidth": 1}, THRESHOLD, id="width 1"),
        pytest.param({"WindowCenter": 2000, "WindowWidth": 3}, [[0, 0, 0, 0.25, 0.75, 1, 1, 1]], id="LINEAR"),
        pytest.param(
            {"WindowCenter": 2000, "WindowWidth": 4, "VOILUTFunction": "LINEAR_EXACT"},
            [[0, 0, 0, 0.25, 0.5, 0.75, 1, 1]],
            id="LINEAR_EXACT",
        ),
        pytest.param(
            {"WindowCenter": 2000, "WindowWidth": "0.5", "VOILUTFunction": "LINEAR_EXACT"},
            [[0, 0, 0, 0, 0.5, 1, 1, 1]],
            id="LINEAR_EXACT below 1",
        ),
        pytest.param(
            {"WindowCenter": 2000, "WindowWidth": 4, "VOILUTFunction": "SIGMOID"},
            1 / (1 + np.exp(-np.clip(STORED - 2000.0, -700, 700))),
            id="SIGMOID",
        ),
        pytest.param({"WindowCenter": [2000, 7], "WindowWidth": [1, 9]}, THRESHOLD, id="the first of two windows"),
        # Presentation (C.11.6.1.2, C.7.6.3.1.2)
        pytest.param({"PhotometricInterpretation": "MONOCHROME1"}, 1 - WHOLE, id="MONOCHROME1"),
        pytest.param({"PresentationLUTShape": "INVERSE"}, 1 - WHOLE, id="INVERSE"),
        pytest.param(
            {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}, 1 - WHOLE, id="once"
        ),
        # Words of memory (PS3.5 8.1.1)
        pytest.param({"PixelData": (STORED << 4 | 0xF).tobytes(), "HighBit": 15}, WHOLE, id="high bit 15"),
        pytest.param({"PixelData": (STORED << 2 | 3).tobytes(), "HighBit": 13}, WHOLE, id="high bit 13"),
        pytest.param({"PixelData": (STORED | 0xF000).tobytes()}, WHOLE, id="an overlay above the stored bits"),
        pytest.param({"HighBit": None}, WHOLE, id="no high bit"),
        pytest.param({"NumberOfFrames": ""}, WHOLE, id="empty number of frames"),
        pytest.param({"PixelPaddingValue": 0}, WHOLE, id="padding is shown"),
        pytest.param({"PixelData": STORED.tobytes() + b"\xff" * 100}, WHOLE, id="more pixels than it has"),
        pytest.param(
            {"PixelData": (STORED.astype(np.uint32) << 20).tobytes(), "BitsAllocated": 32, "BitsStored": 32},
            WHOLE,
            id="32 bits",
        ),
    ],
)
def test_grey_values(attributes: dict[str, Any], expected: Any) -> None:
    dataset = pictures.dicom_dataset(STORED)
    if attributes.get("BitsAllocated") == 32:
        attributes = {**attributes, "HighBit": 31}
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    np.testing.assert_allclose(decoded(dataset), expected, atol=3e-4)


def test_a_table_for_each_word_shows_the_same_as_a_calculation_for_each_pixel() -> None:
    """Of many pixels the first is quicker, of few the second."""
    dataset = pictures.dicom_dataset(RAMP)
    large = pictures.dicom_dataset(np.tile(RAMP, (30, 1)))
    for each in (dataset, large):
        each.RescaleSlope, each.RescaleIntercept = "0.7", "-3.3"
        each.WindowCenter, each.WindowWidth, each.VOILUTFunction = "900.1", "511.7", "SIGMOID"
    np.testing.assert_array_equal(decoded(large), np.tile(decoded(dataset), (30, 1)))


def colour(photometric: str, samples: npt.NDArray[Any], *, planar: int = 0) -> FileDataset:
    dataset = pictures.dicom_dataset(samples[..., 0], bits=samples.dtype.itemsize * 8, photometric=photometric)
    dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, planar
    dataset.PixelData = (np.moveaxis(samples, -1, 0) if planar else samples).tobytes()
    return dataset


def with_palette() -> FileDataset:
    dataset = pictures.dicom_dataset(np.array([[7, 8], [9, 200]], np.uint8), bits=8, photometric="PALETTE COLOR")
    for channel, name in enumerate(dicom_files.COLOURS):
        dataset.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", [4, 7, 16])
        entries = COLOURS.reshape(4, 3)[:, channel].astype("<u2") * 257
        dataset.add_new(f"{name}PaletteColorLookupTableData", "OW", entries.tobytes())
    return dataset


YBR = np.array([[[76, 85, 255], [150, 44, 21]], [[18, 135, 122], [255, 128, 128]]], np.uint8)


@pytest.mark.parametrize(
    ("dataset", "tolerance"),
    [
        pytest.param(colour("RGB", COLOURS), 0, id="RGB by pixel"),
        pytest.param(colour("RGB", COLOURS, planar=1), 0, id="RGB by plane"),
        pytest.param(colour("RGB", COLOURS.astype(np.uint16) * 257), 0, id="RGB of 16 bits"),
        pytest.param(colour("YBR_FULL", YBR), 2, id="YBR_FULL by pixel"),
        pytest.param(colour("YBR_FULL", YBR, planar=1), 2, id="YBR_FULL by plane"),
        pytest.param(with_palette(), 0, id="palette"),
    ],
)
def test_colours(dataset: FileDataset, tolerance: int) -> None:
    found = decoded(dataset)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found.astype(int), COLOURS, atol=tolerance)


def test_two_pixels_share_the_chrominance_of_ybr_full_422() -> None:
    dataset = colour("YBR_FULL_422", YBR)
    dataset.PixelData = bytes([76, 76, 85, 255, 18, 255, 128, 128])
    np.testing.assert_allclose(decoded(dataset).astype(int), [[[255, 0, 0]] * 2, [[18] * 3, [255] * 3]], atol=1)


def test_a_picture_in_colour_is_shown_in_colour_and_read_by_its_luminance() -> None:
    data = pictures.dicom_bytes(colour("RGB", COLOURS))
    assert np.array_equal(np.asarray(read_for_display(data, max_pixels=100).image), COLOURS)
    grey = decode_grey(data, max_pixels=100).image
    assert (grey.mode, grey.getpixel((0, 0)), grey.getpixel((1, 1))) == ("L", 76, 255)


def jpeg(samples: npt.NDArray[Any], **options: Any) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(samples, **options))


def jpeg_2000(samples: npt.NDArray[Any], **options: Any) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(samples, codecformat="j2k", reversible=True, bitspersample=12, **options))


@pytest.mark.parametrize(
    ("transfer_syntax", "encode", "tolerance"),
    [
        pytest.param("1.2.840.10008.1.2.4.51", lambda s: jpeg(s, level=98, bitspersample=12), 10, id="Extended"),
        pytest.param("1.2.840.10008.1.2.4.57", lambda s: jpeg(s, lossless=True, bitspersample=12), 0, id="Lossless"),
        pytest.param("1.2.840.10008.1.2.4.70", lambda s: jpeg(s, lossless=True, predictor=1, bitspersample=12), 0),
        pytest.param("1.2.840.10008.1.2.4.80", imagecodecs.jpegls_encode, 0, id="JPEG-LS"),
        pytest.param("1.2.840.10008.1.2.4.81", lambda s: imagecodecs.jpegls_encode(s, 2), 2, id="JPEG-LS near"),
        pytest.param("1.2.840.10008.1.2.4.90", jpeg_2000, 0, id="JPEG 2000 lossless"),
        pytest.param("1.2.840.10008.1.2.4.91", lambda s: jpeg_2000(s, level=60), 16, id="JPEG 2000"),
        pytest.param("1.2.840.10008.1.2.4.201", imagecodecs.htj2k_encode, 0, id="HTJ2K lossless"),
        pytest.param("1.2.840.10008.1.2.4.202", imagecodecs.htj2k_encode, 0, id="HTJ2K RPCL"),
        pytest.param("1.2.840.10008.1.2.4.203", lambda s: imagecodecs.htj2k_encode(s, reversible=False), 8, id="HTJ2K"),
    ],
)
def test_compressed_transfer_syntaxes(
    transfer_syntax: str, encode: Callable[[npt.NDArray[Any]], bytes], tolerance: float
) -> None:
    data = pictures.dicom_encapsulated(pictures.dicom_dataset(RAMP), encode(RAMP), transfer_syntax)
    found = decode_dicom(data, max_pixels=1_000_000)
    np.testing.assert_allclose(found, RAMP / 4095, atol=(tolerance + 0.01) / 4095)


@pytest.mark.parametrize("transfer_syntax", dicom_files.NATIVE)
def test_native_transfer_syntaxes(transfer_syntax: Any) -> None:
    found = decode_dicom(dicom_files.file_of(pictures.dicom_dataset(RAMP), transfer_syntax), max_pixels=1_000_000)
    np.testing.assert_allclose(found, RAMP / 4095, atol=1e-6)


def test_signed_values_in_jpeg_2000() -> None:
    signed = RAMP.astype(np.int16) - 2048
    data = pictures.dicom_encapsulated(pictures.dicom_dataset(signed), jpeg_2000(signed), "1.2.840.10008.1.2.4.90")
    np.testing.assert_allclose(decode_dicom(data, max_pixels=1_000_000), RAMP / 4095, atol=1e-6)


@pytest.mark.parametrize("mct", [True, False])
def test_colours_in_jpeg_2000(mct: bool) -> None:
    rgb = np.repeat(np.repeat(COLOURS, 20, axis=0), 20, axis=1)
    frame = imagecodecs.jpeg2k_encode(rgb, codecformat="j2k", reversible=True, mct=mct)
    data = pictures.dicom_encapsulated(colour("YBR_RCT" if mct else "RGB", rgb), frame, "1.2.840.10008.1.2.4.90")
    assert np.array_equal(decode_dicom(data, max_pixels=1_000_000), rgb)


def test_a_mislabelled_process_is_recognised_by_its_codestream() -> None:
    data = pictures.dicom_encapsulated(
        pictures.dicom_dataset(RAMP), imagecodecs.jpegls_encode(RAMP), "1.2.840.10008.1.2.4.70"
    )
    np.testing.assert_allclose(decode_dicom(data, max_pixels=1_000_000), RAMP / 4095, atol=1e-6)
    assert pydicom.dcmread(BytesIO(data)).file_meta.TransferSyntaxUID.name.startswith("JPEG Lossless")
