"""The settings of inference-service beside those of every service."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from lightbox_shared.config import Settings

BUNDLED_MODELS = Path(__file__).resolve().parents[2] / "model-repository"


class InferenceSettings(Settings):
    """Which models, where, and how much may wait for them."""

    model_repository: Annotated[tuple[Path, ...], NoDecode] = ()
    """More model repositories beside the bundled one, separated by ":"; a later one wins."""
    chexray_model: str = "chest-findings"
    """Name, or name/version, of the model that answers CheXRay; of several versions the highest."""
    covid19_model: str = "covid19"
    """The same for the COVID-19 API."""
    onnx_providers: Annotated[tuple[str, ...], NoDecode] = ("CPUExecutionProvider",)
    inference_cores: Annotated[int, Field(ge=0)] = 0
    """Cores that models run on; 0 takes what the process may use."""
    inference_queue: Annotated[int, Field(ge=1)] = 64
    """Pictures that may wait; one more is refused with 503 and `Retry-After`."""
    picture_link_seconds: Annotated[int, Field(ge=60)] = 3600
    """How long the signed link of a user's picture works, at least."""

    @field_validator("model_repository", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        return [part for part in value.split(":") if part] if isinstance(value, str) else value

    @field_validator("onnx_providers", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
