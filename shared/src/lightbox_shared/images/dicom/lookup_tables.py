"""Lookup tables: modality and VOI LUT (PS3.3 C.11.1.1, C.11.2.1.1), and palettes (C.7.6.3.1.5, C.7.6.3.1.6).

All have a descriptor (number of entries, first value mapped, bits of an entry) and data, which is 8 or 16 bits wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from lightbox_shared.images import BrokenPicture, UnsupportedPicture

_MAX_ENTRIES: Final = 65536
# pydicom makes objects of all that is in a sequence as soon as one asks for its first item.
_MAX_SEQUENCE_BYTES: Final = 1024 * 1024
_MAX_SEQUENCE_ITEMS: Final = 100
_ITEM_TAGS: Final = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")


@dataclass(frozen=True, slots=True)
class LookupTable:
    """What the input values `first`, `first` + 1 and so on become."""

    first: int
    entries: npt.NDArray[np.uint16]
    bits: int
    """Of the output, whose range is 0 to 2 ** bits - 1."""

    def __call__(self, values: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
        """The entries for these input values. Below the first and above the last one they are the first and last
        entry; fractions are cut off."""
        indexes = np.clip(np.trunc(values) - self.first, 0, len(self.entries) - 1)
        found: npt.NDArray[np.uint16] = self.entries[indexes.astype(np.intp)]
        return found


def lookup_table(
    dataset: Dataset, *, signed_input: bool, descriptor: str = "LUTDescriptor", data: str = "LUTData"
) -> LookupTable:
    """Read a table. Raises `BrokenPicture` if it has no entries.

    The first value mapped is signed if its input can be: whether its VR says so (US or SS) differs between devices. The
    output is as wide as the descriptor says (8 to 16 bits), or as the entries are where it says something else.
    """
    count, first, bits = _descriptor(dataset.get(descriptor))
    entries = _entries(dataset.get(data), count, bits, little_endian=bool(dataset.original_encoding[1]))
    if not len(entries):
        raise BrokenPicture("The DICOM file has a lookup table without entries.")
    needed = int(entries.max()).bit_length()
    if signed_input and first >= 2**15:
        first -= 2**16
    return LookupTable(first, entries, max(needed, bits if 8 <= bits <= 16 else 8))


def first_item(dataset: Dataset, keyword: str) -> Dataset | None:
    """The first item of a sequence; None if there is none. Raises `UnsupportedPicture` for a sequence that is far
    larger than tables are."""
    if keyword not in dataset:
        return None
    value = dataset.get_item(keyword).value
    if isinstance(value, bytes):  # of defined length: not looked into until now
        items = max(map(value.count, _ITEM_TAGS))
        if len(value) > _MAX_SEQUENCE_BYTES or items > _MAX_SEQUENCE_ITEMS:
            raise UnsupportedPicture(f"The DICOM file's {keyword} is larger than any picture's.")
    sequence = dataset.get(keyword)
    return sequence[0] if sequence else None


def _descriptor(value: Sequence[int] | bytes | None) -> tuple[int, int, int]:
    """Number of entries, of which 0 means 65,536; first value mapped, as if unsigned; bits of an entry."""
    if isinstance(value, bytes):  # in implicit VR, US or SS
        value = np.frombuffer(value, "<u2").tolist()
    if value is None or len(value) != 3:
        raise BrokenPicture("The DICOM file has a lookup table without a descriptor.")
    count, first, bits = (int(each) & 0xFFFF for each in value)
    return count or _MAX_ENTRIES, first, bits


def _entries(
    value: Sequence[int] | bytes | None, count: int, bits: int, *, little_endian: bool
) -> npt.NDArray[np.uint16]:
    """Entries of 8 bits may stand two in a word, the first one in its lower half."""
    if isinstance(value, bytes):
        words = np.frombuffer(value, "<u2" if little_endian else ">u2", len(value) // 2)
    else:
        words = np.atleast_1d(np.array([] if value is None else value)).astype(np.uint16)
    if bits <= 8 and words.nbytes in {count, count + 1}:
        return words.astype("<u2").view(np.uint8)[:count].astype(np.uint16)
    return words[:count].astype(np.uint16)
