"""The response bodies of `/api/models`."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from inference_service.model_repository.catalog import ModelVersion


class ModelBody(BaseModel):
    """One version of a model."""

    name: str
    version: int
    title: str
    description: str
    demonstration: Annotated[bool, Field(description="Trained on synthetic phantoms; no medical device.")]
    license: str
    sha256: str
    labels: list[str]
    thresholds: dict[str, float]
    serves: Annotated[list[str], Field(description="The systems whose fields it can answer.")]
    card: Annotated[str, Field(description="Where its model card is.")]

    @classmethod
    def of(cls, version: ModelVersion) -> Self:
        """The body for a version in the catalog."""
        about, output = version.description, version.description.output
        return cls(
            name=version.name,
            version=version.version,
            title=about.title,
            description=about.description,
            demonstration=about.demonstration,
            license=about.license,
            sha256=about.sha256,
            labels=[label for label in output.labels if label],
            thresholds={label: each for label, each in zip(output.labels, output.thresholds, strict=True) if label},
            serves=sorted(about.serves),
            card=f"/api/models/{version.identity}/card",
        )


class ModelList(BaseModel):
    """All versions of all models."""

    models: list[ModelBody]
