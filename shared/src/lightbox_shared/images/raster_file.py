"""What the reader of a format hands over."""

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from lightbox_shared.images import BrokenPicture, PictureError
from lightbox_shared.images.orientation import UPRIGHT
from lightbox_shared.images.samples import EightBitSamples, Samples

# The limit of the settings is checked for every picture. Pillow's own would add warnings and errors.
Image.MAX_IMAGE_PIXELS = None

# For some pictures the libraries emit thousands of warnings, each of which would be a line in the log; Pillow's would
# also be entries in Python's registry of warnings, which never shrinks.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
logging.getLogger("imagecodecs").setLevel(logging.CRITICAL)

_FAILURES = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, AttributeError)
_MORE_FAILURES = (OverflowError, MemoryError, RuntimeError, struct.error, zlib.error, ZeroDivisionError)


@dataclass(frozen=True, slots=True)
class RasterFile:
    """A file that was decoded to its last pixel."""

    samples: Samples
    """As they are stored, not turned yet, and maybe fewer than `size` says."""
    size: tuple[int, int]
    """Width and height of the stored picture."""
    profile: bytes | None = None
    """The colour profile in the file (ICC.1:2022), of any kind."""
    orientation: int = UPRIGHT
    is_animated: bool = False
    is_shown_by_browsers: bool = True
    """Whether they show the file at all."""


@contextmanager
def failures_of_libraries(name: str) -> Iterator[None]:
    """Exceptions that decoders raise for a damaged file in the format `name` become `BrokenPicture`. What is merely not
    supported must have been refused before."""
    try:
        yield
    except PictureError:
        raise
    except (*_FAILURES, *_MORE_FAILURES) as error:
        raise BrokenPicture(f"The {name} picture is damaged or incomplete.") from error


@contextmanager
def opened_by_pillow(data: bytes, name: str) -> Iterator[Image.Image]:
    """A picture in the format `name`, whose header Pillow reads. Exceptions inside of the context become
    `BrokenPicture`. Pillow gets the format that was found, so that a file can't select another decoder."""
    with failures_of_libraries("WebP" if name == "WEBP" else name), Image.open(BytesIO(data), formats=[name]) as image:
        yield image


def in_eight_bits(image: Image.Image) -> EightBitSamples:
    """The samples of a picture of 8 bits that Pillow has decoded."""
    if image.mode in {"L", "LA", "RGB", "RGBA", "CMYK"} and "transparency" not in image.info:
        return EightBitSamples(image)
    if image.has_transparency_data:
        return EightBitSamples(image.convert("RGBA"))
    return EightBitSamples(image.convert("L" if image.mode == "1" else "RGB"))
