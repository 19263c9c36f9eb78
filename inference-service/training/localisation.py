"""How well class-activation maps cover what was drawn: the share of a finding that lies in their hottest fifth.

A finding is drawn alone, and what it added is the difference in attenuation to the same phantom without it, wherever
that is. The map of its label is enlarged as heatmaps are (bicubic). A fifth of the picture that is chosen at random
covers a fifth of the finding on average: that is chance. Known limit: atelectasis also moves the heart and the
diaphragm, all of which counts as drawn, so that its share is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped,unused-ignore]
from numpy.typing import NDArray
from PIL import Image

from training import cohorts, phantoms
from training.cohorts import Cohort

PHANTOMS = 100
HOTTEST = 0.2  # of the picture


@dataclass(frozen=True)
class Coverage:
    """How maps of one label cover what was drawn, over several phantoms."""

    label: str
    phantoms: int
    mean: float
    """The mean share of the finding in the hottest fifth; `HOTTEST` is chance."""
    above_chance: int
    """The number of phantoms in which the share is above chance."""


def share(activations: NDArray[np.float32], drawn: NDArray[np.float64]) -> float:
    """The share of what was drawn, weights (size, size) >= 0, in the hottest fifth of a map (rows, columns)."""
    enlarged = Image.fromarray(activations).resize(drawn.shape[::-1], Image.Resampling.BICUBIC)
    place = np.argsort(np.asarray(enlarged), axis=None)[-round(drawn.size * HOTTEST) :]
    return float(drawn.ravel()[place].sum() / drawn.sum())


def coverage(cohort: Cohort, folder: Path, seeds: Sequence[int]) -> list[Coverage]:
    """The coverage of each label that is drawn, by the model of a folder, on phantoms of these seeds."""
    session = ort.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    found = []
    for place, label in enumerate(cohort.labels):
        if label not in phantoms.FINDINGS:
            continue
        shares = []
        for seed in seeds:
            phantom = phantoms.draw(seed, cohorts.INPUT_SIZE, (label,))
            without = phantoms.draw(seed, cohorts.INPUT_SIZE)
            picture = Image.fromarray(np.rint(phantom.pixels * 255.0).astype(np.uint8))
            (maps,) = session.run(["cam"], {"image": cohorts.scale(cohorts.to_input(picture)[None])})
            drawn = np.abs(phantom.attenuation.astype(np.float64) - without.attenuation)
            shares.append(share(maps[0, place], drawn))
        above = sum(each > HOTTEST for each in shares)
        found.append(Coverage(label, len(shares), float(np.mean(shares)), above))
    return found
