"""What the tests of the IIIF Image API share: the validator's picture, and a service behind a socket."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image

from support import pictures

SQUARES: Final = 10
SQUARE_SIDE: Final = 100


def validator_picture(colours: Sequence[Sequence[tuple[int, int, int]]]) -> bytes:
    """The picture that the validator asks for: ten by ten squares in the colours of its table, column first."""
    columns = np.array(colours, dtype=np.uint8)
    assert columns.shape == (SQUARES, SQUARES, 3)
    squares = columns.transpose(1, 0, 2)
    pixels = squares.repeat(SQUARE_SIDE, axis=0).repeat(SQUARE_SIDE, axis=1)
    return pictures.encoded(Image.fromarray(pixels), "PNG")
