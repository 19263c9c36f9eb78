"""From stored values to grey: modality LUT or rescale, VOI LUT or window, inversion (PS3.4 N.2).

All is calculated in float64. As a picture of at most 16 bits has at most 65,536 different words, this is done once for
each of them and not for each pixel.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from lightbox_shared.images import BrokenPicture, Pixels
from lightbox_shared.images.dicom.frames import Frame
from lightbox_shared.images.dicom.image_pixel import ImagePixel, blocks_of_rows, first_value, value_at
from lightbox_shared.images.dicom.lookup_tables import first_item, lookup_table
from lightbox_shared.images.windows import GreyValues, NamedWindow, Values, Window, WindowFunction, allows

_Transformation = Callable[[Values], Values]

_MOST_BITS_OF_A_TABLE: Final = 16
_MAX_WINDOWS: Final = 100
_LONGEST_EXPLANATION: Final = 64
"""Characters of a long string, which an explanation is (PS3.5 section 6.2)."""
_FUNCTIONS: Final = {"LINEAR_EXACT": WindowFunction.LINEAR_EXACT, "SIGMOID": WindowFunction.SIGMOID}
"""The VOI LUT functions beside LINEAR, which is also what an unknown one means."""


@dataclass(frozen=True, slots=True)
class _Modality:
    """What stored values mean, and the range that they can have then."""

    transform: _Transformation
    low: float
    high: float


def grey(frame: Frame, dataset: Dataset, pixel: ImagePixel, window: Window | None = None) -> Pixels:
    """The pixels of a grey frame as a viewer shows them: float32, shape (rows, columns), 0 black to 1 white. `window`
    takes the place of what the file says of the values of interest."""
    modality = _modality(dataset, pixel)
    voi = _voi(dataset, modality) if window is None else window
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


def grey_values(frame: Frame, dataset: Dataset, pixel: ImagePixel) -> GreyValues:
    """What the values of a grey frame are after the modality transformation, and the windows of the file."""
    modality = _modality(dataset, pixel)
    lowest, highest = math.inf, -math.inf
    for words in _words_that_occur(frame):
        values = modality.transform(pixel.stored_values(words, frame.lowest_bit).astype(np.float64))
        lowest, highest = min(lowest, float(values.min())), max(highest, float(values.max()))
    shown = _window(dataset, 0) or _whole_range(modality)
    has_table = first_item(dataset, "VOILUTSequence") is not None
    return GreyValues(lowest, highest, None if has_table else shown, _windows(dataset))


def _words_that_occur(frame: Frame) -> Iterator[npt.NDArray[Any]]:
    """Each word of a frame of at most 16 bits once; blocks of all words of another."""
    bits = frame.words.dtype.itemsize * 8
    if bits > _MOST_BITS_OF_A_TABLE:
        yield from (frame.words[rows] for rows in blocks_of_rows(frame.words))
        return
    occurs = np.zeros(2**bits, np.bool_)
    for rows in blocks_of_rows(frame.words):
        occurs[frame.words[rows]] = True
    yield np.flatnonzero(occurs)


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
    if (window := _window(dataset, 0)) is not None:
        return window
    low, extent = modality.low, (modality.high - modality.low) or 1.0
    return lambda values: (values - low) / extent


def _whole_range(modality: _Modality) -> Window | None:
    """The window of all values that there can be; None where absurd numbers in the file leave it no width, or none that
    is a number."""
    window = Window.whole_range(modality.low, modality.high)
    is_finite = math.isfinite(window.center) and math.isfinite(window.width)
    return window if is_finite and allows(window.function, window.width) else None


def _window(dataset: Dataset, index: int) -> Window | None:
    """One of the windows of the file (PS3.3 C.11.2.1.2). A window that is narrower than its function allows says
    nothing."""
    center, width = _number(dataset, "WindowCenter", index), _number(dataset, "WindowWidth", index)
    name = str(value_at(dataset, "VOILUTFunction", 0) or "").strip().upper()
    function = _FUNCTIONS.get(name, WindowFunction.LINEAR)
    if center is None or width is None or not allows(function, width):
        return None
    return Window(center, width, function)


def _windows(dataset: Dataset) -> tuple[NamedWindow, ...]:
    """All windows of the file that say something."""
    found = ((_window(dataset, index), _explanation(dataset, index)) for index in range(_MAX_WINDOWS))
    return tuple(NamedWindow(window, explanation) for window, explanation in found if window is not None)


def _explanation(dataset: Dataset, index: int) -> str:
    """Of a window (0028,1055), without what can't be printed."""
    text = str(value_at(dataset, "WindowCenterWidthExplanation", index) or "")
    return "".join(each for each in text if each.isprintable()).strip()[:_LONGEST_EXPLANATION]


def _is_inverted(dataset: Dataset, pixel: ImagePixel) -> bool:
    """The presentation LUT shape says it (PS3.3 C.11.6.1.2); MONOCHROME1 does where there is none (C.7.6.3.1.2)."""
    shape = str(first_value(dataset, "PresentationLUTShape") or "").strip().upper()
    if shape in {"IDENTITY", "INVERSE"}:
        return shape == "INVERSE"
    return pixel.photometric_interpretation == "MONOCHROME1"


def _number(dataset: Dataset, keyword: str, index: int = 0) -> float | None:
    """One of the values of a decimal string; None if there is none."""
    try:
        value = value_at(dataset, keyword, index)
        number = None if value is None else float(value)
    except (TypeError, ValueError) as error:
        raise BrokenPicture(f"The DICOM file's {keyword} is not a number.") from error
    if number is not None and not math.isfinite(number):
        raise BrokenPicture(f"The DICOM file's {keyword} is not a number.")
    return number
