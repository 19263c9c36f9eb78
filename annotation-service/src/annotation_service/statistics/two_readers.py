"""Agreement of two readings of the same images, by two doctors, or by the same doctor at two times.

The images that qualify are those with both readings. Cohen's kappa (Cohen, Educational and Psychological Measurement
20, 1960) compares the observed agreement with that by chance, which follows from how often each of the two chooses each
category. Weighted kappa (Cohen, Psychological Bulletin 70, 1968) counts a disagreement by how many places the two
categories are apart on the scale of the field: linear, or quadratic (Fleiss and Cohen, Educational and Psychological
Measurement 33, 1973). Gwet's AC1 is that of Gwet, British Journal of Mathematical and Statistical Psychology 61, 2008.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from annotation_service.statistics.bootstrap import Measure, measures, ratio, resampled, undefined, weighted_sums
from annotation_service.statistics.many_readers import ONE_CATEGORY, SCALE_OF_ONE
from annotation_service.statistics.patterns import Floats, PairPatterns
from annotation_service.statistics.readings import Field, Ids

_CELLS: Final = 1 << 21
"""The size of the largest table of pairs, resamples and sums that is in memory."""
_SUMS: Final = 3
"""Before the categories: the equal readings, and the linear and the quadratic distances."""


@dataclass(frozen=True, slots=True)
class TwoReaders:
    """The measures of two readings, 1 for perfect agreement and 0 for that of chance."""

    first: int
    """The id of the doctor of the first reading."""
    second: int
    """The same id where a doctor is compared with themselves."""
    images: int
    """How many images have both readings."""
    percent_agreement: Measure
    """A share, between 0 and 1."""
    cohen_kappa: Measure
    linear_kappa: Measure | None
    """Weighted kappa; None if the field is not ordered, as the next one."""
    quadratic_kappa: Measure | None
    gwet_ac1: Measure


def two_readers(pairs: Sequence[PairPatterns], doctor_ids: Ids, field: Field, resamples: int) -> Iterator[TwoReaders]:
    """The measures of each pair; the doctors of `pairs` are indexes into `doctor_ids`."""
    categories = len(field.categories)
    step = max(1, _CELLS // ((1 + resamples) * (_SUMS + 2 * categories)))
    for start in range(0, len(pairs), step):
        part = pairs[start : start + step]
        sums = np.stack([_resampled_sums(pair, categories, resamples) for pair in part])
        values = _values(sums, categories)
        reasons = (ONE_CATEGORY, ONE_CATEGORY, ONE_CATEGORY, ONE_CATEGORY, SCALE_OF_ONE)
        found = measures(values.reshape(-1, 1 + resamples), reasons * len(part))
        for place, pair in enumerate(part):
            percent, kappa, linear, quadratic, ac1 = found[place * len(reasons) : (place + 1) * len(reasons)]
            if field.why_unordered:
                linear = quadratic = undefined(field.why_unordered)
            yield TwoReaders(
                first=int(doctor_ids[pair.first]),
                second=int(doctor_ids[pair.second]),
                images=int(pair.images.sum()),
                percent_agreement=percent,
                cohen_kappa=kappa,
                linear_kappa=linear if field.is_ordered else None,
                quadratic_kappa=quadratic if field.is_ordered else None,
                gwet_ac1=ac1,
            )


def _resampled_sums(pair: PairPatterns, categories: int, resamples: int) -> Floats:
    """Shape (1 + resamples, 3 + 2 * categories): equal readings, linear and quadratic distances, and how often each
    category was chosen in the first and in the second reading. All are integers, so sums of them are exact."""
    distances = np.abs(pair.first_codes - pair.second_codes)
    scale = np.arange(categories)[:, None]
    features = np.vstack(
        (distances == 0, distances, distances**2, pair.first_codes == scale, pair.second_codes == scale)
    ).astype(np.float64)
    return resampled(pair.images, lambda weights: weighted_sums(weights, features), resamples)


def _values(sums: Floats, categories: int) -> Floats:
    """The values of the five measures, shape (pairs, 5, 1 + resamples), of sums of the shape (pairs, 1 + resamples,
    sums)."""
    first, second = sums[..., _SUMS : _SUMS + categories], sums[..., _SUMS + categories :]
    images = first.sum(axis=2)
    equal = sums[..., 0]
    by_chance = (first * second).sum(axis=2)
    kappa = 1 - ratio(images * (images - equal), images**2 - by_chance)
    first_below, second_below = np.cumsum(first, axis=2), np.cumsum(second, axis=2)
    expected = (first_below * (images[..., None] - second_below)).sum(axis=2)
    expected += (second_below * (images[..., None] - first_below)).sum(axis=2)
    linear = 1 - ratio(images * sums[..., 1], expected)
    scale = np.arange(categories, dtype=np.float64)
    squares = ((first + second) * scale**2).sum(axis=2)
    expected = images * squares - 2 * (first * scale).sum(axis=2) * (second * scale).sum(axis=2)
    quadratic = 1 - ratio(images * sums[..., 2], expected)
    percent = equal / images
    shares = (first + second) / (2 * images[..., None])
    ac1_by_chance = (shares * (1 - shares)).sum(axis=2) / max(categories - 1, 1)
    is_scale = categories > 1
    ac1 = ratio(percent - ac1_by_chance, np.where(is_scale, 1 - ac1_by_chance, 0))
    return np.stack((percent, kappa, linear, quadratic, ac1), axis=1)
