"""The directories of a TIFF (TIFF 6.0 section 2; BigTIFF), read with limits on everything that the sender chooses.

Only the tags that decide what the picture looks like are read, each with at most as many values as it can sensibly
have. The number of directories and of their entries is limited, and none is read twice.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np

from lightbox_shared.images import BrokenPicture, UnsupportedPicture
from lightbox_shared.images.colours import LARGEST_PROFILE
from lightbox_shared.images.orientation import UPRIGHT, known

MAX_DIRECTORIES: Final = 1000
MAX_ENTRIES: Final = 4096
MAX_SEGMENTS: Final = 100_000
"""Strips or tiles of a picture, of all of its planes together."""
_REDUCED: Final = 1
_MASK: Final = 4


class Tag(IntEnum):
    """The tags that are read, by their names in the standard."""

    NEW_SUBFILE_TYPE = 254
    IMAGE_WIDTH = 256
    IMAGE_LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC_INTERPRETATION = 262
    FILL_ORDER = 266
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTE_COUNTS = 279
    PLANAR_CONFIGURATION = 284
    T4_OPTIONS = 292
    T6_OPTIONS = 293
    PREDICTOR = 317
    COLOR_MAP = 320
    TILE_WIDTH = 322
    TILE_LENGTH = 323
    TILE_OFFSETS = 324
    TILE_BYTE_COUNTS = 325
    INK_SET = 332
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    JPEG_TABLES = 347
    YCBCR_COEFFICIENTS = 529
    YCBCR_SUBSAMPLING = 530
    REFERENCE_BLACK_WHITE = 532
    IMAGE_DEPTH = 32997
    ICC_PROFILE = 34675
    LERC_PARAMETERS = 50674


_MOST_VALUES: Final[Mapping[Tag, int]] = {
    Tag.STRIP_OFFSETS: MAX_SEGMENTS,
    Tag.STRIP_BYTE_COUNTS: MAX_SEGMENTS,
    Tag.TILE_OFFSETS: MAX_SEGMENTS,
    Tag.TILE_BYTE_COUNTS: MAX_SEGMENTS,
    Tag.COLOR_MAP: 3 * 65_536,
    Tag.JPEG_TABLES: 65_536,
    Tag.ICC_PROFILE: LARGEST_PROFILE,
}
"""Of a tag; `_FEW_VALUES` for all others."""
_FEW_VALUES: Final = 64
_TAGS: Final = frozenset(Tag)
_TYPES: Final[Mapping[int, str]] = {
    1: "u1", 3: "u2", 4: "u4", 5: "u4", 7: "u1", 10: "i4", 11: "f4", 12: "f8", 13: "u4", 16: "u8", 18: "u8",
}  # fmt: skip
"""numpy's names of the types of values (TIFF 6.0 section 2; BigTIFF) that any of these tags may have."""
_BYTES: Final = frozenset({1, 7})
_WHOLE_NUMBERS: Final = frozenset({1, 3, 4, 7, 13, 16, 18})
_NUMBERS: Final = frozenset(_TYPES)
_TYPES_OF_TAGS: Final[Mapping[Tag, frozenset[int]]] = {
    Tag.JPEG_TABLES: _BYTES,
    Tag.ICC_PROFILE: _BYTES,
    Tag.YCBCR_COEFFICIENTS: _NUMBERS,
    Tag.REFERENCE_BLACK_WHITE: _NUMBERS,
}
"""Of a tag; `_WHOLE_NUMBERS` for all others. A tag of another type is left out, as libtiff does."""
_RATIONALS: Final = frozenset({5, 10})

_Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Directory:
    """One picture of a TIFF: its tags."""

    order: str
    """Of bytes, as `struct` and numpy write it: "<" or ">"."""
    tags: Mapping[Tag, _Values]
    """The values of tags that are there; numbers."""

    def number(self, tag: Tag, default: int) -> int:
        """The one value of a tag, or the first one."""
        values = self.tags.get(tag)
        return int(values[0]) if values else default

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the stored picture. Raises `BrokenPicture`."""
        width, height = self.number(Tag.IMAGE_WIDTH, 0), self.number(Tag.IMAGE_LENGTH, 0)
        if width < 1 or height < 1:
            raise BrokenPicture("The TIFF picture has no width or no height.")
        return width, height

    @property
    def orientation(self) -> int:
        """From 1 to 8 (section 8)."""
        return known(self.number(Tag.ORIENTATION, UPRIGHT))

    @property
    def is_whole_picture(self) -> bool:
        """Whether this is not a smaller version of another picture in the file, or a mask for one."""
        return not self.number(Tag.NEW_SUBFILE_TYPE, 0) & (_REDUCED | _MASK)


def read_directory(data: bytes) -> Directory:
    """The first directory of a whole picture, or the first one if there is none. Raises `PictureError`."""
    first = None
    for directory in _directories(data):
        if directory.is_whole_picture:
            return directory
        first = first or directory
    if first is None:
        raise BrokenPicture("The TIFF file has no picture in it.")
    return first


@dataclass(frozen=True, slots=True)
class _Layout:
    """How numbers are written in classic TIFF and in BigTIFF."""

    order: str
    offset: str
    count: str
    """Of entries."""
    entry: int
    """Bytes of an entry."""

    @property
    def inline(self) -> int:
        """Bytes that stand in an entry itself."""
        return struct.calcsize(self.offset)

    def read(self, kind: str, data: bytes, at: int) -> int:
        """One number. Raises `BrokenPicture` behind the end of the file."""
        try:
            return int(struct.unpack_from(self.order + kind, data, at)[0])
        except (struct.error, OverflowError):
            raise BrokenPicture("The TIFF picture is damaged or incomplete.") from None


def _directories(data: bytes) -> Iterator[Directory]:
    order = "<" if data.startswith(b"II") else ">"
    layout = _Layout(order, "I", "H", 12)
    at = layout.read("I", data, 4)
    if layout.read("H", data, 2) == 43:
        layout = _Layout(order, "Q", "Q", 20)
        at = layout.read("Q", data, 8)
    seen: set[int] = set()
    while at and at not in seen:
        if len(seen) == MAX_DIRECTORIES:
            raise UnsupportedPicture(f"The first {MAX_DIRECTORIES:,} pictures of the TIFF are reduced versions.")
        seen.add(at)
        entries = layout.read(layout.count, data, at)
        if entries > MAX_ENTRIES:
            raise UnsupportedPicture(f"The TIFF has more than {MAX_ENTRIES:,} tags.")
        first = at + struct.calcsize(layout.count)
        at = first + layout.entry * entries
        yield Directory(order, dict(_tags(data, layout, range(first, at, layout.entry))))
        at = layout.read(layout.offset, data, at) if at + layout.inline <= len(data) else 0


def _tags(data: bytes, layout: _Layout, entries: range) -> Iterator[tuple[Tag, _Values]]:
    """The tags of a directory. Of one that stands twice, the first counts."""
    seen: set[int] = set()
    for at in entries:
        number, kind = layout.read("H", data, at), layout.read("H", data, at + 2)
        if number not in _TAGS or number in seen:
            continue
        tag = Tag(number)
        if kind not in _TYPES_OF_TAGS.get(tag, _WHOLE_NUMBERS):
            continue
        seen.add(number)
        yield tag, _values(data, layout, at, tag, kind)


def _values(data: bytes, layout: _Layout, at: int, tag: Tag, kind: int) -> _Values:
    count = layout.read(layout.offset, data, at + 4)
    if count > _MOST_VALUES.get(tag, _FEW_VALUES):
        if tag is Tag.ICC_PROFILE:
            return ()
        raise UnsupportedPicture(f"The TIFF has {count:,} values of the tag {number_and_name(tag)}, which is too many.")
    dtype = np.dtype(layout.order + _TYPES[kind])
    numbers = count * (2 if kind in _RATIONALS else 1)
    at += 4 + layout.inline
    if numbers * dtype.itemsize > layout.inline:
        at = layout.read(layout.offset, data, at)
    if at + numbers * dtype.itemsize > len(data):
        if tag is Tag.ICC_PROFILE:
            return ()
        raise BrokenPicture("The TIFF picture is damaged or incomplete.")
    values = np.frombuffer(data, dtype, numbers, at)
    if kind in _RATIONALS:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = values[::2].astype(np.float64) / values[1::2]
    return tuple(values.tolist())


def number_and_name(tag: Tag) -> str:
    """A tag as sentences name it."""
    return f"{int(tag)} ({tag.name.title().replace('_', '')})"
