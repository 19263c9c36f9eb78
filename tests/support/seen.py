"""What is seen in pictures, as numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image


def pixel(image: Image.Image, x: int, y: int) -> npt.NDArray[np.int64]:
    """The samples of a pixel."""
    return np.atleast_1d(np.asarray(image)[y, x]).astype(np.int64)


def difference(one: Any, other: Any) -> npt.NDArray[np.float64]:
    """How far pictures, or samples, are from each other, without a sign."""
    return np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64))
