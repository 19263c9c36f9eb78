"""PNG (W3C PNG, third edition), decoded by imagecodecs (libpng) with all bits of its samples.

libpng gets the chunks that the pixels need and no others: texts of any size are not unpacked, and of an animation the
default image is read. Known limit: gAMA, cHRM and cICP, other ways to say what a profile says, are not obeyed.
"""

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightbox_shared.images import check_pixels
from lightbox_shared.images.colours import LARGEST_PROFILE
from lightbox_shared.images.headers import PngHeader, png_header, without_other_parts
from lightbox_shared.images.raster_file import RasterFile, failures_of_libraries
from lightbox_shared.images.samples import DeepSamples, EightBitSamples, Samples


def read_png(data: bytes, max_pixels: int) -> RasterFile:
    """Decode a PNG. Raises `PictureError`."""
    import imagecodecs  # noqa: PLC0415 - services that don't decode pictures do without it

    header = png_header(data)
    check_pixels(header.width, header.height, max_pixels)
    with failures_of_libraries("PNG"):
        values: npt.NDArray[Any] = imagecodecs.png_decode(without_other_parts(data, header.pixels))
        samples: Samples = (
            DeepSamples(values, 65535) if values.dtype == np.uint16 else EightBitSamples(Image.fromarray(values))
        )
    return RasterFile(
        samples,
        header.size,
        _profile(header),
        orientation=header.orientation,
        is_animated=header.is_animated,
    )


def _profile(header: PngHeader) -> bytes | None:
    """The profile, unpacked; None if it is damaged or larger than any real one."""
    _, _, packed = (header.profile or b"").partition(b"\0")
    try:
        profile = zlib.decompressobj().decompress(packed[1:], LARGEST_PROFILE + 1)
    except zlib.error:
        return None
    return profile if 0 < len(profile) <= LARGEST_PROFILE else None
