"""The phantoms are the same on every machine, and each finding is where its radiological sign belongs."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from training import cohorts, phantoms

SIZE = 128
KNOWN = "8a08ce349308d3d11e114ff3e673d823982a59e79270bb623f95ae9e27bb5b3b"
SEEDS = range(5_000_000, 5_000_012)


def added(seed: int, finding: str) -> NDArray[np.float32]:
    """What a finding adds to the attenuation of a seed, where there was air before."""
    normal = phantoms.draw(seed, SIZE)
    ill = phantoms.draw(seed, SIZE, [finding])
    difference: NDArray[np.float32] = (ill.attenuation - normal.attenuation) * normal.lungs
    return difference


def test_a_seed_draws_the_same_picture_everywhere() -> None:
    phantom = phantoms.draw(42, 96, [phantoms.EDEMA, phantoms.ATELECTASIS])
    grey = np.rint(phantom.pixels.astype(np.float64) * 255.0).astype(np.uint8)
    assert hashlib.sha256(grey.tobytes()).hexdigest() == KNOWN


def test_pixels_are_grey_levels_and_labels_are_in_order() -> None:
    phantom = phantoms.draw(7, SIZE, [phantoms.PLEURAL_EFFUSION, phantoms.CARDIOMEGALY])
    assert phantom.pixels.shape == (SIZE, SIZE)
    assert phantom.pixels.dtype == np.float32
    assert 0.0 <= phantom.pixels.min() < phantom.pixels.max() <= 1.0
    assert phantom.labels == (phantoms.CARDIOMEGALY, phantoms.PLEURAL_EFFUSION)


def test_another_size_is_the_same_thorax() -> None:
    small, large = phantoms.draw(9, 64), phantoms.draw(9, 128)
    halved = large.attenuation.reshape(64, 2, 64, 2).mean((1, 3))
    assert np.abs(halved - small.attenuation).mean() < 0.03


@pytest.mark.parametrize("size", [31, 4097])
def test_sizes_out_of_range_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 to 4096"):
        phantoms.draw(1, size)


def test_unknown_findings_are_refused() -> None:
    with pytest.raises(ValueError, match="Pneumonia"):
        phantoms.draw(1, SIZE, ["Pneumonia"])


def test_the_cardiothoracic_ratio_decides_about_cardiomegaly() -> None:
    normal = [phantoms.draw(seed, 32).cardiothoracic_ratio for seed in range(200)]
    enlarged = [phantoms.draw(seed, 32, [phantoms.CARDIOMEGALY]).cardiothoracic_ratio for seed in range(200)]
    assert max(normal) < 0.5 < min(enlarged)


@pytest.mark.parametrize(
    "finding", [phantoms.CONSOLIDATION, phantoms.EDEMA, phantoms.PLEURAL_EFFUSION, phantoms.COVID_19]
)
def test_opacities_whiten_the_lungs_and_nothing_else(finding: str) -> None:
    for seed in SEEDS:
        normal, ill = phantoms.draw(seed, SIZE), phantoms.draw(seed, SIZE, [finding])
        difference = ill.attenuation - normal.attenuation
        inside, outside = difference[normal.lungs], difference[~normal.lungs]
        assert inside.max() > 0.05
        assert np.abs(inside).sum() > 2.5 * np.abs(outside).sum()  # soft edges reach out a little


def test_effusion_fills_the_base() -> None:
    for seed in SEEDS:
        change = added(seed, phantoms.PLEURAL_EFFUSION)
        height = (change.sum(1) * np.arange(SIZE)).sum() / change.sum() / SIZE
        assert height > 0.55


def test_edema_is_bilateral_and_perihilar() -> None:
    for seed in SEEDS:
        change = added(seed, phantoms.EDEMA).clip(0.0)
        right, left = change[:, : SIZE // 2].sum(), change[:, SIZE // 2 :].sum()
        assert 0.4 < right / left < 4.0
        height = (change.sum(1) * np.arange(SIZE)).sum() / change.sum() / SIZE
        assert 0.38 < height < 0.62


def test_covid19_is_bilateral_peripheral_and_low() -> None:
    apart, heights = [], []
    for seed in SEEDS:
        change = added(seed, phantoms.COVID_19)
        assert change[:, : SIZE // 2].max() > 0.02
        assert change[:, SIZE // 2 :].max() > 0.02
        off_centre = np.abs(np.arange(SIZE) - SIZE / 2) / SIZE
        apart.append((change.sum(0) * off_centre).sum() / change.sum())
        heights.append((change.sum(1) * np.arange(SIZE)).sum() / change.sum() / SIZE)
    assert np.mean(apart) > 0.26
    assert np.mean(heights) > 0.52


def test_atelectasis_costs_volume() -> None:
    for seed in SEEDS:
        assert phantoms.draw(seed, SIZE, [phantoms.ATELECTASIS]).lungs.sum() < phantoms.draw(seed, SIZE).lungs.sum()


def test_labels_are_balanced_and_independent() -> None:
    seeds = cohorts.CHEST.seeds("training")
    truth = np.stack([cohorts.targets(cohorts.CHEST, cohorts.present_in(cohorts.CHEST, seed)) for seed in seeds])
    assert np.all(np.abs(truth.mean(0) - cohorts.PREVALENCE) < 0.03)
    assert np.abs(np.corrcoef(truth.T) - np.eye(5)).max() < 0.05
    covid = [bool(cohorts.present_in(cohorts.COVID, seed)) for seed in cohorts.COVID.seeds("training")]
    assert abs(np.mean(covid) - cohorts.COVID_PREVALENCE) < 0.03


def test_seed_ranges_never_meet() -> None:
    seen: set[int] = set()
    for cohort in cohorts.COHORTS:
        for split in cohort.first_seed:
            seeds = set(cohort.seeds(split))
            assert not seen & seeds
            seen |= seeds
    assert min(cohort.count["test"] for cohort in cohorts.COHORTS) >= 2000


def test_input_keeps_the_centre_and_the_range() -> None:
    picture = Image.new("L", (400, 200), 0)
    picture.paste(255, (100, 0, 300, 200))
    grey = cohorts.to_input(picture)
    assert grey.shape == (cohorts.INPUT_SIZE, cohorts.INPUT_SIZE)
    assert cohorts.scale(grey[None]).min() == pytest.approx(1.0)
    assert cohorts.scale(np.zeros((1, 4, 4), np.uint8)).max() == pytest.approx(-1.0)
