"""How to run a model on this machine, found out by a short measurement at start-up.

Two questions. Idle: is one run over all cores quicker than a run on one? Loaded: do more pictures get done by as many
single-thread runs as there are cores, or one wide run after another, and does a batch help? A way that does not give
bit for bit the numbers of the plain one (one picture, one thread) is never chosen: a prediction is a record that can
be made again.
"""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from inference_service.models.description import InputDescription
from inference_service.models.tensors import Tensor
from inference_service.runtime.session import Session

# A way has to be this much better than the plain one, so that noise does not decide.
WORTHWHILE: Final = 0.9
BATCH: Final = 8
MAX_SECONDS: Final = 1.0
"""For each of the measurements of a model."""

OpenSession = Callable[[int], Session]
"""Opens the model with a number of threads."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model runs, with the measurements that say so (milliseconds a picture)."""

    narrow: Session
    wide: Session | None
    """For a single picture while nothing else wants a core; None where it is no gain."""
    batch: int
    """Pictures in one run under load."""
    milliseconds: dict[str, float]


def calibrate(open_session: OpenSession, wanted: InputDescription, cores: int) -> Plan:
    """Measure and decide; takes up to `MAX_SECONDS` for each of four ways. Call it in a thread."""
    generator = np.random.default_rng(0)
    shape = (BATCH, wanted.channels, wanted.height, wanted.width)
    low, high = wanted.range
    pictures = generator.uniform(low, high, shape).astype(np.float32)
    narrow = open_session(1)
    plain = np.concatenate([narrow.run(pictures[i : i + 1]) for i in range(BATCH)])
    one = _median_ms(lambda: narrow.run(pictures[:1]))
    measured = {"one thread": one}

    wide: Session | None = None
    if cores > 1:
        candidate = open_session(cores)
        measured[f"{cores} threads"] = _median_ms(lambda: candidate.run(pictures[:1]))
        measured[f"{cores} runs side by side"] = _side_by_side_ms(narrow, pictures, cores)
        same = all(np.array_equal(candidate.run(pictures[i : i + 1])[0], plain[i]) for i in range(BATCH))
        if same and measured[f"{cores} threads"] < one * WORTHWHILE:
            wide = candidate

    batch = 1
    try:
        together = narrow.run(pictures)
    except Exception:  # noqa: BLE001 - a graph without a dynamic batch axis takes one picture at a time
        together = None
    if together is not None and np.array_equal(together, plain):
        measured[f"batch of {BATCH}"] = _median_ms(lambda: narrow.run(pictures)) / BATCH
        if measured[f"batch of {BATCH}"] < one * WORTHWHILE:
            batch = BATCH
    return Plan(narrow, wide, batch, {name: round(value, 2) for name, value in measured.items()})


def _median_ms(run: Callable[[], Tensor]) -> float:
    """The median of up to nine runs after one to warm up."""
    run()
    times: list[float] = []
    started = time.perf_counter()
    while len(times) < 9 and (len(times) < 3 or time.perf_counter() - started < MAX_SECONDS):
        before = time.perf_counter()
        run()
        times.append((time.perf_counter() - before) * 1e3)
    return statistics.median(times)


def _side_by_side_ms(session: Session, pictures: Tensor, cores: int) -> float:
    """Milliseconds a picture with as many runs at once as there are cores."""
    rounds = 3
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(lambda i: session.run(pictures[i : i + 1]), range(cores)))
        before = time.perf_counter()
        list(pool.map(lambda i: session.run(pictures[i % BATCH : i % BATCH + 1]), range(rounds * cores)))
        return (time.perf_counter() - before) * 1e3 / (rounds * cores)
