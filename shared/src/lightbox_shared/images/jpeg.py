"""JPEG (ITU-T T.81), decoded by Pillow (libjpeg-turbo), and where a sample does not have 8 bits or the picture is
lossless, by imagecodecs (libjpeg-turbo, too).

Not read, and named: pictures that are hierarchical, lossless with arithmetic coding, of more than 8 bits in other
colours than grey or RGB, or whose height stands behind the first scan (DNL); and JPEG-LS (T.87), as a damaged one of
200 bytes can keep its decoder busy for seconds.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightbox_shared.images import UnsupportedPicture, check_pixels
from lightbox_shared.images.headers import JpegHeader, check_jpeg_scans, jpeg_header, without_other_parts
from lightbox_shared.images.orientation import upright_size
from lightbox_shared.images.raster_file import RasterFile, failures_of_libraries, in_eight_bits, opened_by_pillow
from lightbox_shared.images.samples import DeepSamples, EightBitSamples, Samples

_JPEG_LS: Final = 0xF7
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_ARITHMETIC: Final = frozenset({0xC9, 0xCA})
_HUFFMAN: Final = frozenset({_BASELINE, _EXTENDED, _PROGRESSIVE})
_HIERARCHICAL: Final = frozenset({0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, 0xDE})


def read_jpeg(data: bytes, *, max_pixels: int, min_size: tuple[int, int] | None, grey: bool) -> RasterFile:
    """Decode a JPEG. `min_size` and `grey` are those of `lightbox_shared.images.decoding.decode`. Raises
    `PictureError`."""
    header = jpeg_header(data)
    check_supported(header)
    size = header.size
    check_pixels(*size, max_pixels)
    check_jpeg_scans(data)
    # Without EXIF, texts and thumbnails, in which Pillow would look for more than the orientation.
    plain = without_other_parts(data, header.pixels)
    if not _is_read_by_pillow(header):
        with failures_of_libraries("JPEG"):
            samples = decoded_samples(plain, header)
        return RasterFile(samples, size, orientation=header.orientation, is_shown_by_browsers=False)
    with opened_by_pillow(plain, "JPEG") as image:
        if grey or min_size is not None:
            image.draft("L" if grey else None, upright_size(min_size or size, header.orientation))
        image.load()
        profile = image.info.get("icc_profile")
        image.info = {}
        return RasterFile(
            in_eight_bits(image),
            size,
            profile,
            orientation=header.orientation,
            is_shown_by_browsers=is_shown_by_browsers(header),
        )


def is_shown_by_browsers(header: JpegHeader) -> bool:
    """Whether browsers show a JPEG: not one that is lossless or arithmetic, or has more than 8 bits."""
    return header.frame in _HUFFMAN and header.precision == 8


def check_supported(header: JpegHeader) -> None:
    """Raises `UnsupportedPicture`, which names what is not read."""
    if header.frame in _HIERARCHICAL:
        raise UnsupportedPicture("Hierarchical JPEG is not read.")
    if header.frame == _JPEG_LS:
        raise UnsupportedPicture("JPEG-LS is not read.")
    if header.frame == 0xCB:
        raise UnsupportedPicture("Lossless JPEG with arithmetic coding is not read.")
    if header.frame == 0xC8:
        raise UnsupportedPicture("JPEG of a process that is reserved for extensions (marker FFC8) is not read.")
    if header.height == 0:
        raise UnsupportedPicture("A JPEG whose height stands behind its first scan (DNL) is not read.")
    if header.frame in _ARITHMETIC and header.precision != 8:
        raise UnsupportedPicture(f"JPEG of {header.precision} bits with arithmetic coding is not read.")
    if header.frame in _HUFFMAN and header.precision not in {8, 12}:
        raise UnsupportedPicture(f"JPEG of {header.precision} bits is not read; 8 and 12 are.")
    if not all(map(_divides, zip(*header.sampling, strict=True))):
        raise UnsupportedPicture("JPEG whose components share samples by a fraction is not read.")
    if header.components not in ({1, 3, 4} if _is_read_by_pillow(header) else {1, 3}):
        raise UnsupportedPicture(
            f"JPEG of {header.components} components of {header.precision} bits is not read"
            f"{'' if header.frame in _HUFFMAN else ' in this process'}."
        )


def _divides(factors: tuple[int, ...]) -> bool:
    """Whether one sample of each component stands for a whole number of samples of the largest."""
    return all(each and max(factors) % each == 0 for each in factors)


def decoded_samples(data: bytes, header: JpegHeader) -> Samples:
    """The samples of a JPEG that Pillow doesn't read. Raises exceptions of many kinds."""
    import imagecodecs  # noqa: PLC0415 - most pictures do without it

    values: npt.NDArray[Any] = imagecodecs.jpeg8_decode(data)
    return samples_of(values, (1 << header.precision) - 1)


def samples_of(values: npt.NDArray[Any], white: int) -> Samples:
    """Unsigned samples, of 8 bits if they are."""
    if white == 255:
        return EightBitSamples(Image.fromarray(values.astype(np.uint8, copy=False)))
    return DeepSamples(values.astype(np.uint16, copy=False), white)


def _is_read_by_pillow(header: JpegHeader) -> bool:
    return header.frame in _ARITHMETIC or (header.frame in _HUFFMAN and header.precision == 8)
