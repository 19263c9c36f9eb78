"""Export TorchXRayVision's DenseNet-121 into a folder of the model repository.

TorchXRayVision (Cohen et al., MIDL 2022) ships chest radiograph classifiers trained on public data sets. The script
writes model.onnx, model.toml and the skeleton of a CARD.md; sigmoid and operating-point normalization are left to
the service, which reads them from model.toml. With weights it needs the network once, because the library downloads
them into its own cache and unpickles them: do this only on a machine where you trust the library's release files.
``--weights none`` exports the untrained architecture, which is useful only for tests.

Known limits: DenseNet heads with 18 slots only (not the 512-pixel ResNet), and the weights' own licences and the
terms of the data sets behind them are the user's to check.
"""

from __future__ import annotations

import argparse
import importlib
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from training import repository

INPUT_SIZE = 224
VALUE_RANGE = (-1024.0, 1024.0)
CHEXRAY_FIELDS = {
    "atelectasis": "Atelectasis",
    "cardiomegaly": "Cardiomegaly",
    "consolidation": "Consolidation",
    "edema": "Edema",
    "pleural_effusion": "Effusion",
}
WEIGHTS = tuple(f"densenet121-res224-{name}" for name in ("all", "nih", "pc", "chex", "rsna", "mimic_nb", "mimic_ch"))

_CARD = """# TorchXRayVision DenseNet-121 ({weights})

**Not a medical device.** {origin}

## What it is

DenseNet-121, input 1 x 224 x 224 in [-1024, 1024], up to 18 chest findings. A score of 0.5 is the operating point of
a finding (operating-point normalization); scores are not probabilities.

Cohen JP, Viviano JD, Bertin P, et al. TorchXRayVision: A library of chest X-ray datasets and models. Medical Imaging
with Deep Learning (MIDL), 2022. https://github.com/mlmed/torchxrayvision

## To be filled in before use

- Data the weights were trained on, their licences and terms of use:
- Validation on local pictures (how many, from when, which reference standard), AUROC and calibration a finding:
- Operating points, if they differ from the library's:
- Who answers for its use, and under which regulation:
"""


class Wrapped(nn.Module):
    """A DenseNet of the library as logits and class-activation maps, without the steps that trace badly.

    The library's ``forward`` resizes, warns and assigns by a mask; here are only features, ReLU, global average
    pooling and the classifier, whose weights also serve as a 1x1 convolution over the maps.
    """

    def __init__(self, densenet: nn.Module) -> None:
        super().__init__()
        self.features = densenet.get_submodule("features")
        classifier = densenet.get_submodule("classifier")
        if not isinstance(classifier, nn.Linear):
            raise TypeError("the classifier of a DenseNet is one linear layer")
        self.classifier = classifier

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 1, 224, 224) to logits (N, 18) and maps (N, 18, 7, 7)."""
        maps = torch.relu(self.features(image))
        cam = torch.conv2d(maps, self.classifier.weight[:, :, None, None])
        logits: Tensor = self.classifier(maps.mean((2, 3)))
        return logits, cam


def library() -> ModuleType:
    """The module ``torchxrayvision.models``. Raises ``ImportError`` if the library or a dependency is missing.

    The DenseNet needs nothing compiled from torchvision, but the library imports it. A torchvision built for another
    torch (PyPI's beside a CPU build) cannot load its operators, and then fails on import because it describes two of
    them that are not defined. Declaring their signatures is enough: the export never calls them.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise ImportError(f"torchvision cannot be imported: {error}") from error
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        declared = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for operator in ("nms", "qnms"):
            signature = f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            declared.define(signature)  # type: ignore[no-untyped-call]
        _KEPT.append(declared)
        importlib.import_module("torchvision")
    return importlib.import_module("torchxrayvision.models")


_KEPT: list[torch.library.Library] = []  # the declarations are removed together with their object


def describe(weights: str, labels: list[str], points: list[float], digest: str) -> dict[str, dict[str, Any]]:
    """The tables of model.toml. Untrained slots keep the empty label; their threshold, NaN in the library, is 0.5."""
    trained = weights in WEIGHTS
    return {
        "": {
            "title": f"TorchXRayVision DenseNet-121 ({weights if trained else 'untrained'})",
            "description": "DenseNet-121 for chest radiographs by Cohen et al. (MIDL 2022). "
            + ("No medical device; validate before any use." if trained else "Random weights, for tests only."),
            "demonstration": not trained,
            "license": "Apache-2.0",
            "sha256": digest,
        },
        "input": {
            "name": "image",
            "width": INPUT_SIZE,
            "height": INPUT_SIZE,
            "channels": 1,
            "range": VALUE_RANGE,
            "crop": "center",
        },
        "output": {
            "name": "logits",
            "activation": "sigmoid",
            "labels": labels,
            "thresholds": [0.5 if math.isnan(point) else point for point in points],
            "normalization": "operating-point",
            "class_activation": "cam",
        },
        "serves.chexray": {field: label for field, label in CHEXRAY_FIELDS.items() if label in labels},
    }


def export(weights: str, folder: Path) -> Wrapped:
    """Write model.onnx, model.toml and CARD.md into a folder ``<name>/<version>``; returns the exported module."""
    models = library()
    torch.manual_seed(0)
    trained = weights in WEIGHTS
    densenet = models.DenseNet(weights=weights if trained else None).eval()
    facts = models.model_urls[weights if trained else WEIGHTS[0]]
    wrapped = Wrapped(densenet).eval()
    repository.export(wrapped, folder / "model.onnx", INPUT_SIZE, {"weights": weights})
    points = [float(point) for point in facts["op_threshs"]]
    digest = repository.sha256(folder / "model.onnx")
    repository.write_toml(folder / "model.toml", describe(weights, list(facts["labels"]), points, digest))
    origin = "Trained by its authors; not validated here." if trained else "Random weights: its scores mean nothing."
    (folder / "CARD.md").write_text(_CARD.format(weights=weights, origin=origin), encoding="utf-8")
    return wrapped


def main(arguments: list[str]) -> None:
    """Command line: weights of the library or "none", and the model folder with its version."""
    parser = argparse.ArgumentParser(description="Export TorchXRayVision's DenseNet-121 for Lightbox.")
    parser.add_argument("folder", type=Path, help="for instance models/torchxrayvision-densenet121/1")
    parser.add_argument("--weights", choices=(*WEIGHTS, "none"), default=WEIGHTS[0])
    chosen = parser.parse_args(arguments)
    export(chosen.weights, chosen.folder)


if __name__ == "__main__":
    main(sys.argv[1:])
