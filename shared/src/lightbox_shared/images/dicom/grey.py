"""From stored values to grey: modality LUT or rescale, VOI LUT or window, inversion (PS3.4 N.2).

All is calculated in float64. As a picture of at most 16 bits has at most 65,536 different words, this is done once for
each of them and not for each pixel.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from lightbox_shared.images import BrokenPicture, Pixels
from lightbox_shared.images.dicom.frames import Frame
from lightbox_shared.images.dicom.image_pixel import ImagePixel, blocks_of_rows, first_value
from lightbox_shared.images.dicom.lookup_tables import first_item, lookup_table

Values = npt.NDArray[np.float64]
_Transformation = Callable[[Values], Values]

_SLOPE_OF_SIGMOID: Final = 4
# The exponential function of more is infinite.
_LARGEST_EXPONENT: Final = 700.0


@dataclass(frozen=True, slots=True)
class _Modality:
    """What stored values mean, and the range that they can have then."""

    transform: _Transformation
    low: float
    high: float


def grey(frame: Frame, dataset: Dataset, pixel: ImagePixel) -> Pixels:
    """The pixels of a grey frame as a viewer shows them: float32, shape (rows, columns), 0 black to 1 white."""
    modality = _modality(dataset, pixel)
    voi = _voi(dataset, modality)
    inverted = _is_inverted(dataset, pixel)

    def show(words: npt.NDArray[Any]) -> Pixels:
        stored = pixel.stored_values(words, frame.lowest_bit).astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # by absurd numbers in the file
            shown = np.clip(voi(modality.transform(stored)), 0, 1)
        if np.isnan(shown).any():
            raise BrokenPicture("The DICOM file's rescale or window values are too large.")
        return (1 - shown if inverted else shown).astype(np.float32)

    words_there_are = 2**pixel.bits_allocated
    table = show(np.arange(words_there_are)) if frame.words.size > words_there_are else None
    shown = np.empty(frame.words.shape, np.float32)
    for rows in blocks_of_rows(frame.words):
        if table is None:
            shown[rows] = show(frame.words[rows])
        else:
            np.take(table, frame.words[rows], out=shown[rows], mode="clip")
    return shown


def _modality(dataset: Dataset, pixel: ImagePixel) -> _Modality:
    """A LUT, or rescale slope and intercept (PS3.3 C.11.1), which need each other. A slope of 0 means nothing."""
    low, high = pixel.stored_range
    if (item := first_item(dataset, "ModalityLUTSequence")) is not None:
        table = lookup_table(item, signed_input=low < 0)
        return _Modality(lambda stored: table(stored).astype(np.float64), 0, 2**table.bits - 1)
    slope, intercept = _number(dataset, "RescaleSlope"), _number(dataset, "RescaleIntercept")
    if not slope or intercept is None:
        return _Modality(lambda stored: stored, low, high)
    ends = (low * slope + intercept, high * slope + intercept)
    if not all(map(math.isfinite, ends)):
        raise BrokenPicture("The DICOM file's rescale slope or intercept is too large.")
    return _Modality(lambda stored: stored * slope + intercept, min(ends), max(ends))


def _voi(dataset: Dataset, modality: _Modality) -> _Transformation:
    """The first VOI LUT, or the first window, or the whole range (PS3.3 C.11.2), each with an output from 0 to 1."""
    if (item := first_item(dataset, "VOILUTSequence")) is not None:
        table = lookup_table(item, signed_input=modality.low < 0)
        return lambda values: table(values) / (2**table.bits - 1)
    center, width = _number(dataset, "WindowCenter"), _number(dataset, "WindowWidth")
    function = str(first_value(dataset, "VOILUTFunction") or "").strip().upper()
    # A window that is narrower than its function allows (PS3.3 C.11.2.1.2.1, C.11.2.1.3.2) says nothing.
    if center is None or width is None or width <= 0 or (width < 1 and function not in _WINDOWS):
        low, extent = modality.low, (modality.high - modality.low) or 1.0
        return lambda values: (values - low) / extent
    window = _WINDOWS.get(function, _linear)
    return lambda values: window(values, center, width)


def _linear(values: Values, center: float, width: float) -> Values:
    """PS3.3 C.11.2.1.2.1. A width of 1 makes a threshold."""
    if width == 1:
        return (values > center - 0.5).astype(np.float64)
    return (values - (center - 0.5)) / (width - 1) + 0.5


def _linear_exact(values: Values, center: float, width: float) -> Values:
    """PS3.3 C.11.2.1.3.2."""
    return (values - center) / width + 0.5


def _sigmoid(values: Values, center: float, width: float) -> Values:
    """PS3.3 C.11.2.1.3.1."""
    exponent = -_SLOPE_OF_SIGMOID * (values - center) / width
    shown: Values = 1 / (1 + np.exp(np.clip(exponent, -_LARGEST_EXPONENT, _LARGEST_EXPONENT)))
    return shown


_WINDOWS: Final = {"LINEAR_EXACT": _linear_exact, "SIGMOID": _sigmoid}
"""The VOI LUT functions beside LINEAR, which is also what an unknown one means."""


def _is_inverted(dataset: Dataset, pixel: ImagePixel) -> bool:
    """The presentation LUT shape says it (PS3.3 C.11.6.1.2); MONOCHROME1 does where there is none (C.7.6.3.1.2)."""
    shape = str(first_value(dataset, "PresentationLUTShape") or "").strip().upper()
    if shape in {"IDENTITY", "INVERSE"}:
        return shape == "INVERSE"
    return pixel.photometric_interpretation == "MONOCHROME1"


def _number(dataset: Dataset, keyword: str) -> float | None:
    """The first value of a decimal string; None if it has none."""
    try:
        value = first_value(dataset, keyword)
        number = None if value is None else float(value)
    except (TypeError, ValueError) as error:
        raise BrokenPicture(f"The DICOM file's {keyword} is not a number.") from error
    if number is not None and not math.isfinite(number):
        raise BrokenPicture(f"The DICOM file's {keyword} is not a number.")
    return number
