"""ThumbHash: a blurred picture in about 25 bytes, which pages show while the picture itself is loaded.

It is a discrete cosine transform of brightness, two colour differences and transparency, of which the lowest
frequencies are kept, as the reference implementation has it: https://evanw.github.io/thumbhash/.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

MAX_SIDE: Final = 100
_NOISE: Final = 1e-9
"""What is left of frequencies that a picture does not have."""
_Values = npt.NDArray[np.float64]


class _Channel(NamedTuple):
    """The mean, the frequencies from 0 to 1, and the greatest of them before."""

    mean: float
    frequencies: _Values
    scale: float


def thumbhash(image: Image.Image) -> bytes:
    """The hash of a picture of mode "RGBA", whose sides are at most `MAX_SIDE` pixels."""
    rgba = np.asarray(image, dtype=np.float64) / 255
    alpha, colours = rgba[..., 3], rgba[..., :3]
    opaque = float(alpha.sum())
    average = (colours * alpha[..., None]).sum(axis=(0, 1)) / opaque if opaque else np.zeros(3)
    red, green, blue = np.moveaxis(average * (1 - alpha[..., None]) + colours * alpha[..., None], -1, 0)
    width, height = image.size
    has_alpha = bool((alpha < 1).any())
    waves = 5 if has_alpha else 7
    across, down = (max(1, round(waves * side / max(image.size))) for side in (width, height))
    light = _encode((red + green + blue) / 3, max(3, across), max(3, down))
    yellow_blue = _encode((red + green) / 2 - blue, 3, 3)
    red_green = _encode(red - green, 3, 3)
    is_landscape = width > height
    header = (
        round(63 * light.mean)
        | round(31.5 + 31.5 * yellow_blue.mean) << 6
        | round(31.5 + 31.5 * red_green.mean) << 12
        | round(31 * light.scale) << 18
        | has_alpha << 23
        | (down if is_landscape else across) << 24
        | round(63 * yellow_blue.scale) << 27
        | round(63 * red_green.scale) << 33
        | is_landscape << 39
    )
    channels, start = [light, yellow_blue, red_green], header.to_bytes(5, "little")
    if has_alpha:
        opacity = _encode(alpha, 5, 5)
        channels.append(opacity)
        start += bytes((round(15 * opacity.mean) | round(15 * opacity.scale) << 4,))
    return start + _in_half_bytes(np.concatenate([each.frequencies for each in channels]))


def _encode(channel: _Values, across: int, down: int) -> _Channel:
    """The frequencies in the triangle of the lowest ones, row by row."""
    height, width = channel.shape
    found = _cosines(down, height) @ channel @ _cosines(across, width).T / channel.size
    row, column = np.indices(found.shape)
    frequencies = found[column * down < across * (down - row)][1:]
    scale = float(np.abs(frequencies).max(initial=0.0))
    if scale < _NOISE:
        return _Channel(float(found[0, 0]), np.zeros_like(frequencies), 0.0)
    return _Channel(float(found[0, 0]), frequencies / scale / 2 + 0.5, scale)


def _cosines(waves: int, length: int) -> _Values:
    """The values of the first waves at the middle of each pixel, a wave a row."""
    return np.cos(np.pi / length * np.arange(waves)[:, None] * (np.arange(length) + 0.5))


def _in_half_bytes(values: _Values) -> bytes:
    """Values from 0 to 1 with four bits each, the lower half of a byte first."""
    steps = np.rint(values * 15).astype(np.uint8)
    if steps.size % 2:
        steps = np.append(steps, np.uint8(0))
    return (steps[::2] | steps[1::2] << 4).tobytes()
