"""The committed models are complete and small, match their descriptions, and are right about the samples."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped,unused-ignore]
import pytest
from PIL import Image
from training import cohorts, evaluate, localisation, phantoms
from training.cohorts import Cohort

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:onnxruntime")

BOTH = pytest.mark.parametrize("cohort", cohorts.COHORTS, ids=lambda cohort: cohort.model)


def folder_of(cohort: Cohort) -> Path:
    return evaluate.MODELS / cohort.model / "1"


def described(cohort: Cohort) -> dict[str, Any]:
    return tomllib.loads((folder_of(cohort) / "model.toml").read_text(encoding="utf-8"))


@BOTH
def test_the_file_is_small_and_the_one_described(cohort: Cohort) -> None:
    content = (folder_of(cohort) / "model.onnx").read_bytes()
    assert len(content) <= 5_000_000
    assert hashlib.sha256(content).hexdigest() == described(cohort)["sha256"]
    assert b"/home/" not in content
    assert b".py" not in content


@BOTH
def test_the_graph_matches_its_description(cohort: Cohort) -> None:
    text = described(cohort)
    session = ort.InferenceSession(folder_of(cohort) / "model.onnx", providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()
    assert image.name == text["input"]["name"]
    assert image.type == "tensor(float)"
    assert isinstance(image.shape[0], str)
    assert image.shape[1:] == [text["input"]["channels"], text["input"]["height"], text["input"]["width"]]
    assert [output.name for output in session.get_outputs()] == [
        text["output"]["name"],
        text["output"]["class_activation"],
    ]
    labels = text["output"]["labels"]
    batch = np.random.default_rng(0).uniform(-1, 1, (3, *image.shape[1:])).astype(np.float32)
    logits, cam = session.run(None, {"image": batch})
    assert logits.shape == (3, len(labels))
    assert cam.shape[:2] == (3, len(labels))
    (alone,) = session.run(["logits"], {"image": batch[1:2]})
    np.testing.assert_allclose(alone[0], logits[1], atol=1e-4)
    bias = logits - cam.mean((2, 3))
    np.testing.assert_allclose(bias, np.broadcast_to(bias[0], bias.shape), atol=1e-4)


@BOTH
def test_the_description_is_complete(cohort: Cohort) -> None:
    text = described(cohort)
    assert text["demonstration"] is True
    assert "synthetic" in text["description"]
    assert "no medical device" in text["description"]
    assert tuple(text["output"]["labels"]) == cohort.labels
    assert len(text["output"]["thresholds"]) == len(cohort.labels)
    assert all(0.0 < threshold < 1.0 for threshold in text["output"]["thresholds"])
    assert text["output"]["activation"] == cohort.activation
    assert (text["input"]["width"], text["input"]["height"]) == (cohorts.INPUT_SIZE, cohorts.INPUT_SIZE)
    assert tuple(text["input"]["range"]) == cohorts.VALUE_RANGE
    (served,) = text["serves"].values()
    assert set(served.values()) == set(cohort.labels)


@BOTH
def test_the_card_says_what_it_must_and_the_figures_hold_up(cohort: Cohort) -> None:
    text = (folder_of(cohort) / "CARD.md").read_text(encoding="utf-8")
    assert "Not a medical device, no clinical claim; synthetic phantoms only." in text
    for split in ("training", "validation", "test"):
        assert f"{cohort.first_seed[split]:,}" in text
    row = re.compile(r"^\| ([A-Z][\w -]+) \| \d+ \| ([\d.]+) \| ([\d.]+) to ([\d.]+) \| ([\d.]+) \|", re.MULTILINE)
    rows = row.findall(text)
    assert [found[0] for found in rows] == list(cohort.labels[: len(rows)])
    assert np.mean([float(found[1]) for found in rows]) >= 0.95
    assert max(float(found[4]) for found in rows) <= 0.05
    for _, area, low, high, _ in rows:
        assert float(low) <= float(area) <= float(high)


@BOTH
def test_a_fresh_handful_of_test_phantoms_agrees_with_the_card(cohort: Cohort) -> None:
    drawn = [cohorts.acquire(cohort, seed) for seed in cohort.seeds("test")[:150]]
    truth = np.stack([label for _, label in drawn]) > 0.5
    scores = evaluate.run(folder_of(cohort), np.stack([grey for grey, _ in drawn]))
    areas = [evaluate.auroc(scores[:, place], truth[:, place]) for place in range(len(cohort.labels))]
    assert np.mean(areas) > 0.93


@BOTH
def test_maps_cover_what_was_drawn_better_than_chance_and_as_the_card_says(cohort: Cohort) -> None:
    """Per finding, on test phantoms that are not among those of the card."""
    text = (folder_of(cohort) / "CARD.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Z][\w -]+) \| (\d+) \| (\d+)% \| ([\d.]+) \| (\d+) \|$", text, re.MULTILINE)
    said = {label: (int(count), int(mean) / 100, float(times), int(above)) for label, count, mean, times, above in rows}
    count = 8
    seeds = cohort.seeds("test")[localisation.PHANTOMS : localisation.PHANTOMS + count]
    found = localisation.coverage(cohort, folder_of(cohort), seeds)
    assert [each.label for each in found] == list(said) == [label for label in cohort.labels if label != "NORMAL"]
    for each in found:
        drawn, mean, times, above = said[each.label]
        assert drawn == localisation.PHANTOMS
        assert times == pytest.approx(mean / localisation.HOTTEST, abs=0.06)
        assert mean > 2 * localisation.HOTTEST
        assert above >= 0.95 * drawn
        assert each.above_chance >= count - 1
        assert each.mean > 1.5 * localisation.HOTTEST
        assert abs(each.mean - mean) < 0.15


def test_the_share_of_known_maps() -> None:
    size = 20
    drawn = np.zeros((size, size))
    drawn[:, : size // 5] = 1.0  # exactly a fifth
    toward = np.tile(np.linspace(1, 0, size, dtype=np.float32), (size, 1))
    assert localisation.share(toward, drawn) == pytest.approx(1.0)
    assert localisation.share(toward[:, ::-1].copy(), drawn) == pytest.approx(0.0)
    anywhere = np.random.default_rng(0).random((size, size), dtype=np.float32)
    assert localisation.share(anywhere, np.ones((size, size))) == pytest.approx(localisation.HOTTEST)


def test_auroc_and_calibration_error_of_known_scores() -> None:
    truth = np.array([False, False, True, True])
    assert evaluate.auroc(np.array([0.1, 0.4, 0.35, 0.8]), truth) == pytest.approx(0.75)
    assert evaluate.auroc(np.full(4, 0.5), truth) == pytest.approx(0.5)
    assert evaluate.calibration_error(np.full(4, 0.5), truth) == pytest.approx(0.0)
    assert evaluate.calibration_error(np.ones(4), truth) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="both classes"):
        evaluate.auroc(np.ones(2), np.ones(2, dtype=bool))


def test_a_larger_picture_gets_the_same_answer() -> None:
    folder = folder_of(cohorts.CHEST)
    seed = cohorts.CHEST.seeds("samples")[3]
    answers = []
    for size in (192, 768):
        pixels = phantoms.draw(seed, size, [phantoms.PLEURAL_EFFUSION]).pixels
        picture = Image.fromarray(np.rint(pixels * 255).astype(np.uint8))
        answers.append(evaluate.run(folder, cohorts.to_input(picture)[None])[0])
    assert np.abs(answers[0] - answers[1]).max() < 0.35
