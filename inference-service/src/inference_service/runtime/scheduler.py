"""The scheduler of model runs, with a bounded queue.

A single picture is run on all cores, for a low latency. As soon as a second one waits, each is run on one core, for a
high throughput. When the queue is full, further pictures are refused with an estimate of when to try again.
"""

import asyncio
import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from anyio import to_thread

from inference_service.model_repository.tensors import Tensor
from inference_service.runtime.calibration import ONE_THREAD, ExecutionPlan
from lightbox_shared.errors import Unavailable

LONGEST_RETRY_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class _Job:
    plan: ExecutionPlan
    tensor: Tensor
    done: asyncio.Future[Tensor]


class Scheduler:
    """Runs models on a number of cores. Used by one event loop; `await close()` at the end."""

    def __init__(self, *, cores: int, queue_limit: int) -> None:
        self._cores = cores
        self._free = cores
        self._limit = queue_limit + cores
        self._admitted = 0
        self._waiting: deque[_Job] = deque()
        self._pool = ThreadPoolExecutor(cores, thread_name_prefix="model")

    @property
    def admitted(self) -> int:
        """The number of pictures that are being decoded, are waiting, or are running."""
        return self._admitted

    async def close(self) -> None:
        """Wait for the current runs."""
        await to_thread.run_sync(self._pool.shutdown)

    @contextmanager
    def admit(self, plan: ExecutionPlan) -> Iterator[None]:
        """Reserve a place for a picture, from before it is decoded until the model has run.

        This bounds the memory for decoded pictures as well as the queue. Raises `Unavailable` if there is no place,
        with the estimated time of the queue as `Retry-After`.
        """
        if self._admitted >= self._limit:
            seconds = self._admitted * plan.milliseconds[ONE_THREAD] / 1e3 / self._cores
            retry_after = min(max(math.ceil(seconds), 1), LONGEST_RETRY_SECONDS)
            raise Unavailable("Too many pictures are waiting for a model.", retry_after=retry_after)
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    async def run(self, plan: ExecutionPlan, tensor: Tensor) -> Tensor:
        """Run a model on one picture, (channels, height, width). Returns one row, (labels,).

        Raises the exceptions of the model.
        """
        job = _Job(plan, tensor, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._dispatch()
        return await job.done

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
        session = plan.all_cores if cores > 1 and plan.all_cores is not None else plan.single_thread
        batch = np.stack([job.tensor for job in jobs])
        running = asyncio.get_running_loop().run_in_executor(self._pool, session.run, batch)

        def finish(result: asyncio.Future[Tensor]) -> None:
            self._free += cores
            error = result.exception()
            for row, job in enumerate(jobs):
                if job.done.cancelled():
                    continue
                if error is None:
                    job.done.set_result(result.result()[row])
                else:
                    job.done.set_exception(error)
            self._dispatch()

        running.add_done_callback(finish)
