"""Pictures that are there more than once."""

import hashlib
from itertools import combinations
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.gallery import Gallery

from imagehub_service.gallery.duplicates.near import find_clusters

HASH = st.integers(0, 2**64 - 1)


@st.composite
def related(draw: st.DrawFn) -> list[int]:
    """Hashes of which some are near each other."""
    hashes = draw(st.lists(HASH, min_size=1, max_size=6))
    for _ in range(draw(st.integers(0, 12))):
        near = draw(st.sampled_from(hashes))
        for bit in draw(st.lists(st.integers(0, 63), max_size=9)):
            near ^= 1 << bit
        hashes.append(near)
    return draw(st.permutations(hashes))


def expected(hashes: list[int], distance: int) -> list[list[int]]:
    """The clusters, by comparing all with all."""
    labels = list(range(len(hashes)))
    for _ in hashes:
        for one, other in combinations(range(len(hashes)), 2):
            if (hashes[one] ^ hashes[other]).bit_count() <= distance:
                labels[one] = labels[other] = min(labels[one], labels[other])
    clusters = [[place for place, each in enumerate(labels) if each == label] for label in sorted(set(labels))]
    return [cluster for cluster in clusters if len(cluster) > 1]


@settings(deadline=None)
@given(related(), st.integers(0, 7))
def test_clusters_are_those_of_comparing_all_with_all(hashes: list[int], distance: int) -> None:
    found = find_clusters(np.array(hashes, dtype=np.uint64), distance)
    assert found.is_complete
    assert [each.tolist() for each in found.members] == expected(hashes, distance)


def test_no_hashes() -> None:
    assert find_clusters(np.array([], dtype=np.uint64), 6).members == []


def test_a_thousand_equal_hashes_are_one_comparison() -> None:
    found = find_clusters(np.full(1000, 2**63, dtype=np.uint64), 0, max_comparisons=0)
    assert (found.is_complete, [len(each) for each in found.members]) == (True, [1000])


def test_the_number_of_comparisons_is_bounded() -> None:
    hashes = np.arange(3000, dtype=np.uint64)  # three of the four parts are equal
    assert not find_clusters(hashes, 1, max_comparisons=1000).is_complete
    assert find_clusters(hashes, 1).is_complete


def test_a_long_chain_is_one_cluster() -> None:
    chain = np.array([sum(1 << bit for bit in range(length)) for length in range(65)], dtype=np.uint64)
    [members] = find_clusters(np.random.default_rng(1).permutation(chain), 1).members
    assert members.tolist() == list(range(65))


async def test_near_and_exact_duplicates(gallery: Gallery) -> None:
    group = await gallery.group()
    same = hashlib.sha256(b"same").digest()
    pictures = []
    for difference_hash, is_same in ((0, True), (-1, False), (0b11, False), (0, True), (-2, False), (2**40, True)):
        columns: dict[str, Any] = {"difference_hash": difference_hash, **({"sha256": same} if is_same else {})}
        pictures.append(await gallery.picture(group, **columns))
    first, minus_one, three, second, minus_two, third = pictures

    async def listed(**parameters: object) -> list[tuple[bool, list[int]]]:
        found = await gallery.listed("/duplicates", "duplicates", **parameters)
        assert all(each["picture_count"] == len(each["pictures"]) for each in found)
        return [(each["exact"], [picture["id"] for picture in each["pictures"]]) for each in found]

    for limit in (1, 20):
        assert await listed(kind="exact", limit=limit) == [(True, [first, second, third])]
        near = [(False, [first, three, second, third]), (False, [minus_one, minus_two])]
        assert await listed(limit=limit) == near
        assert await listed(limit=limit, distance=1) == [
            (True, [first, second, third]),
            (False, [minus_one, minus_two]),
        ]
    assert await listed(distance=0) == [(True, [first, second])]
    await gallery.ok("DELETE", f"/pictures/{minus_one}")
    assert await listed(distance=1) == [(True, [first, second, third])]
    assert (await gallery.ok("GET", "/duplicates"))["complete"] is True


async def test_of_many_duplicates_the_oldest_are_shown(gallery: Gallery) -> None:
    group = await gallery.group()
    same = hashlib.sha256(b"same").digest()
    pictures = [await gallery.picture(group, sha256=same, difference_hash=5) for _ in range(22)]
    for kind in ("exact", "near"):
        [found] = await gallery.listed("/duplicates", "duplicates", kind=kind)
        assert (found["picture_count"], [each["id"] for each in found["pictures"]]) == (22, pictures[:20])
