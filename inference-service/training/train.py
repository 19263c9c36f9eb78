"""Train the demonstration models and put them into the model repository.

``python -m training.train [--model NAME]`` draws the phantoms, trains on the processor with fixed seeds,
calibrates on the validation seeds (Platt scaling; Guo et al., ICML 2017, on why), chooses the operating points there
too, and writes model.onnx and model.toml. ``python -m training.evaluate`` then evaluates the file on the test seeds.
Known limit: the same seeds give the same phantoms everywhere, but torch's sums depend on the number of threads and
the processor, so a second training gives a model of the same quality and not the same bytes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from training import cohorts, repository
from training.cohorts import Cohort
from training.network import Deployed, PhantomNet

SEED = 20200914
BATCH = 64
PEAK_LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.02
SHIFT = 5  # pixels
VERSION = "1"
DESCRIPTION = (
    "A small network trained on synthetic phantoms of chest radiographs to show the whole way of a picture through "
    "Lightbox. It has seen no patient, is no medical device and makes no clinical claim."
)

Loss = Callable[[Tensor, Tensor], Tensor]


def loss_of(cohort: Cohort) -> Loss:
    """Binary cross-entropy for independent findings, cross-entropy for exclusive classes."""
    if cohort.activation == "softmax":
        return functional.cross_entropy
    return functional.binary_cross_entropy_with_logits


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift, contrast, brightness and grain, one draw a picture (the shift one a batch); same shape."""
    count, _, height, width = images.shape
    down, right = torch.randint(0, 2 * SHIFT + 1, (2,), generator=generator).tolist()
    padded = functional.pad(images, (SHIFT,) * 4, mode="replicate")
    moved = padded[:, :, down : down + height, right : right + width]
    gain = 1.0 + 0.12 * torch.randn(count, 1, 1, 1, generator=generator)
    offset = 0.08 * torch.randn(count, 1, 1, 1, generator=generator)
    grain = 0.04 * torch.rand(count, 1, 1, 1, generator=generator)
    return (gain * moved + offset + grain * torch.randn(moved.shape, generator=generator)).clamp(-1.0, 1.0)


def fit(cohort: Cohort, images: Tensor, truth: Tensor) -> PhantomNet:
    """Train a network on scaled images (N, 1, H, W) and truth (N, labels)."""
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    network = PhantomNet(len(cohort.labels))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    loss = loss_of(cohort)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY)
    steps = cohort.epochs * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LEARNING_RATE, total_steps=steps)
    network.train()
    for epoch in range(cohort.epochs):
        total = 0.0
        order = torch.randperm(len(images), generator=generator)
        whole = order[: len(order) // BATCH * BATCH].view(-1, BATCH)
        for batch in whole.unbind():
            pictures = augment(images[batch], generator).contiguous(memory_format=torch.channels_last)
            error = loss(network(pictures), truth[batch])
            optimizer.zero_grad()
            error.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += error.item()
        print(f"{cohort.model}: epoch {epoch + 1}/{cohort.epochs}, loss {total / len(whole):.4f}", flush=True)
    network.eval()
    return network


def predict(network: PhantomNet, images: Tensor) -> Tensor:
    """Logits (N, labels) of scaled images, in batches."""
    with torch.no_grad():
        return torch.cat([network(part) for part in torch.split(images, 256)])


def calibrate(cohort: Cohort, logits: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Platt scaling on validation logits: scale and bias (labels,) that minimise the loss.

    Exclusive classes share one scale (temperature scaling), so that their order is changed by the bias alone.
    """
    exclusive = cohort.activation == "softmax"
    scale = torch.ones(1 if exclusive else logits.shape[1], requires_grad=True)
    bias = torch.zeros(logits.shape[1], requires_grad=True)
    loss = loss_of(cohort)
    optimizer = torch.optim.LBFGS([scale, bias], lr=0.5, max_iter=200)

    def closure() -> Tensor:
        optimizer.zero_grad()
        error = loss(logits * scale + bias, truth)
        error.backward()  # type: ignore[no-untyped-call]
        return error

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return scale.detach().expand(logits.shape[1]).clone(), bias.detach()


def activated(cohort: Cohort, logits: Tensor) -> NDArray[np.float64]:
    """Scores (N, labels) in 0..1, as the service computes them."""
    scores = logits.softmax(1) if cohort.activation == "softmax" else logits.sigmoid()
    return scores.double().numpy()


def operating_point(scores: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """The threshold with the greatest sensitivity + specificity (Youden 1950), to two decimals."""
    candidates = np.arange(0.05, 0.96, 0.01)
    called = scores[:, None] >= candidates
    youden = called[truth == 1].mean(0) - called[truth == 0].mean(0)
    return round(float(candidates[int(np.argmax(youden))]), 2)


def write_model(cohort: Cohort, deployed: Deployed, thresholds: list[float], seconds: float) -> None:
    """Write model.onnx and model.toml of a cohort into the repository."""
    folder = repository.MODELS / cohort.model / VERSION
    parameters = sum(tensor.numel() for tensor in deployed.network.parameters())
    metadata = {"training_seconds": f"{seconds:.0f}", "parameters": str(parameters)}
    repository.export(deployed, folder / "model.onnx", cohorts.INPUT_SIZE, metadata)
    if cohort.activation == "softmax":
        serves = {"serves.covid19": {label: label for label in cohort.labels}}
    else:
        serves = {"serves.chexray": {label.lower().replace(" ", "_"): label for label in cohort.labels}}
    repository.write_toml(
        folder / "model.toml",
        {
            "": {
                "title": cohort.title,
                "description": DESCRIPTION,
                "demonstration": True,
                "license": "MIT",
                "sha256": repository.sha256(folder / "model.onnx"),
            },
            "input": {
                "name": "image",
                "width": cohorts.INPUT_SIZE,
                "height": cohorts.INPUT_SIZE,
                "channels": 1,
                "range": cohorts.VALUE_RANGE,
                "crop": "center",
            },
            "output": {
                "name": "logits",
                "activation": cohort.activation,
                "labels": cohort.labels,
                "thresholds": thresholds,
                "normalization": "none",
                "class_activation": "cam",
            },
            **serves,
        },
    )


def train(cohort: Cohort, processes: int) -> None:
    """Train, calibrate and write one model."""
    started = time.monotonic()
    images, truth = (torch.from_numpy(part) for part in _scaled(cohort, "training", processes))
    held_images, held_truth = (torch.from_numpy(part) for part in _scaled(cohort, "validation", processes))
    drawn = time.monotonic() - started
    print(f"{cohort.model}: {len(images)} + {len(held_images)} phantoms in {drawn:.0f} s", flush=True)
    network = fit(cohort, images, truth)
    logits = predict(network, held_images)
    scale, bias = calibrate(cohort, logits, held_truth)
    scores = activated(cohort, logits * scale + bias)
    known = held_truth.double().numpy()
    thresholds = [operating_point(scores[:, place], known[:, place]) for place in range(len(cohort.labels))]
    if cohort.activation == "softmax":
        thresholds[1] = round(1.0 - thresholds[0], 2)
    seconds = time.monotonic() - started
    write_model(cohort, Deployed(network, scale, bias), thresholds, seconds)
    print(f"{cohort.model}: {seconds:.0f} s, scale {scale.tolist()}, thresholds {thresholds}", flush=True)


def _scaled(cohort: Cohort, split: cohorts.Split, processes: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    grey, truth = cohorts.load(cohort, split, processes)
    return cohorts.scale(grey), truth


def main(arguments: list[str]) -> None:
    """Command line: one model to train (both without it) and the number of processor cores."""
    parser = argparse.ArgumentParser(description="Train the demonstration models on phantoms.")
    parser.add_argument("--model", choices=[cohort.model for cohort in cohorts.COHORTS])
    parser.add_argument("--cores", type=int, default=2)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.cores)
    torch.use_deterministic_algorithms(True)
    for cohort in cohorts.COHORTS:
        if chosen.model in (None, cohort.model):
            train(cohort, chosen.cores)


if __name__ == "__main__":
    main(sys.argv[1:])
