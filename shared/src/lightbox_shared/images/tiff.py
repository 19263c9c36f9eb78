"""TIFF (TIFF 6.0, its technical notes 1 and 2, BigTIFF): from stored samples to a picture.

What is read: grey of 1 to 16 bits a sample with white or black as 0, RGB, palettes, CMYK and YCbCr, with or without
alpha, in one plane or several, in strips or tiles; see `lightbox_shared.images.tiff_segments` for the compressions. Of
several pictures the first that is not a reduced version is read. All else is refused with its name:

- Floating-point samples, those of 32 bits and signed ones have no defined black and white. (The range in
  SMinSampleValue and SMaxSampleValue is not "to affect the visual appearance", section 8 says of such tags.)
- CIELab, LogLuv, colour filter arrays and linear raw of cameras, and transparency masks are no pictures to look at.

A colour profile of grey, RGB or CMYK counts. Extra samples that are not alpha are left out.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightbox_shared.images import BrokenPicture, UnsupportedPicture
from lightbox_shared.images.raster_file import RasterFile, failures_of_libraries
from lightbox_shared.images.samples import DeepSamples, EightBitSamples, Samples
from lightbox_shared.images.tiff_directory import Directory, Tag, read_directory
from lightbox_shared.images.tiff_layout import Photometric, TiffLayout, read_layout
from lightbox_shared.images.tiff_segments import read_samples

_ASSOCIATED, _UNASSOCIATED = 1, 2
_SIXTEEN_BITS: Final = 65535
_ROWS_AT_ONCE: Final = 256
_BT601: Final = (0.299, 0.587, 0.114)
_FULL_RANGE: Final = (0, 255, 128, 255, 128, 255)
_EIGHT_BIT_SCALES: Final[Mapping[int, int]] = {1: 255, 2: 85, 4: 17, 8: 1}
"""Factors that make 8 bits of fewer, without rounding."""

Stored = npt.NDArray[Any]


def read_tiff(data: bytes, max_pixels: int) -> RasterFile:
    """Decode a TIFF. Raises `PictureError`."""
    directory = read_directory(data)
    layout = read_layout(directory, max_pixels=max_pixels)
    with failures_of_libraries("TIFF"):
        stored = read_samples(data, layout)
        samples = _picture(stored, layout, directory)
    return RasterFile(
        samples,
        directory.size,
        bytes(directory.tags.get(Tag.ICC_PROFILE, ())),
        orientation=directory.orientation,
        is_shown_by_browsers=False,
    )


def _picture(stored: Stored, layout: TiffLayout, directory: Directory) -> Samples:
    """Of samples of shape (height, width, samples of a pixel)."""
    colours, alpha = stored[..., : layout.colours], _alpha(stored, layout, directory)
    white = (1 << layout.bits) - 1
    if alpha is not None and directory.number(Tag.EXTRA_SAMPLES, 0) == _ASSOCIATED:
        colours = _unassociated(stored, layout.colours, white)
    match layout.photometric:
        case Photometric.WHITE_IS_ZERO:
            colours = white - colours
        case Photometric.PALETTE:
            colours, top = _from_palette(colours, white, directory)
            alpha, white = _scaled(alpha, white, top), top
        case Photometric.YCBCR if not layout.is_jpeg_in_rgb:
            colours = _from_ycbcr(colours, directory)
        case Photometric.CMYK if white == 255 and alpha is None:
            return EightBitSamples(Image.frombuffer("CMYK", (layout.width, layout.height), colours.tobytes()))
        case Photometric.CMYK:
            colours = _from_cmyk(colours, white)
            alpha, white = _scaled(alpha, white, _SIXTEEN_BITS), _SIXTEEN_BITS
    if alpha is not None:
        colours = np.concatenate((colours, alpha[..., np.newaxis]), axis=-1)
    return _samples(colours, white, is_inverted=layout.photometric is Photometric.WHITE_IS_ZERO)


def _alpha(stored: Stored, layout: TiffLayout, directory: Directory) -> Stored | None:
    """The first extra sample, if it is alpha (section 18)."""
    kinds = directory.tags.get(Tag.EXTRA_SAMPLES, ())
    if stored.shape[-1] == layout.colours or not kinds or kinds[0] not in {_ASSOCIATED, _UNASSOCIATED}:
        return None
    return stored[..., layout.colours]


def _samples(values: Stored, white: int, *, is_inverted: bool) -> Samples:
    """With 8 bits if they have no more, and no others than can be made 8 without rounding."""
    values = values[..., 0] if values.shape[-1] == 1 else values
    scale = _EIGHT_BIT_SCALES.get(white.bit_length())
    if scale is None:
        return DeepSamples(values.astype(np.uint16, copy=False), white, is_inverted)
    eight = values.astype(np.uint8, copy=False)
    return EightBitSamples(Image.fromarray(np.ascontiguousarray(eight if scale == 1 else eight * np.uint8(scale))))


def _by_rows(make: Callable[[Stored], Stored], stored: Stored, channels: int, dtype: npt.DTypeLike) -> Stored:
    """What `make` makes of some rows, for all of them: numbers of 32 bits of a whole picture take four times its
    memory."""
    made = np.empty((*stored.shape[:2], channels), dtype)
    for top in range(0, len(stored), _ROWS_AT_ONCE):
        made[top : top + _ROWS_AT_ONCE] = np.rint(make(stored[top : top + _ROWS_AT_ONCE]))
    return made


def _unassociated(stored: Stored, colours: int, white: int) -> Stored:
    """Colours that were multiplied with the alpha behind them, divided by it."""

    def divided(rows: Stored) -> Stored:
        alpha = np.maximum(rows[..., colours : colours + 1], 1).astype(np.float32)
        colour: Stored = np.minimum(rows[..., :colours] * (np.float32(white) / alpha), np.float32(white))
        return colour

    return _by_rows(divided, stored, colours, stored.dtype)


def _scaled(alpha: Stored | None, white: int, top: int) -> Stored | None:
    """Alpha up to another largest value."""
    if alpha is None:
        return None
    return np.rint(alpha * np.float32(top / white)).astype(np.uint8 if top == 255 else np.uint16)


def _from_palette(colours: Stored, white: int, directory: Directory) -> tuple[Stored, int]:
    """The entries of the palette, which have 16 bits (section 5), and the largest value: 8 bits if that loses nothing.
    Grey if all entries are."""
    entries = np.array(directory.tags.get(Tag.COLOR_MAP, ()), dtype=np.uint32)
    if len(entries) != 3 * (white + 1):
        raise BrokenPicture("The TIFF picture has a palette of another length than its number of bits says.")
    if entries.max() < 256:  # as careless writers have it; libtiff reads it so, too
        entries = entries * 257
    top = _SIXTEEN_BITS if (entries % 257).any() else 255
    palette = (entries // (_SIXTEEN_BITS // top)).astype(np.uint16 if top == _SIXTEEN_BITS else np.uint8)
    palette = palette.reshape(3, -1).T
    if (palette == palette[:, :1]).all():
        palette = palette[:, :1]
    return palette[colours[..., 0]], top


def _from_cmyk(colours: Stored, white: int) -> Stored:
    """Red, green and blue of 16 bits of inks, without a profile (section 16)."""

    def mixed(rows: Stored) -> Stored:
        light = 1 - rows.astype(np.float32) / np.float32(white)
        return light[..., :3] * light[..., 3:] * np.float32(_SIXTEEN_BITS)

    return _by_rows(mixed, colours, 3, np.uint16)


def _from_ycbcr(colours: Stored, directory: Directory) -> Stored:
    """Red, green and blue of YCbCr of 8 bits (section 21)."""
    red, green, blue = _numbers(directory, Tag.YCBCR_COEFFICIENTS, _BT601)
    reference = np.array(_numbers(directory, Tag.REFERENCE_BLACK_WHITE, _FULL_RANGE), np.float32).reshape(3, 2)
    spans = reference[:, 1] - reference[:, 0]
    if not np.isfinite(spans).all() or not spans.all() or not green:
        raise BrokenPicture("The TIFF picture has YCbCr values without a range.")
    factors = np.array([255, 127, 127], np.float32) / spans

    def mixed(rows: Stored) -> Stored:
        scaled = (rows - reference[:, 0]) * factors
        luma, chroma_blue, chroma_red = scaled[..., 0], scaled[..., 1], scaled[..., 2]
        reds = luma + (2 - 2 * red) * chroma_red
        blues = luma + (2 - 2 * blue) * chroma_blue
        greens = (luma - blue * blues - red * reds) / green
        colour: Stored = np.clip(np.stack((reds, greens, blues), axis=-1), 0, 255)
        return colour

    return _by_rows(mixed, colours, 3, np.uint8)


def _numbers(directory: Directory, tag: Tag, default: tuple[float, ...]) -> tuple[float, ...]:
    values = directory.tags.get(tag)
    if values is None:
        return default
    if len(values) != len(default):
        raise UnsupportedPicture(
            f"The TIFF picture has {len(values)} values of the tag {int(tag)}, not {len(default)}."
        )
    return values
