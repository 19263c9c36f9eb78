"""The scheduler of model runs, calibration, and the loading of models."""

import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import numpy as np
import pytest
from anyio import to_thread
from support.onnx_models import write_model

from inference_service.model_repository.catalog import ModelCatalog
from inference_service.model_repository.description import InputDescription
from inference_service.model_repository.tensors import Tensor
from inference_service.runtime.calibration import ExecutionPlan, calibrate
from inference_service.runtime.engine import Engine
from inference_service.runtime.model_session import ModelSession
from inference_service.runtime.scheduler import Scheduler
from lightbox_shared.errors import Unavailable

PICTURE = np.zeros((1, 2, 2), dtype=np.float32)
WANTED = InputDescription(name="image", width=8, height=8, range=(0, 1))


class ControlledSession:
    """A session whose runs wait for `gate`; `batches` are the sizes of the batches that it ran."""

    def __init__(self, *, open_: bool = False) -> None:
        self.batches: list[int] = []
        self.gate = threading.Event()
        if open_:
            self.gate.set()

    def run(self, batch: Tensor) -> Tensor:
        self.batches.append(len(batch))
        assert self.gate.wait(5)
        result: Tensor = batch.reshape(len(batch), -1).mean(axis=1, keepdims=True)
        return result


class Clock:
    """Time that passes while sessions run, and not otherwise."""

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds


class SlowSession:
    """A session whose runs take a time that depends on the batch; `offset` is added to its results."""

    def __init__(self, clock: Clock, milliseconds: float, *, per_picture: bool = True, offset: float = 0.0) -> None:
        self._clock = clock
        self._seconds = milliseconds / 1e3
        self._per_picture = per_picture
        self._offset = np.float32(offset)

    def run(self, batch: Tensor) -> Tensor:
        self._clock.advance(self._seconds * (len(batch) if self._per_picture else 1))
        result: Tensor = batch.reshape(len(batch), -1).sum(axis=1, keepdims=True) + self._offset
        return result


def plan(
    single_thread: ControlledSession, all_cores: ControlledSession | None = None, batch_size: int = 1
) -> ExecutionPlan:
    return ExecutionPlan(single_thread, all_cores, batch_size, {"one thread": 1000.0})


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    made = Scheduler(cores=2, queue_limit=3)
    yield made
    await made.close()


async def settle() -> None:
    await anyio.sleep(0.05)


async def test_alone_a_picture_gets_all_cores_and_in_company_one_each(scheduler: Scheduler) -> None:
    single_thread, all_cores = ControlledSession(), ControlledSession()
    chosen = plan(single_thread, all_cores)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scheduler.run, chosen, PICTURE)
        await settle()
        assert (all_cores.batches, single_thread.batches) == ([1], [])
        for _ in range(3):
            tasks.start_soon(scheduler.run, chosen, PICTURE)
        await settle()
        assert (all_cores.batches, single_thread.batches) == ([1], [])  # the cores are taken
        all_cores.gate.set()
        await settle()
        assert (all_cores.batches, single_thread.batches) == ([1], [1, 1])
        single_thread.gate.set()
    assert (all_cores.batches, single_thread.batches) == ([1], [1, 1, 1])


async def test_every_picture_gets_its_own_row_of_a_batch(scheduler: Scheduler) -> None:
    session = ControlledSession()
    results: dict[int, float] = {}

    async def one(value: int) -> None:
        results[value] = float((await scheduler.run(plans, np.full_like(PICTURE, value)))[0])

    plans = plan(session, batch_size=4)
    async with anyio.create_task_group() as tasks:
        for value in range(8):
            tasks.start_soon(one, value)
        await settle()
        session.gate.set()
    assert results == {value: float(value) for value in range(8)}
    assert max(session.batches) == 4


async def test_a_full_queue_says_when_to_come_back(scheduler: Scheduler) -> None:
    chosen = plan(ControlledSession())
    with scheduler.admit(chosen), scheduler.admit(chosen), scheduler.admit(chosen), scheduler.admit(chosen):
        with scheduler.admit(chosen), pytest.raises(Unavailable) as refused, scheduler.admit(chosen):
            pass
        assert refused.value.headers["Retry-After"] == "3"  # five pictures of a second each on two cores
    assert scheduler.admitted == 0


async def test_who_leaves_the_queue_costs_nothing(scheduler: Scheduler) -> None:
    session = ControlledSession()
    chosen = plan(session)
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(scheduler.run, chosen, PICTURE)
        await settle()
        with anyio.move_on_after(0.05):
            await scheduler.run(chosen, PICTURE)
        session.gate.set()
    await scheduler.run(chosen, PICTURE)
    assert len(session.batches) == 3


async def test_a_model_that_fails_does_not_take_its_core_along(scheduler: Scheduler) -> None:
    class Failing:
        def run(self, batch: Tensor) -> Tensor:
            raise ArithmeticError(batch.shape)

    failing = ExecutionPlan(Failing(), None, 1, {"one thread": 1.0})
    for _ in range(5):
        with pytest.raises(ArithmeticError):
            await scheduler.run(failing, PICTURE)
    assert (await scheduler.run(plan(ControlledSession(open_=True)), PICTURE)).tolist() == [0.0]


def calibrated(open_session: Callable[[Clock, int], ModelSession], cores: int = 2) -> ExecutionPlan:
    """The plan for sessions that are opened with a clock and a number of threads."""
    clock = Clock()
    return calibrate(lambda threads: open_session(clock, threads), WANTED, cores, clock=clock)


def test_calibration_takes_all_cores_unless_it_is_slower_or_not_the_same() -> None:
    quicker = calibrated(lambda clock, threads: SlowSession(clock, 4 / threads))
    assert quicker.all_cores is not None
    assert quicker.batch_size == 1
    assert quicker.milliseconds == pytest.approx(
        {"one thread": 4, "2 threads": 2, "batch of 8": 4, "2 runs side by side": 4}
    )
    assert calibrated(lambda clock, threads: SlowSession(clock, 2 * threads)).all_cores is None
    assert calibrated(lambda clock, threads: SlowSession(clock, 4 / threads, offset=threads * 1e-3)).all_cores is None
    assert calibrated(lambda clock, _threads: SlowSession(clock, 1), cores=1).all_cores is None


def test_calibration_batches_only_where_it_gains() -> None:
    assert calibrated(lambda clock, _threads: SlowSession(clock, 2, per_picture=False)).batch_size == 8
    assert calibrated(lambda clock, _threads: SlowSession(clock, 4)).batch_size == 1


async def test_the_engine_loads_each_model_once(tmp_path: Path, scheduler: Scheduler) -> None:
    write_model(tmp_path)
    version = (await to_thread.run_sync(ModelCatalog.scan, [tmp_path])).find("means")
    assert version is not None
    engine = Engine(scheduler, cores=2, providers=("CPUExecutionProvider",))
    first = await engine.load(version)
    assert await engine.load(version) is first
    row = await scheduler.run(first.plan, np.ones((1, 16, 16), dtype=np.float32))
    assert row.tolist() == [0, 1, 2, 3, 4]
