"""Small drawing tools on a normalised grid: soft edges, bands, smooth noise, blur.

NumPy only and in double precision: the tests draw phantoms without the training dependencies, and with float64 the
last bits in which machines differ stay far below one grey level. Noise fields are drawn on a fixed number of cells
and interpolated, so the random numbers used do not depend on the size of the picture.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]


class Grid(NamedTuple):
    """Coordinates of the pixel centres, each (size, size): x to the right, y downwards, -1..1 over the picture."""

    x: Field
    y: Field


def stream(seed: int, number: int) -> np.random.Generator:
    """The ``number``-th independent random stream of a seed (PCG64, the same on every platform)."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, number))))


def grid(size: int, angle: float, scale: float, shift: tuple[float, float]) -> Grid:
    """A grid seen by a turned (radians), scaled and shifted camera."""
    axis = (np.arange(size) + 0.5) / size * 2.0 - 1.0
    x, y = np.meshgrid(axis - shift[0], axis - shift[1])
    return Grid(
        (np.cos(angle) * x + np.sin(angle) * y) / scale,
        (np.cos(angle) * y - np.sin(angle) * x) / scale,
    )


def step(distance: Field, softness: float) -> Field:
    """A soft edge: 0 where the distance is far below zero, 1 far above (logistic curve)."""
    edge: Field = 0.5 * (1.0 + np.tanh(distance / (2.0 * softness)))
    return edge


def band(distance: Field | float, width: float) -> Field:
    """A soft line: 1 at distance zero, half at about 0.83 widths (Gaussian)."""
    line: Field = np.exp(-np.square(np.asarray(distance) / width))
    return line


def _interpolation(size: int, cells: int) -> Field:
    """Weights (size, cells) of a smooth (cosine-eased) interpolation between cell centres."""
    place = (np.arange(size) + 0.5) / size * (cells - 1)
    lower = np.clip(place.astype(np.int64), 0, cells - 2)
    part = 0.5 - 0.5 * np.cos(np.pi * (place - lower))
    weights = np.zeros((size, cells))
    rows = np.arange(size)
    weights[rows, lower] = 1.0 - part
    weights[rows, lower + 1] = part
    return weights


def smooth_noise(rng: np.random.Generator, size: int, cells: int) -> Field:
    """Noise (size, size) of mean about 0 and values mostly in -1..1, with about ``cells`` grains along an edge."""
    weights = _interpolation(size, cells)
    noise: Field = weights @ rng.uniform(-1.5, 1.5, (cells, cells)) @ weights.T
    return noise


def blur(picture: Field, sigma: float) -> Field:
    """Gaussian blur; ``sigma`` in edges of the picture. Borders keep their weight (the kernel is renormalised)."""
    size = picture.shape[0]
    offset = np.subtract.outer(np.arange(size), np.arange(size)) / size
    kernel = np.exp(-0.5 * np.square(offset / max(sigma, 0.2 / size)))
    kernel /= kernel.sum(axis=1, keepdims=True)
    blurred: Field = kernel @ picture @ kernel.T
    return blurred
