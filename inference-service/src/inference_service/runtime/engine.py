"""Loading and calibrating models: those of a system at start-up, the others on the first request."""

import os
from dataclasses import dataclass, replace

import anyio
import structlog
from anyio import to_thread

from inference_service.model_repository.catalog import ModelVersion
from inference_service.runtime.calibration import ExecutionPlan, calibrate
from inference_service.runtime.model_session import ModelSession, OnnxModelSession
from inference_service.runtime.scheduler import Scheduler

log = structlog.get_logger()


def usable_cores(setting: int) -> int:
    """The number of cores for models: `setting`, or for 0 those that the process may use by its CPU affinity."""
    if setting:
        return setting
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to run."""

    version: ModelVersion
    plan: ExecutionPlan
    maps: ExecutionPlan | None
    """How its class-activation maps are made: one picture at a time on one core. None if it has none."""


class Engine:
    """Loads models, each of them once."""

    def __init__(self, scheduler: Scheduler, *, cores: int, providers: tuple[str, ...]) -> None:
        self.scheduler = scheduler
        self._cores = cores
        self._providers = providers
        self._loaded: dict[str, LoadedModel] = {}
        self._lock = anyio.Lock()

    def is_loaded(self, version: ModelVersion) -> bool:
        """Whether the model was loaded already; others are loaded by the first request for them."""
        return version.identity in self._loaded

    async def load(self, version: ModelVersion) -> LoadedModel:
        """The model, loaded and calibrated if it was not before. Raises `ModelError`."""
        loaded = self._loaded.get(version.identity)
        if loaded is not None:
            return loaded
        async with self._lock:  # one at a time, since concurrent measurements would disturb each other
            if version.identity not in self._loaded:
                loaded = await to_thread.run_sync(self._calibrate, version)
                plan = loaded.plan
                self._loaded[version.identity] = loaded
                log.info(
                    "model calibrated",
                    model=version.identity,
                    alone="all cores" if plan.all_cores is not None else "one core",
                    loaded=f"{self._cores} runs side by side, batch {plan.batch_size}",
                    milliseconds={name: round(value, 2) for name, value in plan.milliseconds.items()},
                )
        return self._loaded[version.identity]

    def _calibrate(self, version: ModelVersion) -> LoadedModel:
        opened: dict[int, OnnxModelSession] = {}

        def open_session(threads: int) -> ModelSession:
            session = OnnxModelSession(version.graph, version.description, threads=threads, providers=self._providers)
            return opened.setdefault(threads, session)

        plan = replace(calibrate(open_session, version.description.input, self._cores), model=version.identity)
        output = version.description.output.class_activation
        maps = None
        if output is not None:
            maps = replace(plan, single_thread=opened[1].for_maps(output), all_cores=None, batch_size=1)
        return LoadedModel(version, plan, maps)
