"""A model with the computational cost of a real one: DenseNet-121 (Huang et al. 2017) for one grey channel.

The graph is that of torchvision's network exported in evaluation mode: batch normalisation and ReLU before each
convolution, and each layer of a block gets the outputs of all layers before it. The weights are random with a fixed
seed, on which the time of a convolution does not depend.
"""

import hashlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

NAME: Final = "densenet121-random"
SIZE: Final = 224
BLOCKS: Final = (6, 12, 24, 16)
GROWTH: Final = 32
BOTTLENECK: Final = 4 * GROWTH
LABELS: Final = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
SEED: Final = 121

DESCRIPTION: Final = """\
title = "DenseNet-121 with random weights"
description = "Made by the benchmark; it costs what a real model costs and says nothing."
demonstration = true
license = "MIT"
sha256 = "{sha256}"

[input]
name = "image"
width = {size}
height = {size}
channels = 1
range = [-1.0, 1.0]
crop = "center"

[output]
name = "logits"
activation = "sigmoid"
labels = [{labels}]
thresholds = [{thresholds}]

[serves.chexray]
{fields}
"""


class _Network:
    """The nodes and weights of a graph. Values are named by the number of the node whose output they are."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(SEED)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:  # noqa: ANN401 - ONNX's
        output = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def weight(self, values: npt.NDArray[np.float64]) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def convolution(self, value: str, channels: int, filters: int, kernel: int, stride: int = 1) -> str:
        spread = np.sqrt(2 / (channels * kernel * kernel))  # He et al. 2015: keeps the variance of the values
        weight = self.weight(self._random.normal(0, spread, (filters, channels, kernel, kernel)))
        pads = [kernel // 2] * 4
        return self.add("Conv", [value, weight], kernel_shape=[kernel, kernel], strides=[stride, stride], pads=pads)

    def normalised(self, value: str, channels: int) -> str:
        """Add batch normalisation and ReLU. Returns the name of the output."""
        scale, variance = (self._random.uniform(0.8, 1.2, channels) for _ in range(2))
        bias, mean = (self._random.normal(0, 0.1, channels) for _ in range(2))
        parameters = [self.weight(each) for each in (scale, bias, mean, variance)]
        return self.add("Relu", [self.add("BatchNormalization", [value, *parameters], epsilon=1e-5)])

    def linear(self, value: str, features: int, outputs: int, name: str) -> None:
        weight = self.weight(self._random.normal(0, features**-0.5, (features, outputs)))
        bias = self.weight(self._random.normal(0, 0.1, outputs))
        self.add("Gemm", [value, weight, bias], name)


def graph() -> bytes:
    """The content of the ONNX file: input "image", float32 (batch, 1, 224, 224); output "logits", (batch, 5)."""
    network = _Network()
    channels = 2 * GROWTH
    value = network.normalised(network.convolution("image", 1, channels, 7, stride=2), channels)
    value = network.add("MaxPool", [value], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for number, layers in enumerate(BLOCKS):
        if number:
            value = network.convolution(network.normalised(value, channels), channels, channels // 2, 1)
            value = network.add("AveragePool", [value], kernel_shape=[2, 2], strides=[2, 2])
            channels //= 2
        features = [value]
        for _ in range(layers):
            value = network.add("Concat", features, axis=1) if len(features) > 1 else features[0]
            value = network.convolution(network.normalised(value, channels), channels, BOTTLENECK, 1)
            features.append(network.convolution(network.normalised(value, BOTTLENECK), BOTTLENECK, GROWTH, 3))
            channels += GROWTH
        value = network.add("Concat", features, axis=1)
    value = network.add("GlobalAveragePool", [network.normalised(value, channels)])
    network.linear(network.add("Flatten", [value], axis=1), channels, len(LABELS), "logits")
    whole = helper.make_graph(
        network.nodes,
        NAME,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, SIZE, SIZE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(LABELS)])],
        network.weights,
    )
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def repository(folder: Path) -> Path:
    """The path of a model repository in `folder` with this model, created if it does not exist."""
    version = folder / NAME / "1"
    if not (version / "model.toml").exists():
        version.mkdir(parents=True, exist_ok=True)
        data = graph()
        (version / "model.onnx").write_bytes(data)
        text = DESCRIPTION.format(
            sha256=hashlib.sha256(data).hexdigest(),
            size=SIZE,
            labels=", ".join(f'"{label}"' for label in LABELS),
            thresholds=", ".join("0.5" for _ in LABELS),
            fields="\n".join(f'{label.lower().replace(" ", "_")} = "{label}"' for label in LABELS),
        )
        (version / "model.toml").write_text(text, encoding="utf-8")
    return folder


def picture(folder: Path, side: int = 1024) -> Path:
    """The path of a grey JPEG of quality 90, with shapes and grain like a radiograph, created if it does not exist."""
    path = folder / f"radiograph-{side}.jpg"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        y, x = np.mgrid[-1 : 1 : complex(side), -1 : 1 : complex(side)]
        body = np.exp(-((x / 0.8) ** 4) - (y / 0.95) ** 6)
        lungs = sum(np.exp(-(((x - at) / 0.25) ** 4) - ((y + 0.1) / 0.55) ** 4) for at in (-0.38, 0.38))
        ribs = np.sin(24 * (y + 0.3 * x**2)) * body
        grain = np.random.default_rng(SEED).normal(0, 4, (side, side))
        grey = 15 + 190 * body - 110 * lungs + 10 * ribs + grain
        buffer = BytesIO()
        Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
        path.write_bytes(buffer.getvalue())
    return path
