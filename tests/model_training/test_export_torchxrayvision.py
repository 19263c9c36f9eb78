"""The export of TorchXRayVision's DenseNet-121, run for real on the architecture without its weights."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped,unused-ignore]
import pytest

SERVICE = Path(__file__).resolve().parents[2] / "inference-service"

torch = pytest.importorskip("torch", reason="the export needs torch (inference-service/training/requirements.txt)")
pytest.importorskip("onnxscript", reason="torch exports to ONNX through onnxscript")
export_torchxrayvision = pytest.importorskip("training.export_torchxrayvision")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder written by the script, as a user runs it."""
    try:
        export_torchxrayvision.library()
    except ImportError as error:
        pytest.skip(f"torchxrayvision is not installed here: {error}")
    folder = tmp_path_factory.mktemp("repository") / "torchxrayvision-densenet121" / "1"
    subprocess.run(
        [sys.executable, "-m", "training.export_torchxrayvision", str(folder), "--weights", "none"],
        cwd=SERVICE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        capture_output=True,
        timeout=300,
    )
    return folder


def test_the_description_fits_the_library(exported: Path) -> None:
    text = tomllib.loads((exported / "model.toml").read_text(encoding="utf-8"))
    assert hashlib.sha256((exported / "model.onnx").read_bytes()).hexdigest() == text["sha256"]
    assert len(text["output"]["labels"]) == len(text["output"]["thresholds"]) == 18
    assert text["output"]["normalization"] == "operating-point"
    assert text["output"]["thresholds"][0] == pytest.approx(0.07422872)
    assert text["input"]["range"] == [-1024.0, 1024.0]
    assert text["serves"]["chexray"]["pleural_effusion"] == "Effusion"
    assert set(text["serves"]["chexray"].values()) <= set(text["output"]["labels"])
    assert text["demonstration"] is True


def test_onnxruntime_agrees_with_torch(exported: Path) -> None:
    torch.manual_seed(0)
    densenet = export_torchxrayvision.library().DenseNet(weights=None).eval()
    wrapped = export_torchxrayvision.Wrapped(densenet).eval()
    session = ort.InferenceSession(exported / "model.onnx", providers=["CPUExecutionProvider"])
    for batch in (1, 3):
        image = torch.rand(batch, 1, 224, 224, generator=torch.Generator().manual_seed(batch)) * 2 - 1
        logits, cam = session.run(["logits", "cam"], {"image": image.numpy()})
        with torch.no_grad():
            expected, maps = wrapped(image)
            # The library's own forward, without operating points, gives plain logits.
            original = densenet(image)
        np.testing.assert_allclose(logits, expected.numpy(), atol=1e-4)
        np.testing.assert_allclose(logits, original.numpy(), atol=1e-4)
        np.testing.assert_allclose(cam, maps.numpy(), atol=1e-3)
        assert cam.shape == (batch, 18, 7, 7)
