"""Small real ONNX graphs, made by the tests: a mean over the picture, then one weight and bias a label.

With maps they have a second output: the mean over each of 4 by 4 cells, times the weight of each label."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

DESCRIPTION = """
title = "A test model"
description = "Means of pictures; not a medical device."
demonstration = true
license = "MIT"
sha256 = "{sha256}"
{extra}
[input]
name = "image"
width = {size}
height = {size}
channels = {channels}
range = [0.0, 1.0]
crop = "center"

[output]
name = "logits"
activation = "{activation}"
labels = {labels}
thresholds = {thresholds}
{maps}

{serves}
"""
FINDINGS = {
    "atelectasis": "Atelectasis",
    "cardiomegaly": "Cardiomegaly",
    "consolidation": "Consolidation",
    "edema": "Edema",
    "pleural_effusion": "Effusion",
}


def mean_graph(labels: int, *, channels: int = 1, size: int = 16, maps: bool = False) -> bytes:
    """logits[n, i] = (i + 1) * mean(picture n) - 1, and cam[n, i] = (i + 1) * (means of the cells of picture n)."""
    weights = np.tile(np.arange(1, labels + 1, dtype=np.float32), (channels, 1)) / channels
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", labels])]
    kernels = [onnx.numpy_helper.from_array(np.ascontiguousarray(weights.T)[:, :, np.newaxis, np.newaxis], "kernels")]
    if maps:
        cell = [size // 4, size // 4]
        nodes.append(helper.make_node("AveragePool", ["image"], ["cells"], kernel_shape=cell, strides=cell))
        nodes.append(helper.make_node("Conv", ["cells", "kernels"], ["cam"]))
        outputs.append(helper.make_tensor_value_info("cam", TensorProto.FLOAT, ["batch", labels, 4, 4]))
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", channels, size, size])],
        outputs,
        [
            *(kernels if maps else []),
            onnx.numpy_helper.from_array(weights, "weights"),
            onnx.numpy_helper.from_array(np.full(labels, -1, dtype=np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def write_model(
    repository: Path,
    name: str = "means",
    version: str = "1",
    *,
    labels: tuple[str, ...] = tuple(FINDINGS.values()),
    activation: str = "sigmoid",
    system: str = "chexray",
    fields: dict[str, str] | None = None,
    channels: int = 1,
    size: int = 16,
    maps: bool = False,
    extra: str = "",
    sha256: str | None = None,
) -> Path:
    """A model folder in a repository; returns the folder."""
    folder = repository / name / version
    folder.mkdir(parents=True)
    graph = mean_graph(len(labels), channels=channels, size=size, maps=maps)
    (folder / "model.onnx").write_bytes(graph)
    serves = "\n".join(f'"{field}" = "{label}"' for field, label in (fields or FINDINGS).items())
    text = DESCRIPTION.format(
        sha256=sha256 or hashlib.sha256(graph).hexdigest(),
        extra=extra,
        size=size,
        channels=channels,
        activation=activation,
        labels=list(labels),
        thresholds=[0.5] * len(labels),
        maps='class_activation = "cam"' if maps else "",
        serves=f"[serves.{system}]\n{serves}",
    )
    (folder / "model.toml").write_text(text)
    (folder / "CARD.md").write_text("# Means\n\nNot a medical device.\n")
    return folder
