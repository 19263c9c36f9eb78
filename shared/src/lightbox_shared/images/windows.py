"""Windows: which of a picture's values become black, which white, and how those between become grey.

The functions are those of DICOM (PS3.3 C.11.2.1.2 and C.11.2.1.3), written as DICOMweb writes them (PS3.18 8.3.5.1.4):
`<center>,<width>,<function>`. They apply to values of more than 8 bits in any format: of DICOM to those that the
modality transformation gives, of other formats to the samples of the file.
"""

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from lightbox_shared.images import PictureError

Values = npt.NDArray[np.float64]

_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LONGEST_NUMBER: Final = 64
_SLOPE_OF_SIGMOID: Final = 4
# The exponential function of more is infinite.
_LARGEST_EXPONENT: Final = 700.0


class WindowNotApplicable(PictureError):
    """The picture has no values for a window."""


class WindowFunction(StrEnum):
    """The VOI LUT functions (PS3.3 C.11.2.1.3) by their names in DICOMweb; in files they are `LINEAR_EXACT` and so
    on."""

    LINEAR = "linear"
    LINEAR_EXACT = "linear-exact"
    SIGMOID = "sigmoid"


@dataclass(frozen=True, slots=True)
class Window:
    """A window that is as wide as its function allows (`allows`)."""

    center: float
    width: float
    function: WindowFunction = WindowFunction.LINEAR

    @classmethod
    def parse(cls, text: str) -> "Window":
        """The window that a query of DICOMweb names. Raises `ValueError` with a sentence for the client."""
        parts = [part.strip() for part in text.split(",")]
        if len(parts) != 3:
            raise ValueError("It takes three parts: center,width,function, such as 40,400,linear.")
        center, width = _finite(parts[0], "center"), _finite(parts[1], "width")
        try:
            function = WindowFunction(parts[2])
        except ValueError:
            raise ValueError(f"The function must be one of {', '.join(WindowFunction)}.") from None
        if not allows(function, width):
            least = "at least 1" if function is WindowFunction.LINEAR else "greater than 0"
            raise ValueError(f"The width must be {least} for {function}.")
        return cls(center, width, function)

    @classmethod
    def whole_range(cls, low: float, high: float) -> "Window":
        """The window in which `low` is black and `high`, which is greater, is white."""
        return cls((low + high) / 2, high - low, WindowFunction.LINEAR_EXACT)

    def __str__(self) -> str:
        """As a query of DICOMweb has it. Equal windows have equal texts."""
        return f"{self.center + 0.0!r},{self.width!r},{self.function}"

    def __call__(self, values: Values) -> Values:
        """The grey of each value. What is below 0 is black, what is above 1 is white."""
        with np.errstate(over="ignore"):  # the quotient of a tiny width
            return _FUNCTIONS[self.function](values, self.center, self.width)


def allows(function: WindowFunction, width: float) -> bool:
    """Whether a window of the function may be so wide (PS3.3 C.11.2.1.2.1, C.11.2.1.3.2)."""
    return width >= 1 if function is WindowFunction.LINEAR else width > 0


def _finite(text: str, name: str) -> float:
    is_number = len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text) is not None
    value = float(text) if is_number else math.nan
    if not math.isfinite(value):
        raise ValueError(f"The {name} must be a finite decimal number, such as 40 or -0.5.")
    return value


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


_FUNCTIONS: Final = {
    WindowFunction.LINEAR: _linear,
    WindowFunction.LINEAR_EXACT: _linear_exact,
    WindowFunction.SIGMOID: _sigmoid,
}


@dataclass(frozen=True, slots=True)
class NamedWindow:
    """A window of a file, with what the file says it is for (0028,1055); "" if it does not say."""

    window: Window
    explanation: str


@dataclass(frozen=True, slots=True)
class GreyValues:
    """The values of a picture that a window can be applied to."""

    lowest: float
    highest: float
    """Of the values that occur."""
    shown: Window | None
    """The window with which the picture is shown where none is asked for; None for a VOI LUT, which is none, and
    for a range of values that no window can have."""
    windows: tuple[NamedWindow, ...] = ()
    """Those of the file, in its order."""
