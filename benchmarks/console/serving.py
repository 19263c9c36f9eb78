"""What serving the console costs the gateway: memory, and processor time at rest."""

import statistics
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import httpx

from benchmarks.console.chromium import chromium
from benchmarks.console.visiting import (
    CONSOLE,
    PREFIX,
    UNLIMITED,
    administrators_password,
    lacking,
    not_measured,
    platform_with_console,
    sign_in,
)
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite, progress
from benchmarks.memory import MB, SETTLE_SECONDS, family, resident
from benchmarks.running import free_port, gateway_beside, running
from lightbox.run.platform import Platform

LOADS: Final = 200
CONNECTIONS: Final = 6
"""How many a browser opens to one host."""
IDLE_SECONDS: Final = 20.0
NANOSECONDS: Final = 1e9

MEMORY: Final = Row(
    "console-memory",
    f"How much more resident memory a gateway with the console has than one without (LIGHTBOX_CONSOLE_DIR), each just"
    f" started and then sent {LOADS} times a GET of every address that a browser asks for until the page to read"
    f" pictures is shown, sign-in included, over {CONNECTIONS} connections. The one without answers most by 404.",
    "MB",
    bound=5,
    judged="value",
    better="less",
)
IDLE: Final = Row(
    "console-idle-processor",
    "Processor time that the gateway with the console takes in a second without requests, after that."
    " Reference: the one without, in the same seconds.",
    "ms",
    bound=1.1,
    better="less",
)
ROWS: Final = (MEMORY, IDLE)


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure both rows, with two new gateways in each round."""
    rows = [row for row in ROWS if row.id in wanted]
    why = lacking() if rows else None
    if not rows or why is not None:
        yield from not_measured(rows, why or "")
        return
    added: list[float] = []
    spent: list[tuple[float, float]] = []
    with platform_with_console() as platform:
        paths = _paths(platform)
        for count in range(1, effort.rounds + 1):
            with _gateway(platform, CONSOLE / "dist") as ours, _gateway(platform, None) as other:
                sizes = [_size_after_loads(*each, paths) for each in (ours, other)]
                added.append((sizes[0] - sizes[1]) / MB)
                progress(f"{MEMORY.id} {count}/{effort.rounds}: {added[-1]:.2f} MB ({sizes[0] / MB:.1f} with it)")
                if IDLE in rows:
                    spent.append(_spent_at_rest(ours[0], other[0]))
                    progress(f"{IDLE.id} {count}/{effort.rounds}: {spent[-1][0]:.3f} ms; without {spent[-1][1]:.3f}")
    if MEMORY in rows:
        listed = ", ".join(f"{each:.2f}" for each in added)
        yield MEMORY.id, Result(f"{len(paths)} requests a load; rounds {listed} MB", statistics.median(added))
    if IDLE in rows:
        ratios = [mine / theirs for mine, theirs in spent]
        mine, theirs = (statistics.median(side) for side in zip(*spent, strict=True))
        listed = ", ".join(f"{each:.2f}" for each in ratios)
        note = f"{IDLE_SECONDS:g} s a round; ratios of the rounds {listed}"
        yield IDLE.id, Result(note, mine, theirs, statistics.median(ratios))


def _paths(platform: Platform) -> list[str]:
    """The paths that a browser gets in a first load of the console, from the sign-in to the page to read pictures."""
    with chromium() as browser:
        page = browser.page()
        page.visit(f"{platform.url}{PREFIX}/")
        sign_in(page, "admin", administrators_password(platform))
        loaded = page.settle()
    return [each.url.removeprefix(platform.url) for each in loaded if each.url.startswith(platform.url)]


@contextmanager
def _gateway(platform: Platform, console: Path | None) -> Iterator[tuple[int, str]]:
    """One more gateway for the platform. Yields the id of its process, and its address."""
    port = free_port()
    settings = gateway_beside(platform, port, platform.settings.local_url("inference-service")) | UNLIMITED
    settings["LIGHTBOX_CONSOLE_DIR"] = "" if console is None else str(console)
    command = [sys.executable, "-m", "lightbox_shared.serve", "gateway"]
    with running(command, f"http://127.0.0.1:{port}/readyz", **settings) as process:
        yield process.pid, f"http://127.0.0.1:{port}"


def _size_after_loads(pid: int, address: str, paths: Sequence[str]) -> int:
    """The resident memory of a gateway after the loads, in bytes."""
    with ExitStack() as stack:
        limits = httpx.Limits(max_connections=CONNECTIONS)
        headers = {"Accept-Encoding": "gzip"}
        http = stack.enter_context(httpx.Client(base_url=address, timeout=60, limits=limits, headers=headers))
        threads = stack.enter_context(ThreadPoolExecutor(CONNECTIONS))
        for _ in range(LOADS):
            for answer in threads.map(http.get, paths):
                if answer.is_server_error:
                    raise BenchmarkError(f"{answer.url} is answered by {answer.status_code}")
    time.sleep(SETTLE_SECONDS)
    return sum(map(resident, family(pid)))


def _spent_at_rest(ours: int, other: int) -> tuple[float, float]:
    """The processor time of two processes, in milliseconds a second, measured at the same time."""
    before = _processor_time(ours), _processor_time(other)
    time.sleep(IDLE_SECONDS)
    after = _processor_time(ours), _processor_time(other)
    mine, theirs = ((end - start) * 1e3 / IDLE_SECONDS for start, end in zip(before, after, strict=True))
    return mine, theirs


def _processor_time(pid: int) -> float:
    """The processor time of all threads of a process and its descendants that still run, in seconds."""
    spent = 0
    for each in family(pid):
        for task in Path(f"/proc/{each}/task").iterdir():
            spent += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return spent / NANOSECONDS


SUITE: Final = Suite(ROWS, measure)
