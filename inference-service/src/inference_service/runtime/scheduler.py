"""The queue in front of the cores.

One picture alone gets all cores, so that the answer is quick; as soon as a second one waits, each gets one core, so
that the most get done. The queue is bounded: who comes when it is full is told when to come back.
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
from inference_service.runtime.calibration import ONE_THREAD, Plan
from lightbox_shared.errors import Unavailable

LONGEST_RETRY_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class _Job:
    plan: Plan
    tensor: Tensor
    done: asyncio.Future[Tensor]


class Scheduler:
    """Runs models on a number of cores. Belongs to one event loop; `await close()` at the end."""

    def __init__(self, *, cores: int, queue_limit: int) -> None:
        self._cores = cores
        self._free = cores
        self._limit = queue_limit + cores
        self._admitted = 0
        self._waiting: deque[_Job] = deque()
        self._pool = ThreadPoolExecutor(cores, thread_name_prefix="model")

    @property
    def admitted(self) -> int:
        """Pictures that are being decoded, wait, or run."""
        return self._admitted

    async def close(self) -> None:
        """Wait for the runs under way."""
        await to_thread.run_sync(self._pool.shutdown)

    @contextmanager
    def admit(self, plan: Plan) -> Iterator[None]:
        """A place for one picture, from before it is decoded until it has run, so that neither work nor memory piles
        up behind the cores. Raises `Unavailable`, with the time that the queue will take, when there is none."""
        if self._admitted >= self._limit:
            seconds = self._admitted * plan.milliseconds[ONE_THREAD] / 1e3 / self._cores
            retry_after = min(max(math.ceil(seconds), 1), LONGEST_RETRY_SECONDS)
            raise Unavailable("Too many pictures are waiting for a model.", retry_after=retry_after)
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    async def run(self, plan: Plan, tensor: Tensor) -> Tensor:
        """One picture, (channels, height, width), to one row, (labels,). Raises whatever the model raises."""
        job = _Job(plan, tensor, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._dispatch()
        return await job.done

    def _dispatch(self) -> None:
        while self._waiting and self._free > 0:
            job = self._waiting.popleft()
            if job.done.cancelled():
                continue
            if not self._waiting and self._free == self._cores and job.plan.wide is not None:
                self._start([job], cores=self._cores)
            else:
                self._start([job, *self._companions(job)], cores=1)

    def _companions(self, first: _Job) -> list[_Job]:
        """More jobs at the head of the queue for the same model, where it gains by batches."""
        companions: list[_Job] = []
        while len(companions) < first.plan.batch - 1 and self._waiting and self._waiting[0].plan is first.plan:
            job = self._waiting.popleft()
            if not job.done.cancelled():
                companions.append(job)
        return companions

    def _start(self, jobs: list[_Job], *, cores: int) -> None:
        self._free -= cores
        plan = jobs[0].plan
        session = plan.wide if cores > 1 and plan.wide is not None else plan.narrow
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
