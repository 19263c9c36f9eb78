"""Agreement of any number of doctors: percent agreement, Fleiss' kappa, Krippendorff's alpha and Gwet's AC1.

Not every image needs a reading by every doctor, nor by the same number of doctors. The observed agreement of an image
is the share of pairs of its readings that are equal.

- Percent agreement is its mean over the images with two readings or more.
- Fleiss' kappa (Fleiss, Psychological Bulletin 76, 1971) and Gwet's AC1 (Gwet, British Journal of Mathematical and
  Statistical Psychology 61, 2008) compare it with the agreement by chance. For images with different numbers of
  readings they are taken as in Gwet, Handbook of Inter-Rater Reliability, 4th edition, 2014, chapter 2: how often a
  category is chosen is the mean over all images that have a reading, one reading is enough.
- Krippendorff's alpha (Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011), nominal and ordinal, is over
  the images with two readings or more.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from annotation_service.statistics.bootstrap import Measure, measures, ratio, resampled, undefined, weighted_sums
from annotation_service.statistics.patterns import Floats, ImagePatterns
from annotation_service.statistics.readings import Field

NOTHING_COMPARED: Final = "No image has two readings of this field."
ONE_CATEGORY: Final = "All readings have the same category, so agreement by chance is certain."
SCALE_OF_ONE: Final = "Only one category of this field is known, so agreement by chance is certain."


@dataclass(frozen=True, slots=True)
class ManyReaders:
    """The measures of all doctors together, 1 for perfect agreement and 0 for that of chance."""

    percent_agreement: Measure
    """A share, between 0 and 1."""
    fleiss_kappa: Measure
    krippendorff_alpha: Measure
    """For nominal data."""
    ordinal_krippendorff_alpha: Measure | None
    """None if the field is not ordered."""
    gwet_ac1: Measure


def many_readers(patterns: ImagePatterns, field: Field, resamples: int) -> ManyReaders:
    """The measures of a field; `patterns` are those of all images that have a reading of it."""
    compared = patterns.read_by_two()
    if compared.images.size == 0:
        nothing = undefined(NOTHING_COMPARED)
        return ManyReaders(nothing, nothing, nothing, nothing if field.is_ordered else None, nothing)
    by_chance = _Chance(patterns)
    pairs = _Pairs(compared, has_order=field.is_ordered and not field.why_unordered)
    values = np.concatenate(
        (resampled(compared.images, pairs, resamples), resampled(patterns.images, by_chance, resamples)), axis=1
    )
    reasons = (NOTHING_COMPARED, ONE_CATEGORY, ONE_CATEGORY, ONE_CATEGORY, SCALE_OF_ONE)
    percent, alpha, ordinal, kappa, ac1 = measures(np.ascontiguousarray(values.T), reasons)
    if field.why_unordered:
        ordinal = undefined(field.why_unordered)
    return ManyReaders(percent, kappa, alpha, ordinal if field.is_ordered else None, ac1)


class _Pairs:
    """The measures over images with two readings or more: percent agreement, Krippendorff's alpha, nominal and
    ordinal."""

    def __init__(self, patterns: ImagePatterns, *, has_order: bool) -> None:
        self._choices = patterns.choices
        self._readers = patterns.readers
        self._has_order = has_order
        unequal = _unequal_pairs(patterns)
        self._features = np.vstack((_agreement(patterns), unequal / (self._readers - 1), patterns.choices.T))

    def __call__(self, weights: Floats) -> Floats:
        sums = weighted_sums(weights, self._features)
        chosen = sums[:, 2:]
        total = chosen.sum(axis=1)
        expected = total**2 - (chosen**2).sum(axis=1)
        alpha = 1 - ratio((total - 1) * sums[:, 1], expected)
        ordinal = self._ordinal(weights, chosen, total) if self._has_order else np.full(len(weights), np.nan)
        return np.column_stack((sums[:, 0] / weights.sum(axis=1), alpha, ordinal))

    def _ordinal(self, weights: Floats, chosen: Floats, total: Floats) -> Floats:
        """The difference between two categories is that of their mean ranks among all readings: the readings of the
        categories between them, and half of their own. It changes with each resample."""
        ranks = np.cumsum(chosen, axis=1) - chosen / 2 - total[:, None] / 2  # their mean is 0
        expected = total * (chosen * ranks**2).sum(axis=1)
        squares = weighted_sums(ranks**2, self._choices)
        spread = self._readers * squares - weighted_sums(ranks, self._choices) ** 2
        observed = (weights * (spread / (self._readers - 1))).sum(axis=1)
        return 1 - ratio((total - 1) * observed, expected)


class _Chance:
    """The measures that take the agreement by chance from all images: Fleiss' kappa and Gwet's AC1."""

    def __init__(self, patterns: ImagePatterns) -> None:
        readers = patterns.readers
        self._categories = patterns.choices.shape[1]
        is_compared = readers >= 2
        agreement = np.zeros(readers.size)
        agreement[is_compared] = _agreement(patterns.read_by_two())
        self._features = np.vstack((is_compared.astype(np.float64), agreement, patterns.choices.T / readers))

    def __call__(self, weights: Floats) -> Floats:
        sums = weighted_sums(weights, self._features)
        observed = ratio(sums[:, 1], sums[:, 0])
        shares = sums[:, 2:] / weights.sum(axis=1, keepdims=True)
        by_chance = (shares**2).sum(axis=1)
        has_two = (shares > 0).sum(axis=1) > 1
        kappa = ratio(observed - by_chance, np.where(has_two, 1 - by_chance, 0))
        ac1_by_chance = (shares * (1 - shares)).sum(axis=1) / max(self._categories - 1, 1)
        is_scale = self._categories > 1
        ac1 = ratio(observed - ac1_by_chance, np.where(is_scale, 1 - ac1_by_chance, 0))
        return np.column_stack((kappa, ac1))


def _unequal_pairs(patterns: ImagePatterns) -> Floats:
    """How many ordered pairs of readings of an image are unequal; shape (patterns,)."""
    return np.asarray(patterns.readers**2 - (patterns.choices**2).sum(axis=1))


def _agreement(patterns: ImagePatterns) -> Floats:
    """The share of pairs of readings of an image that are equal; shape (patterns,). All have two readings or more."""
    readers = patterns.readers
    return np.asarray(1 - _unequal_pairs(patterns) / (readers * (readers - 1)))
