"""Windows: how they are written, what they make of samples of more than 8 bits, and what a viewer learns of a picture.

`test_dicom_against_dcmtk.py` has what they make of the values of DICOM.
"""

from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pydicom.dataset import Dataset, FileDataset
from support import pictures, raster_files
from support.properties import property_settings
from support.raster_expectations import turned
from support.raster_files import TiffOptions

from lightbox_shared.images import MediaType, PictureError, decode_grey
from lightbox_shared.images.decoding import decode, read_grey_values
from lightbox_shared.images.display import render
from lightbox_shared.images.windows import GreyValues, NamedWindow, Window, WindowFunction, WindowNotApplicable

LIMIT = 10_000_000
Values = npt.NDArray[Any]
RAMP = pictures.ramp(64, 48, 65535)
JPEG_12_BITS = bytes(imagecodecs.jpeg8_encode(pictures.ramp(64, 48, 4095), bitspersample=12))


def shown(data: bytes, window: Window | None = None, viewport: tuple[int, int] | None = None) -> Values:
    """The pixels of the file that browsers get."""
    picture = render(data, max_pixels=LIMIT, window=window, viewport=viewport)
    with Image.open(BytesIO(picture.data)) as image:
        assert image.info.keys() <= {"icc_profile", "jfif", "jfif_version", "jfif_unit", "jfif_density"}
        return np.asarray(image).astype(np.int64)


def expected(samples: Values, window: Window) -> npt.NDArray[np.float64]:
    """Each sample by the words of PS3.3 C.11.2.1.2.1 and C.11.2.1.3, for an output from 0 to 255."""
    x, c, w = samples.astype(np.float64), window.center, window.width
    if window.function is WindowFunction.SIGMOID:
        with np.errstate(over="ignore"):
            return np.asarray(255 / (1 + np.exp(-4 * (x - c) / w)))
    if window.function is WindowFunction.LINEAR_EXACT:
        black, white, grey = x <= c - w / 2, x > c + w / 2, ((x - c) / w + 0.5) * 255
    else:
        black, white = x <= c - 0.5 - (w - 1) / 2, x > c - 0.5 + (w - 1) / 2
        grey = ((x - (c - 0.5)) / max(w - 1, 1e-9) + 0.5) * 255
    return np.where(black, 0, np.where(white, 255, grey))


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("40,400,linear", Window(40, 400, WindowFunction.LINEAR)),
        ("-600.5,1,linear", Window(-600.5, 1, WindowFunction.LINEAR)),
        ("1e3, .25 ,linear-exact", Window(1000, 0.25, WindowFunction.LINEAR_EXACT)),
        ("+2.,0.001,sigmoid", Window(2, 0.001, WindowFunction.SIGMOID)),
    ],
)
def test_a_window_is_written_as_in_dicomweb(text: str, window: Window) -> None:
    assert Window.parse(text) == window
    assert Window.parse(str(window)) == window


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "three parts"),
        ("40", "three parts"),
        ("40,400", "three parts"),
        ("40,400,linear,1", "three parts"),
        ("nan,400,linear", "center must be a finite"),
        ("inf,400,linear", "center must be a finite"),
        ("1e999,400,linear", "center must be a finite"),
        ("4_0,400,linear", "center must be a finite"),
        ("\u0664,400,linear", "center must be a finite"),
        (f"{'1' * 5000},400,linear", "center must be a finite"),
        (",400,linear", "center must be a finite"),
        ("40,-inf,linear", "width must be a finite"),
        ("40,NaN,linear", "width must be a finite"),
        ("40,,linear", "width must be a finite"),
        ("40,0,linear", "width must be at least 1"),
        ("40,0.99,linear", "width must be at least 1"),
        ("40,-5,sigmoid", "width must be greater than 0"),
        ("40,0,linear-exact", "width must be greater than 0"),
        ("40,400,", "function must be one of linear, linear-exact, sigmoid"),
        ("40,400,LINEAR", "function must be one of"),
    ],
)
def test_what_is_no_window_is_named(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        Window.parse(text)


windows = st.builds(
    lambda center, width, function: Window(center, max(width, 1) if function == "linear" else width, function),
    st.floats(-70_000, 140_000) | st.integers(0, 65535),
    st.floats(0.001, 140_000) | st.sampled_from([1.0, 1.5, 2.0]),
    st.sampled_from(WindowFunction),
)
samples = arrays(np.uint16, st.tuples(st.integers(1, 6), st.integers(1, 6)))


@property_settings(max_examples=200)
@given(samples, windows)
def test_of_a_png_of_16_bits(values: Values, window: Window) -> None:
    assert np.abs(shown(pictures.encoded(Image.fromarray(values), "PNG"), window) - expected(values, window)).max() <= 1


@property_settings(max_examples=200)
@given(samples, windows, st.integers(9, 16), st.sampled_from([0, 1]), st.integers(1, 8))
def test_of_a_tiff(values: Values, window: Window, bits: int, photometric: int, orientation: int) -> None:
    """The samples are those of the file, also where 0 is white; and it is turned upright."""
    stored = values >> 16 - bits
    options = TiffOptions(bits=bits, photometric=photometric, tags={274: (3, (orientation,))})
    upright = turned(expected(stored, window), orientation)
    found = shown(raster_files.tiff(stored[..., np.newaxis], options), window)
    assert np.abs(found - (upright if photometric else 255 - upright)).max() <= 1


def test_transparency_stays() -> None:
    grey = np.full((4, 4), 300, np.uint16)
    alpha = np.full((4, 4), 0x8080, np.uint16)
    data = raster_files.png(np.stack((grey, alpha), axis=-1), 16, 4)
    assert shown(data, Window(300, 100, WindowFunction.LINEAR_EXACT))[0, 0].tolist() == [128, 128, 128, 128]


def test_a_jpeg_of_12_bits_has_a_window() -> None:
    found = shown(JPEG_12_BITS, Window(2048, 1024, WindowFunction.LINEAR_EXACT))
    assert found[0, 0] <= 1
    assert found[0, -1] >= 254
    assert np.abs(found[:, 32] - 128).max() <= 12


def test_without_a_window_nothing_changes() -> None:
    data = pictures.encoded(Image.fromarray(RAMP), "PNG")
    whole = shown(data)
    assert np.array_equal(whole, np.rint(RAMP / 257))
    assert np.abs(shown(data, Window.whole_range(0, 65535)) - whole).max() <= 1
    assert decode_grey(data, max_pixels=LIMIT).image.getpixel((63, 0)) == 1


COLOURS = np.zeros((6, 8, 3), np.uint16)
WITHOUT_VALUES = {
    "png 8 bits": pictures.png(),
    "png 16 bits colours": raster_files.png(COLOURS, 16, 2),
    "jpeg": pictures.encoded(Image.new("L", (8, 6)), "JPEG"),
    "jpeg colours": pictures.encoded(Image.new("RGB", (8, 6)), "JPEG"),
    "webp": pictures.encoded(Image.new("RGB", (8, 6)), "WEBP"),
    "bmp": pictures.encoded(Image.new("L", (8, 6)), "BMP"),
    "tiff 8 bits": pictures.encoded(Image.new("L", (8, 6)), "TIFF"),
}


def dicom_in_colours() -> bytes:
    dataset = pictures.dicom_dataset(COLOURS[..., 0].astype(np.uint8), bits=8, photometric="RGB")
    dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
    dataset.PixelData = COLOURS.astype(np.uint8).tobytes()
    return pictures.dicom_bytes(dataset)


@pytest.mark.parametrize("data", [*WITHOUT_VALUES.values(), dicom_in_colours()], ids=[*WITHOUT_VALUES, "dicom"])
def test_what_has_no_values_for_a_window(data: bytes) -> None:
    with pytest.raises(WindowNotApplicable, match="to which no window applies"):
        decode(data, max_pixels=LIMIT, window=Window(100, 100))
    assert read_grey_values(data, max_pixels=LIMIT) is None
    assert shown(data).shape[:2] == shown(data, viewport=(1000, 1000)).shape[:2]


def test_the_values_of_samples() -> None:
    values = np.array([[700, 60_000]], np.uint16)
    whole = Window(32767.5, 65535, WindowFunction.LINEAR_EXACT)
    png = pictures.encoded(Image.fromarray(values), "PNG")
    assert read_grey_values(png, max_pixels=LIMIT) == GreyValues(700, 60_000, whole)
    white_is_zero = raster_files.tiff((values >> 4)[..., np.newaxis], TiffOptions(bits=12, photometric=0))
    whole = Window(2047.5, 4095, WindowFunction.LINEAR_EXACT)
    assert read_grey_values(white_is_zero, max_pixels=LIMIT) == GreyValues(43, 3750, whole)


def chest() -> FileDataset:
    dataset = pictures.dicom_dataset(np.array([[100, 1100, 2000]], np.uint16), bits=12)
    dataset.RescaleSlope, dataset.RescaleIntercept = "2", "-1000"
    return dataset


def values_of(dataset: FileDataset) -> GreyValues | None:
    return read_grey_values(pictures.dicom_bytes(dataset), max_pixels=LIMIT)


def test_the_values_and_the_windows_of_a_dicom_file() -> None:
    dataset = chest()
    assert values_of(dataset) == GreyValues(-800, 3000, Window(3095, 8190, WindowFunction.LINEAR_EXACT))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.WindowCenter, dataset.WindowWidth = ["40", "-600.5", "9", "7"], ["400", "1500", "0", ""]
    dataset.WindowCenterWidthExplanation = ["WEICHTEILE \u202e\u00e4", "LUNG"]
    dataset.VOILUTFunction = "SIGMOID"
    soft, lung = Window(40, 400, WindowFunction.SIGMOID), Window(-600.5, 1500, WindowFunction.SIGMOID)
    windows = (NamedWindow(soft, "WEICHTEILE \u00e4"), NamedWindow(lung, "LUNG"))
    assert values_of(dataset) == GreyValues(-800, 3000, soft, windows)
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [2, 0, 8])
    item.add_new("LUTData", "OW", b"\0\xff")
    dataset.VOILUTSequence = [item]
    assert values_of(dataset) == GreyValues(-800, 3000, None, windows)


def test_signed_values_of_32_bits() -> None:
    dataset = pictures.dicom_dataset(np.array([[-100_000, 5], [7, 2**30]], np.int32), bits=32)
    found = values_of(dataset)
    assert found is not None
    assert (found.lowest, found.highest) == (-100_000, 2**30)


def test_a_window_takes_the_place_of_a_table() -> None:
    dataset = chest()
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [2, 0, 8])
    item.add_new("LUTData", "OW", b"\0\xff")
    dataset.VOILUTSequence = [item]
    data = pictures.dicom_bytes(dataset)
    assert shown(data)[0].tolist() == [0, 255, 255]
    assert shown(data, Window(1100, 4000, WindowFunction.LINEAR_EXACT))[0].tolist() == [6, 134, 249]
    dataset.PhotometricInterpretation = "MONOCHROME1"
    inverted = shown(pictures.dicom_bytes(dataset), Window(1100, 4000, WindowFunction.LINEAR_EXACT))
    assert inverted[0].tolist() == [249, 121, 6]


@pytest.mark.parametrize("data", [b"", b"no picture", pictures.dicom()[:400], pictures.dicom_without_pixels()])
def test_what_is_no_picture_has_no_values(data: bytes) -> None:
    with pytest.raises(PictureError):
        read_grey_values(data, max_pixels=LIMIT)


@pytest.mark.parametrize(
    ("viewport", "size"), [((30, 1000), (30, 22)), ((1000, 24), (32, 24)), ((64, 48), (64, 48)), ((1, 1), (1, 1))]
)
def test_a_picture_fits_into_a_viewport(viewport: tuple[int, int], size: tuple[int, int]) -> None:
    for data in (pictures.encoded(Image.fromarray(RAMP), "PNG"), pictures.dicom(RAMP, bits=16)):
        assert shown(data, viewport=viewport).shape[::-1] == size
    jpeg = pictures.encoded(Image.fromarray((RAMP >> 8).astype(np.uint8)), "JPEG", quality=95)
    assert render(jpeg, max_pixels=LIMIT, viewport=viewport).media_type is MediaType.JPEG
    assert shown(jpeg, viewport=viewport).shape[::-1] == size


def test_smaller_pixels_are_means_of_what_is_shown() -> None:
    values = np.array([[0, 65535] * 4] * 8, np.uint16)
    data = pictures.encoded(Image.fromarray(values), "PNG")
    assert set(shown(data, viewport=(4, 4)).flat) <= {127, 128}


def test_a_turned_picture_fits_as_it_is_shown() -> None:
    options = TiffOptions(bits=16, tags={274: (3, (6,))})
    data = raster_files.tiff(RAMP[..., np.newaxis], options)
    assert shown(data, viewport=(24, 1000)).shape == (32, 24)
