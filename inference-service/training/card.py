"""The text of CARD.md: the purpose of a demonstration model, its training data, its results and its limits.

The headings follow the model cards of Mitchell et al. (FAT* 2019). The figures come from :mod:`training.evaluate`
and :mod:`training.localisation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Protocol

from training import cohorts
from training.cohorts import Cohort, Split
from training.localisation import HOTTEST


class Row(Protocol):
    """One line of the results table; see ``training.evaluate.Figures``."""

    @property
    def label(self) -> str: ...
    @property
    def positives(self) -> int: ...
    @property
    def auroc(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def ece(self) -> float: ...
    @property
    def threshold(self) -> float: ...
    @property
    def sensitivity(self) -> float: ...
    @property
    def specificity(self) -> float: ...


class Place(Protocol):
    """One line of the table of maps; see ``training.localisation.Coverage``."""

    @property
    def label(self) -> str: ...
    @property
    def phantoms(self) -> int: ...
    @property
    def mean(self) -> float: ...
    @property
    def above_chance(self) -> int: ...


def _seeds(cohort: Cohort, split: Split) -> str:
    seeds = cohort.seeds(split)
    return f"{len(seeds):,} phantoms, seeds {seeds[0]:,} to {seeds[-1]:,}"


def _table(figures: Sequence[Row]) -> str:
    lines = [
        "| Finding | Positives | AUROC | 95 % interval | ECE | Threshold | Sensitivity | Specificity |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.label} | {row.positives} | {row.auroc:.4f} | {row.low:.4f} to {row.high:.4f} | {row.ece:.4f} "
        f"| {row.threshold:.2f} | {row.sensitivity:.3f} | {row.specificity:.3f} |"
        for row in figures
    ]
    if len(figures) > 1:
        area, error = fmean(row.auroc for row in figures), fmean(row.ece for row in figures)
        lines.append(f"| **Mean** | | **{area:.4f}** | | **{error:.4f}** | | | |")
    return "\n".join(lines)


def _maps(places: Sequence[Place]) -> str:
    lines = ["| Finding | Phantoms | In the hottest fifth | Times chance | Above chance |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.label} | {row.phantoms} | {row.mean:.0%} | {row.mean / HOTTEST:.1f} | {row.above_chance} |"
        for row in places
    ]
    return "\n".join(lines)


def card(
    cohort: Cohort, folder: Path, figures: Sequence[Row], places: Sequence[Place], facts: Mapping[str, str]
) -> str:
    """The card as Markdown. ``facts`` are the metadata of the ONNX file."""
    size = (folder / "model.onnx").stat().st_size
    cells = cohorts.INPUT_SIZE // 16
    minutes = int(facts["training_seconds"]) / 60.0
    if cohort.activation == "softmax":
        task = "Tells phantoms drawn with the signs of COVID-19 from normal ones (softmax over two classes)."
        prevalence = f"{cohorts.COVID_PREVALENCE:.0%} of the phantoms have the finding"
        note = "\n\nThe score of NORMAL is one minus the score of COVID-19, and so are its figures."
    else:
        task = f"Scores five findings independently (sigmoid): {', '.join(cohort.labels)}."
        prevalence = f"each finding is present in {cohorts.PREVALENCE:.0%} of them, independently of the others"
        note = ""
    return f"""# {cohort.title}

**Not a medical device, no clinical claim; synthetic phantoms only.** This model exists to show the whole way of a
picture through Lightbox with a real network. Never use it on a person.

## What it is

{task}

- Input: grey picture, {cohorts.INPUT_SIZE} x {cohorts.INPUT_SIZE}, centre crop, black -1, white 1.
- Architecture: residual CNN, four strided stages (5x5 stem, three residual blocks), global average pooling, one
  linear layer; {int(facts["parameters"]):,} parameters. The file has {size / 1e6:.2f} MB.
- Outputs: calibrated logits, and class-activation maps ({cells} x {cells} cells a label).
- Licence: MIT, like the project.

## Data

Chest-radiograph phantoms drawn by `training/phantoms`; {prevalence}.
Three in ten are stored as JPEG before they are read.

- Training: {_seeds(cohort, "training")}
- Validation (calibration, operating points): {_seeds(cohort, "validation")}
- Test (figures below): {_seeds(cohort, "test")}

Training took {minutes:.1f} minutes on two processor cores that had other work too, drawing included
({cohort.epochs} epochs, AdamW, one-cycle schedule). Calibration is Platt scaling, folded into the graph.

## Results

On {cohort.count["test"]:,} test phantoms: AUROC with a 95 % percentile-bootstrap interval over 1,000 resamples,
expected calibration error over 15 bins, sensitivity and specificity at the threshold (chosen by Youden's index on
the validation phantoms).

{_table(figures)}{note}

## Heatmaps

The share of what a finding adds to the attenuation of a phantom that lies in the hottest fifth of its
class-activation map, where the finding is drawn alone on one of the first test seeds. Chance is 20 %.

{_maps(places)}

A map says which places speak for a label. It is not the outline of a finding, and where the score is low it still
has a hottest place.

## Limits

- The figures hold for phantoms of this drawing program and for nothing else. They say that the pipeline and the
  training work; they say nothing about radiographs of people.
- Findings are drawn after their textbook signs; mimics, devices, other views, children and poor positioning are
  missing. On a real radiograph the scores are meaningless, however sure they look.
- Scores are calibrated to the prevalences above.

## Reproduce

```sh
cd inference-service
python -m pip install -r training/requirements.txt
python -m training.train --model {cohort.model}
python -m training.evaluate
```
"""
