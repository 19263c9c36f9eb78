"""DICOM data sets that hypothesis draws: all that the attributes of a picture with one frame can say.

Values are drawn as widely as PS3.3 allows, and a little beyond where files of real devices are. What a correct reader
does with it is not said here.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataset import FileDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from support import pictures

NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
COLOURS = ("Red", "Green", "Blue")
Draw = st.DrawFn


def file_of(dataset: FileDataset, transfer_syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """The data set, whose pixels and tables are little endian, as a file in a native transfer syntax."""
    dataset.file_meta.TransferSyntaxUID = transfer_syntax
    if transfer_syntax == ExplicitVRBigEndian:
        tables = [item for name in ("ModalityLUTSequence", "VOILUTSequence") for item in dataset.get(name, [])]
        words = [table["LUTData"] for table in tables if table["LUTData"].VR == "OW"]
        words += [dataset[name] for name in map("{}PaletteColorLookupTableData".format, COLOURS) if name in dataset]
        for element in [*words, dataset["PixelData"]]:
            # Of OW, always in words of 16 bits (PS3.5 section 7.3).
            value = element.value + b"\0" * (len(element.value) % 2)
            element.value = np.frombuffer(value, "<u2").astype(">u2").tobytes()
        dataset.set_original_encoding(is_implicit_vr=False, is_little_endian=False)
    dataset["PixelData"].VR = "OW"
    return pictures.dicom_bytes(dataset)


def text(dataset: Dataset, keyword: str, value: str | Sequence[str] | None) -> None:
    """Set a decimal or code string, also to an empty one; leave it out for None."""
    if value is not None:
        setattr(dataset, keyword, value)


@st.composite
def grey_data_sets(draw: Draw, *, allocated: Sequence[int] = (8, 16, 32)) -> FileDataset:
    """Grey stored values, wherever in their words, with no transformation."""
    bits = draw(st.sampled_from(allocated))
    stored = draw(st.integers(1, bits) | st.sampled_from([min(bits, 12), bits]))
    dataset = pictures.dicom_dataset(_words(draw, bits), bits=stored)
    dataset.HighBit = draw(st.just(stored - 1) | st.integers(stored - 1, bits - 1))
    dataset.PixelRepresentation = draw(st.integers(0, 1))
    dataset.PhotometricInterpretation = draw(st.sampled_from(["MONOCHROME1", "MONOCHROME2"]))
    text(dataset, "PresentationLUTShape", draw(st.sampled_from([None, None, "", "IDENTITY", "INVERSE"])))
    if draw(st.booleans()):
        dataset.add_new("PixelPaddingValue", "US", draw(st.integers(0, 65535)))
    return dataset


@st.composite
def colour_data_sets(draw: Draw) -> FileDataset:
    """Colours of three samples a pixel, by plane or by pixel, and palettes."""
    photometric = draw(st.sampled_from(["RGB", "YBR_FULL", "YBR_FULL_422", "PALETTE COLOR"]))
    if photometric == "PALETTE COLOR":
        return _palette_data_set(draw)
    allocated = draw(st.sampled_from([8, 8, 16])) if photometric == "RGB" else 8
    planar = 0 if photometric == "YBR_FULL_422" else draw(st.integers(0, 1))
    words = _words(draw, allocated, samples=2 if photometric == "YBR_FULL_422" else 3)
    stored = 8 if allocated == 8 else draw(st.integers(9, 16))
    dataset = pictures.dicom_dataset(words[..., 0], bits=stored, photometric=photometric)
    dataset.PixelData = (np.moveaxis(words, -1, 0) if planar else words).tobytes()
    dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, planar
    return dataset


def add_rescale(draw: Draw, dataset: FileDataset) -> None:
    """A slope and an intercept, both whole numbers, each of which may be missing or empty."""
    slope = draw(st.sampled_from([1, -1]) if dataset.BitsStored > 16 else st.integers(-5, 5))
    forms = st.sampled_from(["{}", "{}.0", "{}e0", "+{}"])
    written = draw(forms).format(slope).replace("+-", "-")
    text(dataset, "RescaleSlope", draw(st.sampled_from([written, written, written, written, None, ""])))
    intercept = str(draw(st.integers(-5000, 5000)))
    text(dataset, "RescaleIntercept", draw(st.sampled_from([intercept, intercept, intercept, intercept, None, ""])))


def add_table(draw: Draw, dataset: FileDataset, keyword: str, low: float, high: float) -> None:
    """A modality or VOI LUT for an input from `low` to `high`."""
    signed = low < 0
    first = draw(st.integers(max(int(low), -(2**15) if signed else 0), min(int(high), 2**15 - 1 if signed else 65535)))
    item = _table(draw, first, signed=signed)
    item.add_new("ModalityLUTType" if keyword == "ModalityLUTSequence" else "LUTExplanation", "LO", "drawn")
    setattr(dataset, keyword, [item])


def add_window(draw: Draw, dataset: FileDataset, low: float, high: float) -> None:
    """One to three windows about values from `low` to `high`, of which the first counts."""
    count = draw(st.integers(1, 3))
    spread = st.floats(low, high) | st.integers(int(low), int(high)).map(float)
    widths = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, -3.0]) | st.floats(1, 2 * (high - low) + 2)
    dataset.WindowCenter = [_decimal(draw(spread)) for _ in range(count)]
    dataset.WindowWidth = [_decimal(draw(widths)) for _ in range(count)]
    text(dataset, "VOILUTFunction", draw(st.sampled_from([None, "", "LINEAR", "LINEAR_EXACT", "SIGMOID"])))


def _decimal(value: float) -> str:
    """As a decimal string of at most 16 characters."""
    return f"{value:.3f}"


def _words(draw: Draw, bits: int, *, samples: int = 1) -> npt.NDArray[Any]:
    """Random words, of which some are the lowest and highest ones."""
    rows, columns = draw(st.integers(1, 5)), 2 * draw(st.integers(1, 8))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    words = generator.integers(0, 2**bits, (rows, columns, samples), f"u{bits // 8}")
    words.flat[:2] = 0, 2**bits - 1
    return words if samples > 1 else words[..., 0]


def _table(draw: Draw, first: int, *, signed: bool) -> Dataset:
    bits = draw(st.integers(8, 16) | st.sampled_from([8, 16]))
    count = draw(st.integers(2, 300) | st.sampled_from([4096, 65536]))
    entries = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(0, 2**bits, count)
    item = Dataset()
    vr = draw(st.sampled_from(["US", "SS"])) if signed else "US"
    # Both ways to write a negative first value are found in files.
    written = first & 0xFFFF if vr == "US" else first
    length = count % 65536 if vr == "US" else int(np.uint16(count % 65536).astype(np.int16))
    item.add_new("LUTDescriptor", vr, [length, written, bits])
    if draw(st.booleans()) and count < 65536:
        item.add_new("LUTData", "US", entries.tolist())
    else:
        item.add_new("LUTData", "OW", _packed(draw, entries, bits))
    return item


def _packed(draw: Draw, entries: npt.NDArray[Any], bits: int) -> bytes:
    """Words, or for 8 bits also bytes with a padding byte."""
    if bits == 8 and draw(st.booleans()):
        return entries.astype(np.uint8).tobytes() + b"\0" * (len(entries) % 2)
    return entries.astype("<u2").tobytes()


def _palette_data_set(draw: Draw) -> FileDataset:
    allocated = draw(st.sampled_from([8, 16]))
    dataset = pictures.dicom_dataset(_words(draw, allocated), bits=allocated, photometric="PALETTE COLOR")
    bits = draw(st.sampled_from([8, 16]))
    count = draw(st.sampled_from([2, 100, 255, 256, *([65536] if allocated == 16 else [])]))
    first = draw(st.sampled_from([0, 0, 1, 50]))
    for index, name in enumerate(COLOURS):
        entries = np.random.default_rng(index + draw(st.integers(0, 2**16))).integers(0, 2**bits, count)
        dataset.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", [count % 65536, first, bits])
        dataset.add_new(f"{name}PaletteColorLookupTableData", "OW", _packed(draw, entries, bits))
    return dataset
