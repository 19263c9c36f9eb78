"""The model repository, and the input and output tensors of a model."""

from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from support.onnx_models import FINDINGS, write_model

from inference_service.model_repository.catalog import ModelCatalog
from inference_service.model_repository.description import (
    InputDescription,
    ModelError,
    OutputDescription,
    read_description,
)
from inference_service.model_repository.tensors import to_scores, to_tensor
from inference_service.runtime.model_session import OnnxModelSession
from lightbox_shared.images import GreyPicture, MediaType

FIELDS = tuple(FINDINGS)


def test_versions_stand_side_by_side_and_the_highest_answers(tmp_path: Path) -> None:
    for version in ("1", "2", "10"):
        write_model(tmp_path, version=version)
    catalog = ModelCatalog.scan([tmp_path])
    assert [each.identity for each in catalog] == ["means/1", "means/2", "means/10"]
    assert catalog.serving("chexray", "means", FIELDS).version == 10
    assert catalog.serving("chexray", "means/2", FIELDS).version == 2
    assert catalog.find("means/3") is None
    assert catalog.find("") is None


def test_a_later_repository_wins(tmp_path: Path) -> None:
    write_model(tmp_path / "a")
    mine = write_model(tmp_path / "b")
    assert next(iter(ModelCatalog.scan([tmp_path / "a", tmp_path / "b"]))).folder == mine


def test_a_changed_graph_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path, sha256="0" * 64)
    with pytest.raises(ModelError, match="SHA-256"):
        ModelCatalog.scan([tmp_path])


@pytest.mark.parametrize("version", ["x", "0", "01", "1.5"])
def test_versions_are_whole_numbers(tmp_path: Path, version: str) -> None:
    write_model(tmp_path, version=version)
    with pytest.raises(ModelError, match="whole number"):
        ModelCatalog.scan([tmp_path])


def test_a_model_must_say_how_it_serves(tmp_path: Path) -> None:
    write_model(tmp_path, fields={"atelectasis": "Atelectasis"})
    catalog = ModelCatalog.scan([tmp_path])
    with pytest.raises(ModelError, match="cardiomegaly"):
        catalog.serving("chexray", "means", FIELDS)
    with pytest.raises(ModelError, match="no model"):
        catalog.serving("chexray", "others", FIELDS)


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ("colour = 1", "colour"),
        ('[serves.other]\nx = "Nothing"', "Nothing"),
        ("[[", "TOML|Invalid|Expected"),
    ],
)
def test_mistakes_in_a_description_are_named(tmp_path: Path, extra: str, told: str) -> None:
    folder = write_model(tmp_path, extra=extra)
    with pytest.raises(ModelError, match=told):
        read_description(folder / "model.toml")


def test_a_graph_must_fit_its_description(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    text = (folder / "model.toml").read_text()
    for wrong, told in ((("width = 16", "width = 32"), "model.toml says"), (('"image"', '"picture"'), "inputs")):
        (folder / "model.toml").write_text(text.replace(*wrong))
        description = read_description(folder / "model.toml")
        with pytest.raises(ModelError, match=told):
            OnnxModelSession(folder / "model.onnx", description, threads=1, providers=("CPUExecutionProvider",))
    (folder / "model.toml").write_text(text)
    description = read_description(folder / "model.toml")
    (folder / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match="can't load"):
        OnnxModelSession(folder / "model.onnx", description, threads=1, providers=("CPUExecutionProvider",))


@pytest.mark.parametrize(
    ("output", "told"),
    [("logits", r"logits gives \(1, 5\)"), ("cells", "outputs"), ("wide", r"\(N, 5, rows, columns\)")],
)
def test_class_activation_maps_must_have_a_map_for_each_label(tmp_path: Path, output: str, told: str) -> None:
    folder = write_model(tmp_path, maps=True)
    graph = onnx.load(folder / "model.onnx")
    graph.graph.node.append(onnx.helper.make_node("Concat", ["cam", "cam"], ["wide"], axis=1))
    graph.graph.output.append(onnx.helper.make_tensor_value_info("wide", onnx.TensorProto.FLOAT, ["batch", 10, 4, 4]))
    onnx.save(graph, folder / "model.onnx")
    text = (folder / "model.toml").read_text()
    for name in ("cam", output):
        (folder / "model.toml").write_text(text.replace('"cam"', f'"{name}"'))
        description = read_description(folder / "model.toml")
        opened = partial(OnnxModelSession, folder / "model.onnx", description)
        if name == "cam":
            maps = opened(threads=1, providers=("CPUExecutionProvider",)).for_maps(name)
            assert maps.run(np.zeros((2, 1, 16, 16), dtype=np.float32)).shape == (2, 5, 4, 4)
        else:
            with pytest.raises(ModelError, match=told):
                opened(threads=1, providers=("CPUExecutionProvider",))


def described(**options: object) -> InputDescription:
    return InputDescription.model_validate(
        {"name": "image", "width": 8, "height": 8, "range": (-1024, 1024), **options}
    )


def grey(values: np.ndarray) -> GreyPicture:
    return GreyPicture(Image.fromarray(values), MediaType.PNG)


def test_a_picture_is_cropped_to_its_middle_and_mapped_to_the_range() -> None:
    values = np.zeros((8, 16), dtype=np.uint8)
    values[:, 4:12] = 255
    tensor = to_tensor(grey(values), described())
    assert tensor.shape == (1, 8, 8)
    assert tensor.dtype == np.float32
    assert (tensor == 1024).all()
    assert to_tensor(grey(values), described(crop="none")).mean() == pytest.approx(0, abs=1)


def test_eight_bits_and_floats_give_the_same_tensor() -> None:
    values = np.arange(64, dtype=np.uint8).reshape(8, 8)
    as_floats = values.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(to_tensor(grey(values), described()), to_tensor(grey(as_floats), described()))


def test_channels_mean_and_deviation() -> None:
    wanted = described(range=(0, 1), channels=3, mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 2.0))
    tensor = to_tensor(grey(np.full((8, 8), 255, dtype=np.uint8)), wanted)
    assert tensor[:, 0, 0].tolist() == [1.0, 3.0, 0.5]


def output(**options: object) -> OutputDescription:
    base = {"name": "y", "activation": "sigmoid", "labels": ("a", "b"), "thresholds": (0.2, 0.5)}
    return OutputDescription.model_validate({**base, **options})


def test_scores() -> None:
    assert to_scores(np.array([0, 800], np.float32), output()) == {"a": 0.5, "b": 1.0}
    assert to_scores(np.array([-800, 0], np.float32), output())["a"] == pytest.approx(0)
    softmax = to_scores(np.array([1000, 1000], np.float32), output(activation="softmax"))
    assert softmax == {"a": 0.5, "b": 0.5}
    assert to_scores(np.array([0.3, 7], np.float32), output(activation="none"))["b"] == 1.0
    assert to_scores(np.array([0, 0], np.float32), output(labels=("", "b"))) == {"b": 0.5}


def test_operating_points_become_one_half() -> None:
    given = output(activation="none", normalization="operating-point", thresholds=(0.2, 0.5))
    assert to_scores(np.array([0.2, 0.25], np.float32), given) == pytest.approx({"a": 0.5, "b": 0.25}, abs=1e-6)
    assert to_scores(np.array([0.6, 1.0], np.float32), given) == pytest.approx({"a": 0.75, "b": 1.0}, abs=1e-6)
