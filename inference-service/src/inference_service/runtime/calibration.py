"""How to run a model on this machine, found out by a short measurement at start-up.

Two questions. Idle: is one run over all cores slower than a run on one? Nobody else wants the cores then, so it is
taken unless it is. Loaded: as many single-thread runs as there are cores, and in batches where that is a clear gain.
A way that does not give bit for bit the numbers of the plain one (one picture, one thread) is never chosen: a
prediction is a record that can be made again.

Services start side by side and disturb each other's measurements. So the ways take turns, and the best time of each
counts: a disturbance makes a run slower, never quicker.
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

# A batch makes the first picture of it wait for the others, so it has to gain this much.
WORTHWHILE: Final = 0.9
BATCH: Final = 8
ONE_THREAD: Final = "one thread"
ROUNDS: Final = 9
MAX_SECONDS: Final = 2.0
"""For the measurements of a model; three rounds are made in any case."""

OpenSession = Callable[[int], ModelSession]
"""Opens the model with a number of threads."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model runs, with the measurements that say so (milliseconds a picture)."""

    narrow: ModelSession
    wide: ModelSession | None
    """For a single picture while nothing else wants a core; None where it is no gain."""
    batch: int
    """Pictures in one run under load."""
    milliseconds: dict[str, float]


def calibrate(
    open_session: OpenSession, wanted: InputDescription, cores: int, *, clock: Callable[[], float] = time.perf_counter
) -> Plan:
    """Measure and decide; takes about `MAX_SECONDS`. Call it in a thread. `clock` gives seconds from some point on."""
    generator = np.random.default_rng(0)
    shape = (BATCH, wanted.channels, wanted.height, wanted.width)
    low, high = wanted.range
    pictures = generator.uniform(low, high, shape).astype(np.float32)
    narrow = open_session(1)
    plain = np.concatenate([narrow.run(pictures[i : i + 1]) for i in range(BATCH)])
    ways: dict[str, Callable[[], Tensor]] = {ONE_THREAD: lambda: narrow.run(pictures[:1])}

    wide: ModelSession | None = None
    if cores > 1:
        candidate = open_session(cores)
        if all(np.array_equal(candidate.run(pictures[i : i + 1])[0], plain[i]) for i in range(BATCH)):
            wide = candidate
            ways[f"{cores} threads"] = lambda: candidate.run(pictures[:1])
    try:
        together = narrow.run(pictures)
    except Exception:  # noqa: BLE001 - a graph without a dynamic batch axis takes one picture at a time
        together = None
    batches = together is not None and np.array_equal(together, plain)
    if batches:
        ways[f"batch of {BATCH}"] = lambda: narrow.run(pictures)

    measured = _best_ms(ways, clock)
    batch = 1
    if batches:
        measured[f"batch of {BATCH}"] /= BATCH
        batch = BATCH if measured[f"batch of {BATCH}"] < measured[ONE_THREAD] * WORTHWHILE else 1
    if wide is not None and measured[f"{cores} threads"] > measured[ONE_THREAD]:
        wide = None
    if cores > 1:
        measured[f"{cores} runs side by side"] = _side_by_side_ms(narrow, pictures, cores, clock)
    return Plan(narrow, wide, batch, {name: round(value, 2) for name, value in measured.items()})


def _best_ms(ways: dict[str, Callable[[], Tensor]], clock: Callable[[], float]) -> dict[str, float]:
    """The shortest time of each way in up to `ROUNDS` rounds, taking turns, after one round to warm up."""
    for run in ways.values():
        run()
    best = dict.fromkeys(ways, float("inf"))
    started = clock()
    for number in range(ROUNDS):
        if number >= 3 and clock() - started > MAX_SECONDS:
            break
        for name, run in ways.items():
            before = clock()
            run()
            best[name] = min(best[name], (clock() - before) * 1e3)
    return best


def _side_by_side_ms(session: ModelSession, pictures: Tensor, cores: int, clock: Callable[[], float]) -> float:
    """Milliseconds a picture with as many runs at once as there are cores."""
    rounds = 3
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(lambda i: session.run(pictures[i : i + 1]), range(cores)))
        before = clock()
        list(pool.map(lambda i: session.run(pictures[i % BATCH : i % BATCH + 1]), range(rounds * cores)))
        return (clock() - before) * 1e3 / (rounds * cores)
