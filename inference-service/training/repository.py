"""Writing models into the repository: the ONNX graph, its check against torch, and model.toml.

Exporters leave the source lines they came from in every node. Those name folders of the machine that trained the
model and change from run to run, so they are taken out before the file is hashed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped,unused-ignore]
import torch
from torch import Tensor, nn

MODELS = Path(__file__).resolve().parent.parent / "model-repository"
OPSET = 18
TOLERANCE = 1e-4

TomlValue = str | bool | int | float | Sequence[str] | Sequence[float]


def export(module: nn.Module, path: Path, input_size: int, metadata: Mapping[str, str]) -> None:
    """Write a module (N, 1, H, W) -> (logits, cam) as ONNX with a dynamic batch axis, and check it.

    Raises ``RuntimeError`` if onnxruntime and torch differ by more than ``TOLERANCE`` on batches of 1 and 3; the file
    stays for inspection, and without a matching hash in model.toml no service loads it.
    """
    module = module.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            (torch.zeros(2, 1, input_size, input_size),),
            input_names=["image"],
            output_names=["logits", "cam"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=1024)},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch exported nothing")
    graph = program.model_proto
    _strip(graph)
    for key, value in metadata.items():
        graph.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(graph)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(graph.SerializeToString(deterministic=True))
    difference = disagreement(module, path, input_size)
    if difference > TOLERANCE:
        raise RuntimeError(f"{path.name}: onnxruntime and torch differ by {difference:.2g}")


def _strip(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    model.doc_string = model.graph.doc_string = ""
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
        tensor.doc_string = ""


def disagreement(module: nn.Module, path: Path, input_size: int) -> float:
    """Greatest difference of all outputs between torch and onnxruntime, on batches of 1 and 3.

    Absolute for values up to 1 and relative above: class-activation maps of noise reach far beyond what single
    precision resolves to 1e-4.
    """
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(1)
    worst = 0.0
    for batch in (1, 3):
        image = torch.rand(batch, 1, input_size, input_size, generator=generator) * 2.0 - 1.0
        with torch.no_grad():
            expected: tuple[Tensor, Tensor] = module(image)
        answered = session.run(["logits", "cam"], {"image": image.numpy()})
        for wanted, got in zip(expected, answered, strict=True):
            difference = np.abs(wanted.numpy() - got) / np.maximum(np.abs(got), 1.0)
            worst = max(worst, float(difference.max()))
    return worst


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_toml(path: Path, tables: Mapping[str, Mapping[str, TomlValue]]) -> None:
    """Write tables of plain values as TOML; the table named "" comes first and has no header.

    JSON's strings, numbers, booleans and arrays are TOML's too, as long as the text is printable.
    """
    lines: list[str] = []
    for name, table in tables.items():
        lines += ["", f"[{name}]"] if name else []
        lines += [f"{_key(key)} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
    path.write_text("\n".join(lines).lstrip() + "\n", encoding="utf-8")


def _key(key: str) -> str:
    return key if key.replace("_", "").isalnum() and key.isascii() else json.dumps(key)
