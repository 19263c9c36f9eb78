"""The settings of annotation-service."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from lightbox_shared.config import Settings


class AnnotationSettings(Settings):
    """Where the services are that own pictures, and how long things last."""

    inference_service_url: str = ""
    core_collection_service_url: str = ""
    imagehub_service_url: str = ""

    account_poll_seconds: Annotated[float, Field(gt=0, le=5)] = 2.0
    """The pause between two requests for changed accounts."""
    lease_seconds: Annotated[int, Field(ge=10, le=7 * 24 * 3600)] = 1800
    """How long an image that a doctor took from the queue stays with the doctor without a draft."""
    export_lifetime_seconds: Annotated[int, Field(ge=60, le=30 * 24 * 3600)] = 24 * 3600
    """How long the file of an export is kept."""

    @model_validator(mode="after")
    def _services_on_this_machine(self) -> Self:
        for service in ("inference-service", "core-collection-service", "imagehub-service"):
            setting = f"{service.replace('-', '_')}_url"
            if not getattr(self, setting):
                object.__setattr__(self, setting, self.local_url(service))
        return self
