"""Frames in colour: RGB, luminance and chrominance, and palettes (PS3.3 C.7.6.3.1.2), with 8 bits a sample."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from lightbox_shared.images import UnsupportedPicture
from lightbox_shared.images.dicom.frames import Frame
from lightbox_shared.images.dicom.image_pixel import PALETTE_COLOR, ImagePixel, blocks_of_rows
from lightbox_shared.images.dicom.lookup_tables import lookup_table

Colours = npt.NDArray[np.uint8]

# From luminance and the two chrominances, which are 128 for grey (PS3.3 C.7.6.3.1.2).
_FROM_YBR: Final = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]], np.float32)
_GREY_YBR: Final = np.array([0, 128, 128], np.float32)


def rgb(frame: Frame, dataset: Dataset, pixel: ImagePixel) -> Colours:
    """The pixels of a frame in colour: uint8, shape (rows, columns, 3)."""
    palette = _palette(dataset, pixel) if pixel.photometric_interpretation == PALETTE_COLOR else None
    is_ybr = pixel.photometric_interpretation.startswith("YBR") and not frame.is_rgb
    colours = np.empty((pixel.rows, pixel.columns, 3), np.uint8)
    for rows in blocks_of_rows(frame.words):
        stored = pixel.stored_values(frame.words[rows], frame.lowest_bit)
        if palette is not None:
            first, table = palette
            colours[rows] = table[(stored - first).clip(0, len(table) - 1)]
        elif is_ybr:
            colours[rows] = _from_ybr(_eight_bits(stored, pixel.bits_stored))
        else:
            colours[rows] = _eight_bits(stored, pixel.bits_stored)
    return colours


def _eight_bits(values: npt.NDArray[Any], bits: int) -> Colours:
    if bits == 8:
        return values.astype(np.uint8)
    scaled: Colours = np.rint(values * (255 / (2**bits - 1))).astype(np.uint8)
    return scaled


def _from_ybr(samples: Colours) -> Colours:
    colours = np.rint((samples.astype(np.float32) - _GREY_YBR) @ _FROM_YBR.T)
    return colours.clip(0, 255).astype(np.uint8)


def _palette(dataset: Dataset, pixel: ImagePixel) -> tuple[int, Colours]:
    """The first value mapped, and the colour of that value and of those above."""
    if "SegmentedRedPaletteColorLookupTableData" in dataset:
        raise UnsupportedPicture("The DICOM picture's palette is segmented, which is not read.")
    tables = [
        lookup_table(
            dataset,
            signed_input=pixel.is_signed,
            descriptor=f"{name}PaletteColorLookupTableDescriptor",
            data=f"{name}PaletteColorLookupTableData",
        )
        for name in ("Red", "Green", "Blue")
    ]
    first = tables[0].first
    values = np.arange(first, first + max(len(table.entries) for table in tables))
    return first, np.stack([_eight_bits(table(values), table.bits) for table in tables], axis=-1)
