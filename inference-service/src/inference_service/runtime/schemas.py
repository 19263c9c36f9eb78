"""The response body of `/api/models/queue`."""

from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel, ConfigDict

from inference_service.model_repository.catalog import ModelVersion
from inference_service.runtime.engine import Engine
from inference_service.runtime.scheduler import ModelLoad


class QueuedModel(BaseModel):
    """What one version of a model has in the queue. Counts since the start begin anew with each start of the service,
    and are those of the process that answers."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    version: int
    loaded: bool
    """False until the first request for it, unless a system needs it."""
    preparing: int
    """Pictures that are being decoded, or whose heatmap is being drawn."""
    waiting: int
    """Pictures that wait for a core."""
    running: int
    refused: int
    """Pictures that were answered 503 since the start, since the queue was full."""
    runs: int
    """Runs that have ended since the start; one may have several pictures."""
    recent_run_seconds: float | None
    """The mean duration of the last 32 runs; null before the first one."""

    @classmethod
    def of(cls, version: ModelVersion, load: ModelLoad, *, loaded: bool) -> Self:
        """From what the scheduler counts."""
        return cls(
            name=version.name,
            version=version.version,
            loaded=loaded,
            preparing=load.preparing,
            waiting=load.waiting,
            running=load.running,
            refused=load.refused,
            runs=load.runs,
            recent_run_seconds=load.recent_run_seconds,
        )


class ModelQueue(BaseModel):
    """The queue before the models, which is one for all of them."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    capacity: int
    """Pictures above which further ones are answered 503: those that may wait (`LIGHTBOX_INFERENCE_QUEUE`), and one for
    each worker."""
    admitted: int
    """Pictures of all models that are being prepared, wait, or run."""
    workers: int
    """How many runs there may be side by side: the cores for models."""
    estimated_wait_seconds: float
    """How long a picture that comes now will wait for those that are there, by how long the last pictures took."""
    models: list[QueuedModel]
    """All installed models."""

    @classmethod
    def of(cls, engine: Engine, versions: Iterable[ModelVersion]) -> Self:
        """The figures of this moment."""
        scheduler, nothing = engine.scheduler, ModelLoad(0.0)
        loads = scheduler.loads
        return cls(
            capacity=scheduler.capacity,
            admitted=scheduler.admitted,
            workers=scheduler.cores,
            estimated_wait_seconds=round(scheduler.estimated_wait, 3),
            models=[
                QueuedModel.of(each, loads.get(each.identity, nothing), loaded=engine.is_loaded(each))
                for each in versions
            ],
        )
