"""How the samples of a TIFF are laid out in its file, checked before any memory is allocated for them.

What is not read is refused here, with its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from math import ceil
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lightbox_shared.images import BrokenPicture, UnsupportedPicture, check_pixels
from lightbox_shared.images.tiff_directory import MAX_SEGMENTS, Directory, Tag

_MOST_SAMPLES: Final = 5
"""Of a pixel: four inks and alpha."""
_SMALLEST_LIMIT_OF_TILES: Final = 4096
"""Pixels of the side of a tile, which may be larger than its picture."""
_UNSIGNED: Final = frozenset({1, 4})
"""Values of SampleFormat; 4 is "undefined", which is read as what it was before there was the tag."""
_FORMATS: Final[Mapping[int, str]] = {
    2: "signed", 3: "floating-point", 5: "complex", 6: "complex floating-point"
}  # fmt: skip
_SEPARATE: Final = 2


class Compression(IntEnum):
    """The compressions that are read."""

    NONE = 1
    CCITT_RLE = 2
    CCITT_T4 = 3
    CCITT_T6 = 4
    LZW = 5
    JPEG = 7
    DEFLATE = 8
    OLD_DEFLATE = 32946
    PACKBITS = 32773
    LERC = 34887
    ZSTD = 50000
    WEBP = 50001


class Photometric(IntEnum):
    """The photometric interpretations that are read."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    CMYK = 5
    YCBCR = 6


CCITT: Final = frozenset({Compression.CCITT_RLE, Compression.CCITT_T4, Compression.CCITT_T6})
WITH_PREDICTOR: Final = frozenset(
    {Compression.LZW, Compression.DEFLATE, Compression.OLD_DEFLATE, Compression.ZSTD}
)  # fmt: skip
_OTHER_COMPRESSIONS: Final[Mapping[int, str]] = {
    6: "JPEG in its old form (6)", 9: "JBIG", 10: "JBIG", 32766: "NeXT RLE", 32771: "CCITT RLE on word boundaries",
    32809: "ThunderScan", 32895: "IT8", 32896: "IT8", 32897: "IT8", 32898: "IT8", 32908: "Pixar film",
    32909: "Pixar log", 32947: "Kodak DCS", 33003: "JPEG 2000 (Aperio)", 33004: "JPEG 2000 (Aperio)",
    33005: "JPEG 2000 (Aperio)", 33007: "JPEG (ALT)", 34661: "JBIG", 34676: "SGI Log", 34677: "SGI Log 24",
    34712: "JPEG 2000", 34892: "lossy JPEG of cameras", 34925: "LZMA", 34933: "PNG",
    34934: "JPEG XR", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
_OTHER_PHOTOMETRICS: Final[Mapping[int, str]] = {
    4: "a transparency mask", 8: "CIELab", 9: "ICCLab", 10: "ITULab", 32803: "a colour filter array", 32844: "LogL",
    32845: "LogLuv", 34892: "linear raw", 51177: "a depth map",
}  # fmt: skip
_COLOURS: Final[Mapping[Photometric, int]] = {
    Photometric.WHITE_IS_ZERO: 1,
    Photometric.BLACK_IS_ZERO: 1,
    Photometric.RGB: 3,
    Photometric.PALETTE: 1,
    Photometric.CMYK: 4,
    Photometric.YCBCR: 3,
}
_JPEG_BITS: Final = frozenset({8, 12, 16})


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """How the samples of a picture are stored."""

    directory: Directory
    width: int
    height: int
    compression: Compression
    photometric: Photometric
    colours: int
    """Samples of a pixel without the extra ones."""
    samples: int
    """Of a pixel."""
    bits: int
    """Of a sample."""
    is_planar: bool
    tile_width: int
    """Of a tile; of a strip, the width of the picture."""
    tile_height: int
    is_tiled: bool
    predictor: int
    subsampling: tuple[int, int]
    """How many pixels share their colour, across and down (section 21)."""
    offsets: tuple[int, ...]
    byte_counts: tuple[int, ...]

    @property
    def planes(self) -> int:
        """How many times the picture is divided into tiles or strips."""
        return self.samples if self.is_planar else 1

    @property
    def samples_in_tile(self) -> int:
        """Of a pixel, in one tile or strip."""
        return 1 if self.is_planar else self.samples

    @property
    def dtype(self) -> npt.DTypeLike:
        """Of decoded samples."""
        return np.uint8 if self.bits <= 8 else np.uint16

    @property
    def is_jpeg_in_rgb(self) -> bool:
        """Whether the decoder of the tiles makes RGB of YCbCr."""
        return self.compression in {Compression.JPEG, Compression.WEBP} and not self.is_planar


def read_layout(directory: Directory, *, max_pixels: int) -> TiffLayout:
    """The layout of a picture of at most `max_pixels` pixels. Raises `PictureError`."""
    width, height = directory.size
    check_pixels(width, height, max_pixels)
    compression, photometric = _compression(directory), _photometric(directory)
    samples = directory.number(Tag.SAMPLES_PER_PIXEL, 1)
    colours = _COLOURS[photometric]
    if not 1 <= samples <= _MOST_SAMPLES:
        raise UnsupportedPicture(f"TIFF of {samples} samples a pixel is not read; 1 to {_MOST_SAMPLES} are.")
    if samples < colours:
        raise BrokenPicture(f"The TIFF picture has {samples} samples a pixel, and needs {colours}.")
    is_planar = samples > 1 and directory.number(Tag.PLANAR_CONFIGURATION, 1) == _SEPARATE
    tile_width, tile_height, is_tiled = _tile_size(directory, width, height)
    subsampling = _subsampling(directory) if photometric is Photometric.YCBCR else (1, 1)
    planes = samples if is_planar else 1
    count = planes * ceil(width / tile_width) * ceil(height / tile_height)
    offsets, byte_counts = _places(directory, count, is_tiled=is_tiled)
    layout = TiffLayout(
        directory, width, height, compression, photometric, colours, samples, _bits(directory, samples), is_planar,
        tile_width, tile_height, is_tiled, directory.number(Tag.PREDICTOR, 1), subsampling, offsets, byte_counts,
    )  # fmt: skip
    _check_combination(layout)
    return layout


def _compression(directory: Directory) -> Compression:
    number = directory.number(Tag.COMPRESSION, 1)
    try:
        return Compression(number)
    except ValueError:
        name = _OTHER_COMPRESSIONS.get(number, f"of number {number}")
        raise UnsupportedPicture(f"TIFF with the compression {name} is not read.") from None


def _photometric(directory: Directory) -> Photometric:
    number = directory.number(Tag.PHOTOMETRIC_INTERPRETATION, -1)
    if number == -1:
        raise BrokenPicture("The TIFF picture doesn't say what its samples mean (PhotometricInterpretation).")
    try:
        return Photometric(number)
    except ValueError:
        name = _OTHER_PHOTOMETRICS.get(number, f"the number {number}")
        raise UnsupportedPicture(f"TIFF whose photometric interpretation is {name} is not read.") from None


def _bits(directory: Directory, samples: int) -> int:
    """Bits of a sample, which is an unsigned number and the same for all."""
    formats = set(directory.tags.get(Tag.SAMPLE_FORMAT, (1,))[:samples])
    if not formats <= _UNSIGNED:
        names = " and ".join(_FORMATS.get(int(each), f"unknown ({each})") for each in sorted(formats - _UNSIGNED))
        raise UnsupportedPicture(f"TIFF with {names} samples is not read, as they have no defined black and white.")
    all_bits = set(directory.tags.get(Tag.BITS_PER_SAMPLE, (1,))[:samples])
    if len(all_bits) != 1:
        raise UnsupportedPicture("TIFF whose samples have different numbers of bits is not read.")
    bits = int(all_bits.pop())
    if not 1 <= bits <= 16:
        raise UnsupportedPicture(
            f"TIFF of {bits} bits a sample is not read; 1 to 16 are, and pictures of 32 bits have no defined white."
        )
    return bits


def _tile_size(directory: Directory, width: int, height: int) -> tuple[int, int, bool]:
    if Tag.TILE_WIDTH not in directory.tags:
        rows = directory.number(Tag.ROWS_PER_STRIP, height)
        return width, min(max(rows, 1), height), False
    tile_width, tile_height = directory.number(Tag.TILE_WIDTH, 0), directory.number(Tag.TILE_LENGTH, 0)
    for side, limit in ((tile_width, width), (tile_height, height)):
        if not 1 <= side <= max(limit + 16, _SMALLEST_LIMIT_OF_TILES):
            raise UnsupportedPicture(f"TIFF with tiles of {tile_width} x {tile_height} pixels is not read.")
    return tile_width, tile_height, True


def _places(directory: Directory, count: int, *, is_tiled: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where each strip or tile begins, and its number of bytes; none where the file doesn't say them."""
    if count > MAX_SEGMENTS:
        raise UnsupportedPicture(f"The TIFF has {count:,} strips or tiles; at most {MAX_SEGMENTS:,} are read.")
    tags = directory.tags
    # Strips in the place of tiles are written by some programs, and read by libtiff.
    offsets: tuple[Any, ...] = tags.get(Tag.TILE_OFFSETS if is_tiled else Tag.STRIP_OFFSETS, ())
    offsets = offsets or tags.get(Tag.STRIP_OFFSETS, ())
    byte_counts: tuple[Any, ...] = tags.get(Tag.TILE_BYTE_COUNTS if is_tiled else Tag.STRIP_BYTE_COUNTS, ())
    byte_counts = byte_counts or tags.get(Tag.STRIP_BYTE_COUNTS, ())
    if len(offsets) < count or (byte_counts and len(byte_counts) < count):
        raise BrokenPicture("The TIFF picture has fewer strips or tiles than its size needs.")
    return offsets[:count], byte_counts[:count]


def _subsampling(directory: Directory) -> tuple[int, int]:
    values = directory.tags.get(Tag.YCBCR_SUBSAMPLING, (2, 2))
    if len(values) != 2 or not {*values} <= {1, 2, 4}:
        raise UnsupportedPicture("TIFF whose YCbCr is subsampled by other numbers than 1, 2 and 4 is not read.")
    return int(values[0]), int(values[1])


def _check_combination(layout: TiffLayout) -> None:
    """Refuse what is read alone but not together."""
    directory, bits, compression = layout.directory, layout.bits, layout.compression
    refused: Mapping[str, bool] = {
        "several slices (ImageDepth)": directory.number(Tag.IMAGE_DEPTH, 1) != 1,
        "inks that are not CMYK": layout.photometric is Photometric.CMYK and directory.number(Tag.INK_SET, 1) != 1,
        f"a palette of {bits} bits": layout.photometric is Photometric.PALETTE and bits > 8,
        f"YCbCr of {bits} bits": layout.photometric is Photometric.YCBCR and bits != 8,
        "YCbCr and extra samples": layout.photometric is Photometric.YCBCR and layout.samples != 3,
        f"a predictor of number {layout.predictor}": compression in WITH_PREDICTOR and layout.predictor not in {1, 2},
        f"a predictor over samples of {bits} bits": (
            compression in WITH_PREDICTOR and layout.predictor == 2 and bits not in {8, 16}
        ),
        "CCITT compression of more than one bit a pixel": compression in CCITT and (bits, layout.samples) != (1, 1),
        f"JPEG compression of {bits} bits a sample": compression is Compression.JPEG and bits not in _JPEG_BITS,
        "JPEG compression and extra samples": compression is Compression.JPEG
        and layout.samples_in_tile not in {1, 3, 4},
        f"WebP compression of {bits} bits or other colours than RGB": compression is Compression.WEBP
        and (bits != 8 or layout.samples_in_tile not in {3, 4} or layout.photometric is not Photometric.RGB),
        f"LERC compression of {bits} bits a sample": compression is Compression.LERC and bits not in {8, 16},
        "the uncompressed mode of CCITT compression": bool(
            (compression is Compression.CCITT_T4 and directory.number(Tag.T4_OPTIONS, 0) & 2)
            or (compression is Compression.CCITT_T6 and directory.number(Tag.T6_OPTIONS, 0) & 2)
        ),
    }
    for name, is_refused in refused.items():
        if is_refused:
            raise UnsupportedPicture(f"TIFF with {name} is not read.")
    if layout.photometric is Photometric.YCBCR and not layout.is_jpeg_in_rgb:
        _check_raw_ycbcr(layout)


def _check_raw_ycbcr(layout: TiffLayout) -> None:
    is_subsampled = layout.subsampling != (1, 1)
    if is_subsampled and (layout.is_planar or layout.predictor != 1):
        raise UnsupportedPicture("TIFF with subsampled YCbCr in planes or with a predictor is not read.")
