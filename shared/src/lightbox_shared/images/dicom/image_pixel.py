"""What the Image Pixel module (PS3.3 C.7.6.3) says about the stored values."""

from collections.abc import Iterator, MutableSequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from lightbox_shared.images import BrokenPicture, UnsupportedPicture, check_pixels

MONOCHROME: Final = frozenset({"MONOCHROME1", "MONOCHROME2"})
PALETTE_COLOR: Final = "PALETTE COLOR"
YBR_FULL_422: Final = "YBR_FULL_422"
_THREE_SAMPLES: Final = frozenset({"RGB", "YBR_FULL", YBR_FULL_422, "YBR_RCT", "YBR_ICT"})
_BITS_ALLOCATED: Final = (8, 16, 32)
_BLOCK_OF_PIXELS: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class ImagePixel:
    """The attributes of the module by their names, checked."""

    rows: int
    columns: int
    samples_per_pixel: int
    photometric_interpretation: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    planar_configuration: int

    @classmethod
    def of(cls, dataset: Dataset, *, max_pixels: int) -> "ImagePixel":
        """Raises `PictureError` for what is not read: several frames, other photometric interpretations, other numbers
        of bits, more than `max_pixels` pixels."""
        rows, columns = integer(dataset, "Rows"), integer(dataset, "Columns")
        check_pixels(columns, rows, max_pixels)
        if integer(dataset, "NumberOfFrames", 1) != 1:
            raise UnsupportedPicture("The DICOM file has several frames; a radiograph has one.")
        allocated = integer(dataset, "BitsAllocated")
        stored = integer(dataset, "BitsStored", allocated)
        high_bit = integer(dataset, "HighBit", stored - 1)
        if allocated not in _BITS_ALLOCATED:
            raise UnsupportedPicture(f"The DICOM picture has {allocated} bits allocated; 8, 16 and 32 are read.")
        if not 1 <= stored <= high_bit + 1 <= allocated:
            raise BrokenPicture(
                f"The DICOM file contradicts itself: {stored} bits stored, high bit {high_bit}, {allocated} allocated."
            )
        return cls(
            rows,
            columns,
            *_photometric_interpretation(dataset),
            allocated,
            stored,
            high_bit,
            integer(dataset, "PixelRepresentation", 0) == 1,
            integer(dataset, "PlanarConfiguration", 0),
        )

    @property
    def stored_range(self) -> tuple[int, int]:
        """The lowest and the highest value that the stored bits can have."""
        if self.is_signed:
            return -(2 ** (self.bits_stored - 1)), 2 ** (self.bits_stored - 1) - 1
        return 0, 2**self.bits_stored - 1

    def stored_values(self, words: npt.NDArray[Any], lowest_bit: int) -> npt.NDArray[np.int64]:
        """The values in words of memory, from their bit `lowest_bit` on; other bits, where overlays were, mean nothing
        (PS3.5 section 8.1.1)."""
        values = words.astype(np.int64)
        values >>= lowest_bit
        values &= 2**self.bits_stored - 1
        if self.is_signed:
            values -= (values & 2 ** (self.bits_stored - 1)) << 1
        return values


def blocks_of_rows(words: npt.NDArray[Any]) -> Iterator[slice]:
    """Parts of a frame that are small enough for several copies of each."""
    rows = max(1, _BLOCK_OF_PIXELS // words[0].size)
    yield from (slice(begin, begin + rows) for begin in range(0, len(words), rows))


def integer(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    """The first value of an attribute. Raises `BrokenPicture` if it has none and there is no default."""
    value = first_value(dataset, keyword)
    if value is None:
        if default is None:
            raise BrokenPicture(f"The DICOM file does not say its {keyword}.")
        return default
    return int(value)


def first_value(dataset: Dataset, keyword: str) -> str | float | None:
    """The first value of an attribute; None if it is missing or empty."""
    return value_at(dataset, keyword, 0)


def value_at(dataset: Dataset, keyword: str, index: int) -> str | float | None:
    """One of the values of an attribute; None if it is missing or empty, or has fewer."""
    value = dataset.get(keyword)
    values = value if isinstance(value, MutableSequence) else [value]
    found = values[index] if index < len(values) else None
    return None if found == "" else found


def _photometric_interpretation(dataset: Dataset) -> tuple[int, str]:
    """With the number of samples a pixel, which it decides (PS3.3 C.7.6.3.1.2)."""
    name = str(first_value(dataset, "PhotometricInterpretation") or "").strip().upper()
    expected = 3 if name in _THREE_SAMPLES else 1 if name in MONOCHROME or name == PALETTE_COLOR else None
    if expected is None:
        raise UnsupportedPicture(f"The DICOM picture's photometric interpretation, {name[:32] or 'none'}, is not read.")
    samples = integer(dataset, "SamplesPerPixel", expected)
    if samples != expected:
        raise BrokenPicture(f"The DICOM file contradicts itself: {samples} samples a pixel, and {name}.")
    return samples, name
