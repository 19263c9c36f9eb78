"""The description of a model, `model.toml`: what the service must know and the graph does not contain."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lightbox_shared.process.startup import StartupError


class ModelError(StartupError):
    """A model in the repository can't be used. The text says which one and why."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputDescription(_Strict):
    """The input of the graph: float32 of shape (N, channels, height, width)."""

    name: str
    width: Annotated[int, Field(ge=8, le=4096)]
    height: Annotated[int, Field(ge=8, le=4096)]
    channels: Literal[1, 3] = 1
    range: tuple[float, float]
    """The values of black and white."""
    crop: Literal["center", "none"] = "center"
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _one_mean_a_channel(self) -> Self:
        for values in (self.mean, self.std):
            if values is not None and len(values) != self.channels:
                raise ValueError("mean and std need one value a channel")
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std come together")
        return self


class OutputDescription(_Strict):
    """The outputs of the graph: (N, labels), and optionally class-activation maps of shape (N, labels, h, w)."""

    name: str
    activation: Literal["sigmoid", "softmax", "none"]
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    """The labels in the order of the output. "" is an untrained output, which is ignored."""
    thresholds: tuple[float, ...]
    """The operating point of each label, a score after the activation."""
    normalization: Literal["none", "operating-point"] = "none"
    class_activation: str | None = None
    """The output of the class-activation maps: the weights of the last linear layer times the activations before the
    global pooling. The graph itself multiplies, so that the service does not look for the weights."""

    @model_validator(mode="after")
    def _one_threshold_a_label(self) -> Self:
        if len(self.thresholds) != len(self.labels):
            raise ValueError("thresholds need one value a label")
        named = [label for label in self.labels if label]
        if len(set(named)) != len(named):
            raise ValueError("a label stands twice")
        if self.normalization == "operating-point":
            bad = [t for label, t in zip(self.labels, self.thresholds, strict=True) if label and not 0 < t < 1]
            if bad:
                raise ValueError("operating-point normalization needs thresholds between 0 and 1")
        return self


class ModelDescription(_Strict):
    """The content of a model.toml. `serves` maps for each system the fields of its responses to labels."""

    title: str
    description: str
    demonstration: bool
    license: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    input: InputDescription
    output: OutputDescription
    serves: dict[str, dict[str, str]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _labels_exist(self) -> Self:
        for system, fields in self.serves.items():
            unknown = [label for label in fields.values() if label not in self.output.labels or not label]
            if unknown:
                raise ValueError(f"serves.{system} names labels that are not in output.labels: {unknown}")
        return self


def read_description(path: Path) -> ModelDescription:
    """Parse and validate a `model.toml`. Raises `ModelError` with all errors in it."""
    try:
        return ModelDescription.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"{path}: {error}") from error
    except ValidationError as error:
        mistakes = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors())
        raise ModelError(f"{path}: {mistakes}") from error
