"""DICOM pictures are shown as DCMTK's `dcm2pnm` shows them, whatever their attributes and however they are stored.

`dcm2pnm` shows the whole range of stored values unless an option names a transformation of the file. A viewer shows the
first one of the file, so that is what the options name. They also name what DCMTK 3.6.7 would not do by itself, where
the standard leaves no doubt:

- It does not know LINEAR_EXACT (PS3.3 C.11.2.1.3.2), which is LINEAR with a centre of 0.5 and a width of 1 more.
- It refuses a SIGMOID narrower than 1, which the standard allows: not drawn.
- It cuts the fractions of rescaled values off, so that a slope of 0.001 leaves four greys (C.11.1 knows no such thing):
  rescale values are whole numbers here. `test_fractions_are_kept_as_pydicom_keeps_them` has the others.
- Rescaled values of more than 32 bits wrap: of more than 24 bits none are rescaled.
"""

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from hypothesis import assume, given, reject
from hypothesis import strategies as st
from pydicom.dataset import FileDataset
from pydicom.pixels.processing import apply_modality_lut, apply_windowing
from support import dicom_files
from support.dcmtk import NotShown, compressed, needs_dcmtk, shown
from support.properties import property_settings

from lightbox_shared.images.dicom import decode_dicom
from lightbox_shared.images.windows import Window, WindowFunction

COLOUR_TOLERANCE = 1.01
# `dcm2pnm` cuts off each of the terms of which a colour is the sum.
YBR_TOLERANCE = 2.01


def ours(data: bytes) -> npt.NDArray[np.float64]:
    """From 0 to 255, as the reference."""
    found = decode_dicom(data, max_pixels=1_000_000)
    return found.astype(np.float64) * (255 if found.dtype == np.float32 else 1)


def voi_options(dataset: FileDataset) -> list[str]:
    """What makes `dcm2pnm` show the first VOI transformation of a file."""
    if "VOILUTSequence" in dataset:
        return ["+Wl", "1"]
    if "WindowCenter" not in dataset:
        return []
    centre, width = (float(np.atleast_1d(dataset[name].value)[0]) for name in ("WindowCenter", "WindowWidth"))
    function = dataset.get("VOILUTFunction")
    assume(function != "SIGMOID" or not 0 < width < 1)
    if function == "LINEAR_EXACT" and width > 0:
        return ["+Ww", f"{centre + 0.5:.4f}", f"{width + 1:.4f}"]
    return ["+Wi", "1"]


def modality_range(dataset: FileDataset) -> tuple[float, float]:
    """Of the values of the modality transformation."""
    if "ModalityLUTSequence" in dataset:
        return 0, 2 ** (dataset.ModalityLUTSequence[0].LUTDescriptor[2]) - 1
    low, high = 0, 2**dataset.BitsStored - 1
    if dataset.PixelRepresentation:
        low, high = -(2 ** (dataset.BitsStored - 1)), 2 ** (dataset.BitsStored - 1) - 1
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    if not slope or intercept in {None, ""}:
        return low, high
    ends = (low * float(slope) + float(intercept), high * float(slope) + float(intercept))
    return min(ends), max(ends)


def grey_tolerance(dataset: FileDataset) -> float:
    """One grey level, as `dcm2pnm` cuts off where we round. Where it scales a range of values to grey levels, the
    highest value is one step below white, which counts if there are few."""
    low, high = modality_range(dataset)
    if "VOILUTSequence" in dataset:
        low, high = 0, 2 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1
    return 1.01 + 256 / (high - low + 1)


@st.composite
def grey_data_sets(draw: st.DrawFn) -> FileDataset:
    dataset = draw(dicom_files.grey_data_sets())
    tables = dataset.BitsStored <= 16
    rescale = ["rescale", "rescale"] if dataset.BitsStored <= 24 else []
    modality = draw(st.sampled_from(["none", *rescale, *(["table"] if tables else [])]))
    if modality == "rescale":
        dicom_files.add_rescale(draw, dataset)
    elif modality == "table":
        dicom_files.add_table(draw, dataset, "ModalityLUTSequence", *modality_range(dataset))
    voi = draw(st.sampled_from(["none", "window", "window", *(["table"] if tables else [])]))
    if voi == "window":
        dicom_files.add_window(draw, dataset, *modality_range(dataset))
    elif voi == "table":
        low, high = modality_range(dataset)
        assume(low <= (2**15 - 1 if low < 0 else 65535))
        dicom_files.add_table(draw, dataset, "VOILUTSequence", low, high)
    return dataset


@needs_dcmtk
@property_settings(max_examples=400)
@given(grey_data_sets(), st.sampled_from(dicom_files.NATIVE))
def test_grey_pictures(dataset: FileDataset, transfer_syntax: Any) -> None:
    options, tolerance = voi_options(dataset), grey_tolerance(dataset)
    data = dicom_files.file_of(dataset, transfer_syntax)
    assert np.abs(ours(data) - shown(data, *options)).max() <= tolerance


@st.composite
def chosen_windows(draw: st.DrawFn, low: float, high: float) -> Window:
    """A window that somebody has chosen, about values from `low` to `high`. Numbers have few places, as `dcm2pnm` reads
    them from a text."""
    function = draw(st.sampled_from(WindowFunction))
    extent = high - low
    center = round(draw(st.floats(low - extent / 4, high + extent / 4) | st.integers(int(low), int(high))), 3)
    width = round(draw(st.sampled_from([1.0, 1.5, 2.0]) | st.floats(1, 2 * extent + 2)), 3)
    return Window(center, width, function)


def window_options(window: Window) -> list[str]:
    """What makes `dcm2pnm` show a window, whatever the file says."""
    exact = window.function is WindowFunction.LINEAR_EXACT
    center, width = (window.center + 0.5, window.width + 1) if exact else (window.center, window.width)
    sigmoid = window.function is WindowFunction.SIGMOID
    return ["+Ww", f"{center:.4f}", f"{width:.4f}", "+Wfs" if sigmoid else "+Wfl"]


@needs_dcmtk
@property_settings(max_examples=300)
@given(st.data(), grey_data_sets(), st.sampled_from(dicom_files.NATIVE))
def test_windows_that_are_chosen(data: st.DataObject, dataset: FileDataset, transfer_syntax: Any) -> None:
    window = data.draw(chosen_windows(*modality_range(dataset)))
    file = dicom_files.file_of(dataset, transfer_syntax)
    found = decode_dicom(file, max_pixels=1_000_000, window=window).astype(np.float64) * 255
    tolerance = 1.01 + 256 / (modality_range(dataset)[1] - modality_range(dataset)[0] + 1)
    assert np.abs(found - shown(file, *window_options(window))).max() <= tolerance


@needs_dcmtk
@property_settings(max_examples=150)
@given(dicom_files.colour_data_sets(), st.sampled_from(dicom_files.NATIVE))
def test_pictures_in_colour(dataset: FileDataset, transfer_syntax: Any) -> None:
    data = dicom_files.file_of(dataset, transfer_syntax)
    tolerance = YBR_TOLERANCE if "YBR" in dataset.PhotometricInterpretation else COLOUR_TOLERANCE
    assert np.abs(ours(data) - shown(data)).max() <= tolerance


COMPRESSIONS = [
    ("dcmcrle",),
    ("dcmcjpeg", "+e1"),
    *(("dcmcjpeg", "+el", "+sv", str(predictor)) for predictor in range(1, 8)),
    ("dcmcjpeg", "+e1", "+fs", "1"),
    ("dcmcjpeg", "+eb"),
    ("dcmcjpeg", "+eb", "+s4"),
    ("dcmcjpeg", "+eb", "+cr"),
    ("dcmcjpeg", "+ee"),
    ("dcmcjpeg", "+es"),
    ("dcmcjpeg", "+ep"),
    ("dcmcjpls", "+el"),
    ("dcmcjpls", "+el", "+pc"),
    ("dcmcjpls", "+el", "+is", "+pz"),
    ("dcmcjpls", "+el", "+in"),
    ("dcmcjpls", "+en"),
]
# Between two implementations of the inverse DCT, and of the interpolation of chrominance.
LOSSY_TOLERANCE = 3.01


@needs_dcmtk
@property_settings(max_examples=150)
@given(
    dicom_files.grey_data_sets(allocated=(8, 16)) | dicom_files.colour_data_sets(),
    st.sampled_from(COMPRESSIONS),
)
def test_compressed_pictures(dataset: FileDataset, command: tuple[str, ...]) -> None:
    program = {"dcmcrle": "dcm2pnm", "dcmcjpeg": "dcmj2pnm", "dcmcjpls": "dcml2pnm"}[command[0]]
    try:
        data = compressed(dicom_files.file_of(dataset), *command)
        header = pydicom.dcmread(BytesIO(data), stop_before_pixels=True)
        expected = shown(data, *voi_options(header), program=program)
    except NotShown:
        reject()  # not all goes into each of them, and some JPEG-LS of DCMTK can't be read by itself
    tolerance = YBR_TOLERANCE if header.SamplesPerPixel == 3 else grey_tolerance(header)
    if header.get("LossyImageCompression") == "01":
        tolerance += LOSSY_TOLERANCE
    assert np.abs(ours(data) - expected).max() <= tolerance


@property_settings(max_examples=100)
@given(
    dicom_files.grey_data_sets(allocated=(8, 16)),
    st.floats(1e-3, 1e3),
    st.floats(-1e4, 1e4),
    st.floats(0, 1),
    st.floats(0.001, 2),
    st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)
def test_fractions_are_kept_as_pydicom_keeps_them(
    dataset: FileDataset, slope: float, intercept: float, centre: float, width: float, function: str
) -> None:
    dataset.RescaleSlope, dataset.RescaleIntercept = f"{slope:.6f}", f"{intercept:.4f}"
    dataset.HighBit, dataset.PhotometricInterpretation = dataset.BitsStored - 1, "MONOCHROME2"
    dataset.PresentationLUTShape = "IDENTITY"
    low, high = modality_range(dataset)
    extent = max(high - low, 1)
    dataset.WindowCenter = f"{low + centre * extent:.6f}"[:16]
    dataset.WindowWidth = f"{max(width * extent, 1.01 if function == 'LINEAR' else 0.001):.6f}"[:16]
    dataset.VOILUTFunction = function
    data = dicom_files.file_of(dataset)
    values = apply_modality_lut(pydicom.dcmread(BytesIO(data)).pixel_array, dataset)
    with np.errstate(over="ignore"):
        expected = (apply_windowing(values, dataset) - low) / (high - low)
    np.testing.assert_allclose(ours(data) / 255, expected, atol=1e-4)
