"""Intervals by the percentile bootstrap over images (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
chapter 13).

A resample draws as many images as there are, with replacement. Images with the same pattern are interchangeable, so
only the number of images of each pattern matters. It is multinomially distributed, and where there are few patterns it
is drawn as such, without a draw for each image. The generator starts anew for each field and each pair of doctors, from
the same seed, so that the same readings always have the same interval, whatever else is computed beside them.

The doctors are not resampled: an interval says how much a measure would vary with other images and the same doctors.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from annotation_service.statistics.patterns import Floats, Integers

RESAMPLES: Final = 1000
CONFIDENCE: Final = 0.95
SEED: Final = 0x6C62_6F78
PATTERN_COST: Final = 8
"""Drawing the number of images of a pattern takes as long as drawing so many images."""
_ROUNDING: Final = 1e-12
_CELLS: Final = 1 << 20
"""The size of the largest table of resamples and patterns that is in memory."""

ALL_EQUAL: Final = "Every resample of the images gives the same value, so they do not tell how it would vary."
TOO_FEW_DEFINED: Final = "The measure is undefined for more than half of the resamples of the images."


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure with its interval, or the reason why it has none."""

    value: float | None
    """None where it is undefined."""
    low: float | None
    """The bounds of the 95 % interval; None where the bootstrap gives none."""
    high: float | None
    resamples: int
    """How many resamples the interval is from: those for which the measure is defined."""
    reason: str | None = None
    """Why the value is None; else, why the interval is None."""


Statistic = Callable[[Floats], Floats]
"""Takes the number of images of each pattern, shape (resamples, patterns), and gives shape (resamples, results)."""


def resampled(images: Integers, statistic: Statistic, resamples: int) -> Floats:
    """The statistic of the images themselves, in row 0, and of each resample; shape (1 + resamples, results).
    `images`, shape (patterns,), is the number of images of each pattern; not all are 0."""
    return np.concatenate([statistic(weights) for weights in _weights(images, resamples)])


def measures(values: Floats, reasons: Sequence[str]) -> list[Measure]:
    """The measures of which `values`, shape (measures, 1 + resamples), has the value and those of the resamples, NaN
    where it is undefined. `reasons` says of each measure why it is undefined, if it is."""
    resamples = values.shape[1] - 1
    ordered = np.sort(values[:, 1:], axis=1)  # NaN comes last
    defined = resamples - np.isnan(ordered).sum(axis=1)
    lows = _quantile(ordered, defined, (1 - CONFIDENCE) / 2)
    highs = _quantile(ordered, defined, (1 + CONFIDENCE) / 2)
    is_undefined = np.isnan(values[:, 0])
    has_too_few = defined * 2 < resamples
    is_constant = _quantile(ordered, defined, 1) - ordered[:, 0] < _ROUNDING
    found = []
    for place, reason in enumerate(reasons):
        count = int(defined[place])
        if is_undefined[place]:
            found.append(Measure(None, None, None, 0, reason))
        elif has_too_few[place] or is_constant[place]:
            why = TOO_FEW_DEFINED if has_too_few[place] else ALL_EQUAL
            found.append(Measure(float(values[place, 0]), None, None, count, why))
        else:
            found.append(Measure(float(values[place, 0]), float(lows[place]), float(highs[place]), count))
    return found


def undefined(reason: str) -> Measure:
    """A measure that is undefined."""
    return Measure(None, None, None, 0, reason)


def weighted_sums(weights: Floats, features: Floats) -> Floats:
    """The sums of each feature, shape (features, patterns), over the images of each resample, shape (resamples,
    patterns); shape (resamples, features). Unlike a matrix product it is computed by one thread: those of BLAS wait
    for each other where the processors are busy, and the last bits of their sums vary."""
    return np.asarray(np.einsum("rp,fp->rf", weights, features))


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """The quotients; NaN where the denominator is 0 or NaN."""
    result = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    np.divide(numerator, denominator, out=result, where=(denominator != 0) & ~np.isnan(denominator))
    return result


def _weights(images: Integers, resamples: int) -> Iterator[Floats]:
    """The images as they are, and then the resamples, in parts that fit into memory."""
    yield images[None, :].astype(np.float64)
    generator = np.random.Generator(np.random.PCG64(SEED))
    total, patterns = int(images.sum()), images.size
    has_few_patterns = patterns * PATTERN_COST < total
    step = max(1, _CELLS // (patterns if has_few_patterns else total))
    of_image = np.repeat(np.arange(patterns), images)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        if has_few_patterns:
            drawn = generator.multinomial(total, images / total, size)
        else:
            cells = of_image[generator.integers(0, total, (size, total))] + patterns * np.arange(size)[:, None]
            drawn = np.bincount(cells.ravel(), minlength=size * patterns).reshape(size, patterns)
        yield drawn.astype(np.float64)


def _quantile(ordered: Floats, defined: Integers, share: float) -> Floats:
    """The quantile of the first `defined` values of each row, interpolated linearly."""
    place = share * np.maximum(defined - 1, 0)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(defined - 1, 0))
    low = np.take_along_axis(ordered, below[:, None], axis=1)[:, 0]
    high = np.take_along_axis(ordered, above[:, None], axis=1)[:, 0]
    return np.asarray(low + (place - below) * (high - low))
