"""Calibration: measurements that decide how a model is run on this machine.

There are two questions. For a single picture while the cores are idle: is a run on all cores faster than a run on one?
Unless it is slower, it is used. For many pictures: there are as many single-threaded runs as cores; are batches clearly
faster? A variant whose results differ in any bit from those of single pictures on a single thread is never used, since
a recorded prediction must be repeatable.

Services that start at the same time disturb each other's measurements. Therefore the variants take turns, and the best
time of each one counts: a disturbance makes a run slower, never faster.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from inference_service.model_repository.description import InputDescription
from inference_service.model_repository.tensors import Tensor
from inference_service.runtime.model_session import ModelSession

# In a batch the first picture waits for the others, so batches are used only if they take at most this share of the
# time.
MAX_BATCH_COST: Final = 0.9
BATCH_SIZE: Final = 8
ONE_THREAD: Final = "one thread"
ROUNDS: Final = 9
MAX_SECONDS: Final = 2.0
"""The time for the measurements of a model; three rounds are made in any case."""

Clock = Callable[[], float]
OpenSession = Callable[[int], ModelSession]
"""Opens the model for a number of threads."""


@dataclass(frozen=True, slots=True)
class ExecutionPlan:
    """How a model is run, and the measurements behind that."""

    single_thread: ModelSession
    all_cores: ModelSession | None
    """For a single picture while all cores are idle; None if that is slower."""
    batch_size: int
    """The largest number of pictures in one single-threaded run."""
    milliseconds: dict[str, float]
    """The time for a picture in each variant that was measured."""
    model: str = ""
    """The identity of the model, such as `covid19/1`, by which the scheduler counts."""


def calibrate(
    open_session: OpenSession, target: InputDescription, cores: int, *, clock: Clock = time.perf_counter
) -> ExecutionPlan:
    """Measure the variants of running a model, and choose among them.

    Blocks for about `MAX_SECONDS`: call it in a thread. `clock` gives seconds since an arbitrary moment.
    """
    generator = np.random.default_rng(0)
    shape = (BATCH_SIZE, target.channels, target.height, target.width)
    low, high = target.range
    pictures = generator.uniform(low, high, shape).astype(np.float32)
    single_thread = open_session(1)
    reference = np.concatenate([single_thread.run(pictures[i : i + 1]) for i in range(BATCH_SIZE)])
    variants: dict[str, Callable[[], Tensor]] = {ONE_THREAD: lambda: single_thread.run(pictures[:1])}

    all_cores: ModelSession | None = None
    if cores > 1:
        candidate = open_session(cores)
        if all(np.array_equal(candidate.run(pictures[i : i + 1])[0], reference[i]) for i in range(BATCH_SIZE)):
            all_cores = candidate
            variants[f"{cores} threads"] = lambda: candidate.run(pictures[:1])
    try:
        batched = single_thread.run(pictures)
    except Exception:  # noqa: BLE001 - a graph without a dynamic batch axis takes one picture at a time
        batched = None
    can_batch = batched is not None and np.array_equal(batched, reference)
    if can_batch:
        variants[f"batch of {BATCH_SIZE}"] = lambda: single_thread.run(pictures)

    measured = _best_ms(variants, clock)
    batch = 1
    if can_batch:
        measured[f"batch of {BATCH_SIZE}"] /= BATCH_SIZE
        batch = BATCH_SIZE if measured[f"batch of {BATCH_SIZE}"] < measured[ONE_THREAD] * MAX_BATCH_COST else 1
    if all_cores is not None and measured[f"{cores} threads"] > measured[ONE_THREAD]:
        all_cores = None
    if cores > 1:
        measured[f"{cores} runs side by side"] = _concurrent_ms(single_thread, pictures, cores, clock)
    return ExecutionPlan(single_thread, all_cores, batch, measured)


def _best_ms(variants: dict[str, Callable[[], Tensor]], clock: Clock) -> dict[str, float]:
    """The shortest time of each variant in at most `ROUNDS` rounds, after one to warm up, in milliseconds."""
    for run in variants.values():
        run()
    best = dict.fromkeys(variants, float("inf"))
    started = clock()
    for number in range(ROUNDS):
        if number >= 3 and clock() - started > MAX_SECONDS:
            break
        for name, run in variants.items():
            before = clock()
            run()
            best[name] = min(best[name], (clock() - before) * 1e3)
    return best


def _concurrent_ms(session: ModelSession, pictures: Tensor, cores: int, clock: Clock) -> float:
    """The time for a picture, in milliseconds, with as many concurrent runs as cores."""
    rounds = 3
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(lambda i: session.run(pictures[i : i + 1]), range(cores)))
        before = clock()
        list(pool.map(lambda i: session.run(pictures[i % BATCH_SIZE : i % BATCH_SIZE + 1]), range(rounds * cores)))
        return (clock() - before) * 1e3 / (rounds * cores)
