"""The scheduler of model runs, with a bounded queue.

A single picture is run on all cores, for a low latency. As soon as a second one waits, each is run on one core, for a
high throughput. When the queue is full, further pictures are refused with an estimate of when to try again.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from anyio import to_thread

from inference_service.model_repository.tensors import Tensor
from inference_service.runtime.calibration import ONE_THREAD, ExecutionPlan
from inference_service.runtime.model_session import ModelSession
from lightbox_shared.errors import Unavailable

LONGEST_RETRY_SECONDS: Final = 60
RECENT: Final = 32
"""So many runs, and pictures, of a model say how long its next ones will take."""


@dataclass(slots=True)
class ModelLoad:
    """What the scheduler counts of one model. The endpoint of the queue and the metrics read the same figures."""

    calibrated_seconds: float
    """How long a picture took on one core when the model was loaded."""
    admitted: int = 0
    """Pictures that are being prepared, wait for a core, or run."""
    waiting: int = 0
    """Those that wait for a core."""
    running: int = 0
    """Those that run."""
    refused: int = 0
    """Those that found the queue full, since the start."""
    runs: int = 0
    """Runs that have ended, since the start; one may have several pictures."""
    run_seconds: float = 0.0
    """How long all of them took together."""
    recent_runs: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    """The seconds of the last ones."""
    recent_turns: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    """Of the last pictures: the seconds from admission to the end, divided by the number of pictures, itself included,
    that were there when it came."""

    @property
    def preparing(self) -> int:
        """Pictures whose place is reserved while they are decoded, or drawn after the run."""
        # The run of a picture whose client has left goes on to its end, without a place in the queue.
        return max(self.admitted - self.waiting - self.running, 0)

    @property
    def recent_run_seconds(self) -> float | None:
        """The mean duration of the last runs; None before the first one."""
        return _mean(self.recent_runs)

    @property
    def seconds_per_turn(self) -> float | None:
        """By how much each picture that is there makes the next one wait: decoding, model and all that is around them,
        on as many cores as there are. None before the first picture has ended."""
        return _mean(self.recent_turns)


def _mean(seconds: deque[float]) -> float | None:
    found = tuple(seconds)
    return sum(found) / len(found) if found else None


@dataclass(slots=True)
class _Job:
    plan: ExecutionPlan
    tensor: Tensor
    done: asyncio.Future[Tensor]
    started: bool = False


class Scheduler:
    """Runs models on a number of cores. Used by one event loop; `await close()` at the end."""

    def __init__(self, *, cores: int, queue_limit: int, clock: Callable[[], float] = time.perf_counter) -> None:
        """`queue_limit` pictures may be there beside one for each core. `clock` gives seconds since an arbitrary
        moment."""
        self._cores = cores
        self._free = cores
        self._limit = queue_limit + cores
        self._clock = clock
        self._loads: dict[str, ModelLoad] = {}
        self._waiting: deque[_Job] = deque()
        self._pool = ThreadPoolExecutor(cores, thread_name_prefix="model")

    @property
    def admitted(self) -> int:
        """The number of pictures that are being decoded, are waiting, or are running."""
        return sum(load.admitted for load in self.loads.values())

    @property
    def capacity(self) -> int:
        """The number of pictures, of all models together, above which further ones are refused."""
        return self._limit

    @property
    def cores(self) -> int:
        """How many runs there may be side by side."""
        return self._cores

    @property
    def loads(self) -> dict[str, ModelLoad]:
        """What is counted of each model that a picture was sent to, by its identity. Other threads may read it."""
        return dict(self._loads)

    @property
    def estimated_wait(self) -> float:
        """The seconds that a picture which comes now will wait for those that are there, by how long the last pictures
        took, or by the calibration before the first one has ended."""
        seconds = 0.0
        for load in self.loads.values():
            turn = load.seconds_per_turn
            seconds += load.admitted * (load.calibrated_seconds / self._cores if turn is None else turn)
        return seconds

    async def close(self) -> None:
        """Wait for the current runs."""
        await to_thread.run_sync(self._pool.shutdown)

    @contextmanager
    def admit(self, plan: ExecutionPlan) -> Iterator[None]:
        """Reserve a place for a picture, from before it is decoded until the model has run.

        This bounds the memory for decoded pictures as well as the queue. Raises `Unavailable` if there is no place,
        with the estimated time of the queue as `Retry-After`.
        """
        load = self._load_of(plan)
        if self.admitted >= self._limit:
            load.refused += 1
            retry_after = min(max(math.ceil(self.estimated_wait), 1), LONGEST_RETRY_SECONDS)
            raise Unavailable("Too many pictures are waiting for a model.", retry_after=retry_after)
        load.admitted += 1
        place, begun = self.admitted, self._clock()
        try:
            yield
            load.recent_turns.append((self._clock() - begun) / place)
        finally:
            load.admitted -= 1

    async def run(self, plan: ExecutionPlan, tensor: Tensor) -> Tensor:
        """Run a model on one picture, (channels, height, width). Returns one row, (labels,).

        Raises the exceptions of the model.
        """
        job = _Job(plan, tensor, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        load = self._load_of(plan)
        load.waiting += 1
        try:
            self._dispatch()
            return await job.done
        finally:
            if not job.started:
                load.waiting -= 1

    def _load_of(self, plan: ExecutionPlan) -> ModelLoad:
        load = self._loads.get(plan.model)
        if load is None:
            load = self._loads[plan.model] = ModelLoad(plan.milliseconds[ONE_THREAD] / 1e3)
        return load

    def _dispatch(self) -> None:
        while self._waiting and self._free > 0:
            job = self._waiting.popleft()
            if job.done.cancelled():
                continue
            if not self._waiting and self._free == self._cores and job.plan.all_cores is not None:
                self._start([job], cores=self._cores)
            else:
                self._start([job, *self._rest_of_batch(job)], cores=1)

    def _rest_of_batch(self, first: _Job) -> list[_Job]:
        """Take more jobs of the same model from the head of the queue, as many as its batch size allows."""
        rest: list[_Job] = []
        while len(rest) < first.plan.batch_size - 1 and self._waiting and self._waiting[0].plan is first.plan:
            job = self._waiting.popleft()
            if not job.done.cancelled():
                rest.append(job)
        return rest

    def _start(self, jobs: list[_Job], *, cores: int) -> None:
        self._free -= cores
        plan = jobs[0].plan
        load = self._load_of(plan)
        for job in jobs:
            job.started = True
        load.waiting -= len(jobs)
        load.running += len(jobs)
        session = plan.all_cores if cores > 1 and plan.all_cores is not None else plan.single_thread
        batch = np.stack([job.tensor for job in jobs])
        running = asyncio.get_running_loop().run_in_executor(self._pool, self._timed, session, batch)

        def finish(result: asyncio.Future[tuple[Tensor, float]]) -> None:
            self._free += cores
            load.running -= len(jobs)
            error = result.exception()
            if error is not None:
                for job in jobs:
                    if not job.done.cancelled():
                        job.done.set_exception(error)
            else:
                rows, seconds = result.result()
                load.runs += 1
                load.run_seconds += seconds
                load.recent_runs.append(seconds)
                for row, job in zip(rows, jobs, strict=True):
                    if not job.done.cancelled():
                        job.done.set_result(row)
            self._dispatch()

        running.add_done_callback(finish)

    def _timed(self, session: ModelSession, batch: Tensor) -> tuple[Tensor, float]:
        """The result of a run, and how many seconds it took."""
        begun = self._clock()
        result = session.run(batch)
        return result, self._clock() - begun
