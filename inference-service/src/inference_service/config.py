"""The settings of inference-service."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from lightbox_shared.anonymous_storage.settings import AnonymousStorageSettings

BUNDLED_MODELS = Path(__file__).resolve().parents[2] / "model-repository"


class InferenceSettings(AnonymousStorageSettings):
    """The settings of inference-service: models, cores, the length of the queue, and what strangers may store."""

    model_repository: Annotated[tuple[Path, ...], NoDecode] = ()
    """Model repositories beside the bundled one, separated by ":". Of a model that is in several the last one is
    used."""
    chexray_model: str = "chest-findings"
    """The model of CheXRay, as name or name/version; without a version the highest one."""
    covid19_model: str = "covid19"
    """The model of the COVID-19 API, as name or name/version; without a version the highest one."""
    onnx_providers: Annotated[tuple[str, ...], NoDecode] = ("CPUExecutionProvider",)
    inference_cores: Annotated[int, Field(ge=0)] = 0
    """The number of cores for models; 0 for all that the process may use."""
    inference_queue: Annotated[int, Field(ge=1)] = 64
    """The number of pictures that may wait for a model. Further ones get 503 with `Retry-After`."""
    picture_link_seconds: Annotated[int, Field(ge=60)] = 3600
    """The shortest lifetime of the signed link to a user's picture, in seconds."""

    @field_validator("model_repository", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        return [part for part in value.split(":") if part] if isinstance(value, str) else value

    @field_validator("onnx_providers", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
