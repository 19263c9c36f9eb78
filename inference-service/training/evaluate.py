"""Evaluate the models of the repository on phantoms of the test seeds, and write the figures into their CARD.md.

``python -m training.evaluate`` runs the committed model.onnx with onnxruntime on the test seeds: area under the ROC
curve as the Mann-Whitney statistic with a 95 % percentile-bootstrap interval, expected calibration error over 15
equal-width bins (Guo et al., ICML 2017), sensitivity and specificity at the operating point. Needs no torch.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped,unused-ignore]
from numpy.typing import NDArray

from training import cohorts
from training.card import card
from training.cohorts import Cohort
from training.localisation import PHANTOMS, coverage

MODELS = Path(__file__).resolve().parent.parent / "model-repository"
RESAMPLES = 1000
BINS = 15

Scores = NDArray[np.float64]
Truth = NDArray[np.bool_]


@dataclass(frozen=True)
class Figures:
    """The figures of one label on the test seeds."""

    label: str
    positives: int
    auroc: float
    low: float
    high: float
    ece: float
    threshold: float
    sensitivity: float
    specificity: float


def auroc(scores: Scores, truth: Truth) -> float:
    """Area under the ROC curve of scores (N,), ties counted half. Raises ``ValueError`` if one class is missing."""
    positives = int(truth.sum())
    negatives = truth.size - positives
    if positives == 0 or negatives == 0:
        raise ValueError("the area under the ROC curve needs both classes")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2.0
    won = ranks[place][truth].sum() - positives * (positives + 1) / 2.0
    return float(won / (positives * negatives))


def bootstrap(scores: Scores, truth: Truth, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of the AUROC over resampled phantoms."""
    rng = np.random.Generator(np.random.PCG64(seed))
    areas = []
    for _ in range(RESAMPLES):
        chosen = rng.integers(0, truth.size, truth.size)
        areas.append(auroc(scores[chosen], truth[chosen]))
    low, high = np.percentile(areas, (2.5, 97.5))
    return float(low), float(high)


def calibration_error(scores: Scores, truth: Truth) -> float:
    """Expected calibration error: mean gap between score and frequency, weighted by how many fall into each bin."""
    place = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    gaps = [abs(scores[place == at].sum() - truth[place == at].sum()) for at in range(BINS)]
    return float(sum(gaps) / truth.size)


def activate(logits: NDArray[np.float32], activation: str) -> Scores:
    """Scores (N, labels) of logits for "sigmoid" or "softmax"."""
    exact = logits.astype(np.float64)
    if activation == "sigmoid":
        return np.asarray(1.0 / (1.0 + np.exp(-exact)))
    grown = np.exp(exact - exact.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True))


def run(folder: Path, grey: NDArray[np.uint8]) -> Scores:
    """Scores (N, labels) of a model folder for 8-bit inputs (N, H, W)."""
    described = tomllib.loads((folder / "model.toml").read_text(encoding="utf-8"))
    session = ort.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    name = described["input"]["name"]
    parts = [
        session.run([described["output"]["name"]], {name: cohorts.scale(grey[start : start + 64])})[0]
        for start in range(0, len(grey), 64)
    ]
    return activate(np.concatenate(parts), described["output"]["activation"])


def measure(cohort: Cohort, scores: Scores, truth: Truth, thresholds: list[float]) -> list[Figures]:
    """The figures of each label. In a softmax of two classes the second one mirrors the first and is left out."""
    labels = cohort.labels[:1] if cohort.activation == "softmax" else cohort.labels
    figures = []
    for place, label in enumerate(labels):
        score, true = scores[:, place], truth[:, place]
        low, high = bootstrap(score, true)
        called = score >= thresholds[place]
        figures.append(
            Figures(
                label=label,
                positives=int(true.sum()),
                auroc=auroc(score, true),
                low=low,
                high=high,
                ece=calibration_error(score, true),
                threshold=thresholds[place],
                sensitivity=float(called[true].mean()),
                specificity=float((~called[~true]).mean()),
            )
        )
    return figures


def evaluate(cohort: Cohort, folder: Path, processes: int) -> list[Figures]:
    """Evaluate the model in a folder on the test seeds of its cohort, and rewrite its CARD.md."""
    grey, truth = cohorts.load(cohort, "test", processes)
    described = tomllib.loads((folder / "model.toml").read_text(encoding="utf-8"))
    figures = measure(cohort, run(folder, grey), truth > 0.5, described["output"]["thresholds"])
    session = ort.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    places = coverage(cohort, folder, cohort.seeds("test")[:PHANTOMS])
    (folder / "CARD.md").write_text(card(cohort, folder, figures, places, facts), encoding="utf-8")
    return figures


def main(arguments: list[str]) -> None:
    """Command line: the model repository and the number of processor cores."""
    parser = argparse.ArgumentParser(description="Judge the demonstration models on the test seeds.")
    parser.add_argument("--repository", type=Path, default=MODELS)
    parser.add_argument("--cores", type=int, default=2)
    chosen = parser.parse_args(arguments)
    for cohort in cohorts.COHORTS:
        figures = evaluate(cohort, chosen.repository / cohort.model / "1", chosen.cores)
        for row in figures:
            print(
                f"{cohort.model} {row.label}: AUROC {row.auroc:.4f} [{row.low:.4f}, {row.high:.4f}], "
                f"ECE {row.ece:.4f}, at {row.threshold}: {row.sensitivity:.3f} / {row.specificity:.3f}"
            )
        print(f"{cohort.model}: macro AUROC {np.mean([row.auroc for row in figures]):.4f}")


if __name__ == "__main__":
    main(sys.argv[1:])
