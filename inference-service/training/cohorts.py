"""The phantoms for training and evaluation: seed ranges, prevalences, and the preprocessing to the model's input.

The ranges of the training, validation and test seeds do not overlap. A phantom is drawn larger than the model's input,
stored with 8 bits and often as a JPEG, and then resized by Pillow exactly as the service does it, so that the model
meets the quantisation, the blocks and the resampling of the files people send.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training import phantoms

INPUT_SIZE = 160
VALUE_RANGE = (-1.0, 1.0)
PREVALENCE = 0.32  # of each of the five findings, independently
COVID_PREVALENCE = 0.5

Split = Literal["training", "validation", "test", "samples"]


@dataclass(frozen=True)
class Cohort:
    """A task: its name in the model repository, its labels in order, and the ranges of its seeds."""

    model: str
    title: str
    labels: tuple[str, ...]
    activation: Literal["sigmoid", "softmax"]
    first_seed: dict[Split, int]
    count: dict[Split, int]
    epochs: int

    def seeds(self, split: Split) -> range:
        """The seeds of a split."""
        first = self.first_seed[split]
        return range(first, first + self.count[split])


CHEST = Cohort(
    model="chest-findings",
    title="Five chest findings, demonstration",
    labels=phantoms.FINDINGS[:5],
    activation="sigmoid",
    first_seed={"training": 1_000_000, "validation": 2_000_000, "test": 3_000_000, "samples": 4_000_000},
    count={"training": 9000, "validation": 1500, "test": 3000, "samples": 1000},
    epochs=10,
)
COVID = Cohort(
    model="covid19",
    title="COVID-19 against normal, demonstration",
    labels=(phantoms.COVID_19, "NORMAL"),
    activation="softmax",
    first_seed={"training": 11_000_000, "validation": 12_000_000, "test": 13_000_000, "samples": 14_000_000},
    count={"training": 5000, "validation": 1500, "test": 3000, "samples": 1000},
    epochs=10,
)
COHORTS = (CHEST, COVID)


def present_in(cohort: Cohort, seed: int) -> tuple[str, ...]:
    """The findings of the phantom that a seed of this cohort draws."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, 99))))
    if cohort.activation == "softmax":
        return (phantoms.COVID_19,) if rng.random() < COVID_PREVALENCE else ()
    chosen = rng.random(len(cohort.labels)) < PREVALENCE
    return tuple(label for label, here in zip(cohort.labels, chosen, strict=True) if here)


def targets(cohort: Cohort, present: Sequence[str]) -> NDArray[np.float32]:
    """The ground truth (labels,) as 0 and 1. In the softmax task a phantom without findings is "NORMAL"."""
    names = set(present) or {"NORMAL"}
    return np.array([label in names for label in cohort.labels], dtype=np.float32)


def to_input(picture: Image.Image) -> NDArray[np.uint8]:
    """A grey picture (mode L) as 8-bit grey (INPUT_SIZE, INPUT_SIZE), cropped and resized as the service does it."""
    edge = min(picture.size)
    left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
    square = picture.crop((left, top, left + edge, top + edge))
    return np.asarray(square.resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.BILINEAR), dtype=np.uint8)


def scale(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """8-bit grey (N, H, W) to the model's float32 (N, 1, H, W): 0 becomes VALUE_RANGE[0], 255 VALUE_RANGE[1]."""
    low, high = VALUE_RANGE
    scaled: NDArray[np.float32] = (low + (high - low) / 255.0 * grey[:, None].astype(np.float32)).astype(np.float32)
    return scaled


def acquire(cohort: Cohort, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """One example: the model's input as 8-bit grey, and its ground truth."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, 98))))
    size = int(rng.choice((176, 224, 320, 512), p=(0.70, 0.20, 0.08, 0.02)))
    phantom = phantoms.draw(seed, size, present_in(cohort, seed))
    picture = Image.fromarray(np.rint(phantom.pixels * 255.0).astype(np.uint8))
    if rng.random() < 0.3:
        stored = io.BytesIO()
        picture.save(stored, "JPEG", quality=int(rng.integers(55, 96)))
        picture = Image.open(stored)
    return to_input(picture), targets(cohort, phantom.labels)


def _acquire(job: tuple[str, int]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    return acquire(next(cohort for cohort in COHORTS if cohort.model == job[0]), job[1])


def load(cohort: Cohort, split: Split, processes: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Draw a whole split: grey (N, INPUT_SIZE, INPUT_SIZE) uint8 and truth (N, labels) float32, in seed order."""
    # One thread for each process: workers that share the cores must not each start a pool of spinning BLAS threads.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    jobs = [(cohort.model, seed) for seed in cohort.seeds(split)]
    with get_context("spawn").Pool(processes) as pool:
        drawn = pool.map(_acquire, jobs, chunksize=50)
    return np.stack([grey for grey, _ in drawn]), np.stack([truth for _, truth in drawn])
