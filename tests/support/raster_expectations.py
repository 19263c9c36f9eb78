"""What of a raster file a model, a viewer and a thumbnail have to show, computed from the samples that were drawn and
not from the file."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
ROUNDING: Final = 0.5001 / 255


@dataclass(frozen=True, slots=True)
class Expectation:
    """A picture, upright: numbers from 0 to 1."""

    colours: Floats
    """Shape (height, width, 1 or 3)."""
    alpha: Floats | None
    """Shape (height, width)."""
    tolerance: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.colours.shape[1], self.colours.shape[0]

    def grey(self) -> Floats:
        """What a model reads: the luminance (ITU-R BT.601), on black."""
        grey = self.colours[..., 0] if self.colours.shape[2] == 1 else self.colours @ np.array([0.299, 0.587, 0.114])
        return grey if self.alpha is None else grey * self.alpha

    def on_white(self) -> Floats:
        """What a viewer shows on a white page: shape (height, width, 3)."""
        colours = np.broadcast_to(self.colours, (*self.colours.shape[:2], 3))
        alpha = np.ones(colours.shape[:2]) if self.alpha is None else self.alpha
        return colours * alpha[..., np.newaxis] + (1 - alpha[..., np.newaxis])


@dataclass(frozen=True, slots=True)
class DrawnFile:
    """A file, and what is in it."""

    data: bytes
    media_type: str
    expected: Expectation
    description: str

    def __repr__(self) -> str:
        return f"{self.description}: {self.data[:3000].hex()}"


def turned(values: Values, orientation: int) -> Values:
    """Stored samples turned upright, by the words of EXIF 4.6.5: where the 0th row and the 0th column are seen."""
    height, width = values.shape[:2]
    rows, columns = np.indices((height, width))
    down, across = height - 1 - rows, width - 1 - columns
    y, x = {
        1: (rows, columns), 2: (rows, across), 3: (down, across), 4: (down, columns),
        5: (columns, rows), 6: (columns, down), 7: (across, down), 8: (across, rows),
    }[orientation]  # fmt: skip
    upright = np.empty((width, height, *values.shape[2:]) if orientation > 4 else values.shape, values.dtype)
    upright[y, x] = values
    return upright


def expect(values: Values, white: int, *, alpha: bool, orientation: int = 1, tolerance: float = 0.0) -> Expectation:
    """Of stored samples of shape (height, width, channels), whose last one is alpha or not."""
    upright = turned(values, orientation).astype(np.float64) / white
    return Expectation(upright[..., :-1] if alpha else upright, upright[..., -1] if alpha else None, tolerance)
