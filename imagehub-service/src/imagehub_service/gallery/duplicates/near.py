"""Clusters of nearly equal hashes of 64 bits, by multi-index hashing (Norouzi, Punjani and Fleet, "Fast Search in
Hamming Space with Multi-Index Hashing", CVPR 2012).

Two hashes that differ in at most seven bits differ in at most one bit in one of their four parts of 16 bits. So only
hashes are compared of which a part is equal, or equal but for a bit: of 100,000 random hashes some five million pairs
instead of five billion. Hashes of real pictures are less even, so the number of comparisons has a limit, at which the
result is what was found until then. Equal hashes are one before all this.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_DISTANCE: Final = 7
"""Bits."""
MAX_COMPARISONS: Final = 60_000_000
"""Some seconds of a core."""
_AT_ONCE: Final = 1_000_000
_PARTS: Final = 4
_PART_BITS: Final = 16
_VALUES: Final = 2**_PART_BITS

Numbers = NDArray[np.int64]
Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Clusters:
    """The clusters of a list of hashes."""

    members: list[Numbers]
    """The places in the list of the hashes of each cluster, ascending; clusters with the first members first."""
    is_complete: bool
    """Whether everything was compared."""


def find_clusters(hashes: Hashes, distance: int, *, max_comparisons: int = MAX_COMPARISONS) -> Clusters:
    """Put hashes into one cluster if they differ in at most `distance` bits (up to 7), or if both are in a cluster with
    a third one. Hashes that are alone are in no cluster. Takes a second for 100,000: call it in a thread."""
    if not 0 <= distance <= MAX_DISTANCE:
        raise ValueError(f"The distance is not between 0 and {MAX_DISTANCE}: {distance}")
    distinct, place = np.unique(hashes, return_inverse=True)
    labels = np.arange(len(distinct))
    compared, is_complete = 0, True
    for left, right in _candidates(distinct, 0 if distance < _PARTS else 1):
        compared += len(left)
        if compared > max_comparisons:
            is_complete = False
            break
        apart = labels[left] != labels[right]
        left, right = left[apart], right[apart]  # noqa: PLW2901 - those that are left
        near = np.bitwise_count(distinct[left] ^ distinct[right]) <= distance
        if near.any():
            labels = _joined(labels, left[near], right[near])
    return Clusters(_members(labels[place.reshape(-1)]), is_complete)


def _candidates(hashes: Hashes, differing: int) -> Iterator[tuple[Numbers, Numbers]]:
    """Pairs of places of hashes, in pieces: those with an equal part first, then with `differing` those of which a part
    differs in one bit."""
    parts = []
    for part in range(_PARTS):
        keys = ((hashes >> np.uint64(part * _PART_BITS)) & np.uint64(_VALUES - 1)).astype(np.int64)
        order = np.argsort(keys, kind="stable")
        parts.append((keys, order, np.searchsorted(keys[order], np.arange(_VALUES + 1))))
    for keys, order, starts in parts:
        for left, right in _pairs(order, starts, np.arange(len(keys)), keys):
            behind = left < right
            yield left[behind], right[behind]
    for keys, order, starts in parts if differing else ():
        for bit in range(_PART_BITS):
            lower = np.flatnonzero(keys & (1 << bit) == 0)  # so that each pair comes once
            yield from _pairs(order, starts, lower, keys[lower] | (1 << bit))


def _pairs(order: Numbers, starts: Numbers, left: Numbers, wanted: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
    """Each place in `left` with all places whose key is the one that is wanted for it. `order` are the places ordered
    by key, and `starts` says where the places of each key begin in it."""
    first, counts = starts[wanted], np.diff(starts)[wanted]
    ends = np.cumsum(counts)
    begin = 0
    while begin < len(left):
        before = ends[begin - 1] if begin else 0
        end = max(int(np.searchsorted(ends, before + _AT_ONCE, side="right")), begin + 1)
        some = counts[begin:end]
        repeated = np.repeat(np.arange(begin, end), some)
        within = np.arange(len(repeated)) - np.repeat(np.cumsum(some) - some, some)
        yield left[repeated], order[first[repeated] + within]
        begin = end


def _joined(labels: Numbers, left: Numbers, right: Numbers) -> Numbers:
    """The labels of clusters after these pairs have come together: each is the first place of its cluster.

    Labels of both sides become the smaller one, and then those of labels, until nothing changes.
    """
    while True:
        low = np.minimum(labels[left], labels[right])
        joined = labels.copy()
        np.minimum.at(joined, labels[left], low)
        np.minimum.at(joined, labels[right], low)
        while True:
            shorter = joined[joined]
            if np.array_equal(shorter, joined):
                break
            joined = shorter
        if np.array_equal(joined, labels):
            return joined
        labels = joined


def _members(labels: Numbers) -> list[Numbers]:
    order = np.argsort(labels, kind="stable")
    _, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    groups = [order[start : start + count] for start, count in zip(starts, counts, strict=True) if count > 1]
    return sorted(groups, key=lambda each: int(each[0]))
