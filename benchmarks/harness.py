"""The harness of the benchmarks, which writes their results to `results/latest.json` and `results/latest.md`.

A row compares Lightbox with another program. Both are measured in one run in alternating rounds, and a ratio is
computed for each round, so that a machine that is slow for a moment slows both. The value of a row is the median of its
rounds.
"""

import json
import os
import platform
import resource
import statistics
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

FOLDER: Final = Path(__file__).resolve().parent
VAR: Final = FOLDER / "var"
RESULTS: Final = FOLDER / "results"
PACKAGES: Final = ("onnxruntime", "numpy", "pillow", "fastapi", "uvicorn", "granian", "httptools")


@dataclass(frozen=True, slots=True)
class Effort:
    """How long rows are measured: the number of rounds, and the seconds for each measurement."""

    rounds: int = 5
    seconds: float = 4.0


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the results, with its target: a bound for the ratio to the reference or for the value itself."""

    id: str
    what: str
    unit: str
    bound: float
    judged: Literal["ratio", "value"] = "ratio"
    better: Literal["more", "less"] = "more"

    @property
    def target(self) -> str:
        """The target as a text, such as `ratio >= 0.9`."""
        sign = ">=" if self.better == "more" else "<=" if self.judged == "ratio" else "<"
        return f"{self.judged} {sign} {self.bound:g}"

    def is_met(self, judged: float) -> bool:
        """Whether a ratio or a value meets the target."""
        if self.better == "more":
            return judged >= self.bound
        return judged <= self.bound if self.judged == "ratio" else judged < self.bound


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a row. It has no value where another program is not installed, which `note` says."""

    note: str
    value: float | None = None
    reference: float | None = None
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Suite:
    """Rows that are measured together. `measure` takes the ids of rows, and yields each result when it is known."""

    rows: tuple[Row, ...]
    measure: Callable[[Collection[str], Effort], Iterator[tuple[str, Result]]]


class BenchmarkError(RuntimeError):
    """A measurement failed: a program did not start, or a response was not as expected."""


def compare(ours: Sequence[float], peers: Mapping[str, Sequence[float]], row: Row) -> tuple[str, Result]:
    """Compare the rounds of Lightbox with those of another program in several settings, of which the best one counts.

    Returns the name of that setting, and the result: both medians and the median of the ratios of the rounds.
    """
    best = max if row.better == "more" else min
    name = best(peers, key=lambda each: statistics.median(peers[each]))
    ratios = [mine / other for mine, other in zip(ours, peers[name], strict=True)]
    value, reference = statistics.median(ours), statistics.median(peers[name])
    spread = f"ratios of the rounds {', '.join(f'{each:.2f}' for each in ratios)}"
    return name, Result(spread, value, reference, statistics.median(ratios))


def measure_in_rounds(
    row: Row, effort: Effort, ours: Callable[[], float], peers: Mapping[str, Callable[[], float]], *, detail: str = ""
) -> tuple[str, Result]:
    """Measure Lightbox and the settings of another program in turn, in each round, and compare them.

    `detail` is added to the name of the row in the progress. Returns what `compare` returns.
    """
    return compare(*in_rounds(row, effort, ours, peers, detail=detail), row)


def in_rounds(
    row: Row, effort: Effort, ours: Callable[[], float], peers: Mapping[str, Callable[[], float]], *, detail: str = ""
) -> tuple[list[float], dict[str, list[float]]]:
    """Measure Lightbox and others in turn, in each round. Returns the values of the rounds, those of the others by
    name."""
    mine: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in peers}
    for count in range(1, effort.rounds + 1):
        mine.append(ours())
        for name, measure in peers.items():
            theirs[name].append(measure())
        now = ", ".join(f"{name} {_number(values[-1])}" for name, values in theirs.items())
        progress(f"{row.id}{detail} {count}/{effort.rounds}: {_number(mine[-1])} {row.unit}; {now}")
    return mine, theirs


def progress(text: str) -> None:
    """Write a line about the progress to standard error."""
    print(text, file=sys.stderr, flush=True)


def machine() -> str:
    """The processor, operating system and versions of packages, on which results depend."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{model}, {cores} cores; {platform.system()}; Python {platform.python_version()}; {packages}"


def run(suites: Iterable[Suite], only: Collection[str], effort: Effort) -> None:
    """Measure the rows with the ids `only`, or all if there are none, and write the results after each suite.

    The results of other rows are kept. Raises `BenchmarkError`.
    """
    path = RESULTS / "latest.json"
    suites = tuple(suites)
    rows = {row.id: row for suite in suites for row in suite.rows}
    unknown = set(only) - set(rows)
    if unknown:
        raise BenchmarkError(f"There is no row {sorted(unknown)}; there are {sorted(rows)}.")
    written: dict[str, dict[str, Any]] = {}
    if path.exists():
        written = {each["id"]: each for each in json.loads(path.read_text(encoding="utf-8")) if each["id"] in rows}
    here = machine()
    for suite in suites:
        wanted = {row.id for row in suite.rows if not only or row.id in only}
        if not wanted:
            continue
        before = _processor_seconds()
        for row_id, result in suite.measure(wanted, effort):
            written[row_id] = _entry(rows[row_id], result, here)
            progress(f"{row_id}: {_sentence(written[row_id])}")
        disturbance = _disturbance(before, _processor_seconds())
        progress(disturbance)
        for row_id in wanted:
            written[row_id]["note"] += f"; {disturbance}"
        _write([written[each] for each in rows if each in written])


def _processor_seconds() -> tuple[float, float, float]:
    """Processor time in seconds: all of this machine, the part of it that was not idle, and that of this process and
    its children that have ended. Zeros without /proc."""
    path = Path("/proc/stat")
    if not path.exists():
        return 0.0, 0.0, 0.0
    ticks = [int(each) for each in path.read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
    whole = sum(ticks) / os.sysconf("SC_CLK_TCK")
    idle = (ticks[3] + ticks[4]) / os.sysconf("SC_CLK_TCK")
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return whole, whole - idle, sum(each.ru_utime + each.ru_stime for each in used)


def _disturbance(before: tuple[float, float, float], after: tuple[float, float, float]) -> str:
    """A sentence on the share of the processor that other programs used, including other guests of the host."""
    whole, busy, own = (end - start for start, end in zip(before, after, strict=True))
    if not whole:
        return "how busy the machine was is not known"
    return f"other programs took {max(0.0, busy - own) / whole:.0%} of the processor meanwhile"


def _entry(row: Row, result: Result, here: str) -> dict[str, Any]:
    judged = result.ratio if row.judged == "ratio" else result.value
    numbers = {
        name: None if number is None else float(f"{number:.4g}")
        for name, number in asdict(result).items()
        if name != "note"
    }
    return {
        "id": row.id,
        "what": row.what,
        "unit": row.unit,
        **numbers,
        "target": row.target,
        "met": None if judged is None else row.is_met(judged),
        "note": result.note,
        "machine": here,
    }


def _sentence(entry: Mapping[str, Any]) -> str:
    if entry["value"] is None:
        return f"not measured: {entry['note']}"
    verdict = "met" if entry["met"] else "MISSED"
    reference = "" if entry["reference"] is None else f", reference {_number(entry['reference'])}"
    ratio = "" if entry["ratio"] is None else f", ratio {entry['ratio']:.2f}"
    return f"{_number(entry['value'])} {entry['unit']}{reference}{ratio}; target {entry['target']}: {verdict}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _write(entries: Sequence[Mapping[str, Any]]) -> None:
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(entries, indent=1, ensure_ascii=False) + "\n"
    (RESULTS / "latest.json").write_text(text, encoding="utf-8")
    lines = ["# Measured", "", "Made by `make bench`; " + METHOD, ""]
    lines += ["| row | value | reference | ratio | target | met |", "| --- | ---: | ---: | ---: | --- | --- |"]
    for entry in entries:
        met = {True: "yes", False: "**no**", None: "not measured"}[entry["met"]]
        ratio = "" if entry["ratio"] is None else f"{entry['ratio']:.2f}"
        unit = f" {entry['unit']}" if entry["value"] is not None else ""
        cells = [entry["id"], _number(entry["value"]) + unit, _number(entry["reference"]), ratio, entry["target"], met]
        lines.append(f"| {' | '.join(cells)} |")
    for entry in entries:
        lines += ["", f"**{entry['id']}**: {entry['what']} {entry['note'][:1].upper()}{entry['note'][1:]}."]
    lines += ["", *(f"Machine: {each}." for each in dict.fromkeys(entry["machine"] for entry in entries)), ""]
    (RESULTS / "latest.md").write_text("\n".join(lines), encoding="utf-8")


METHOD: Final = (
    '`make bench ARGS="--only gateway-small-json"` measures some rows again. Both sides of a row are measured in one'
    " run in alternating rounds; value and reference are medians over the rounds, the ratio is the median of the"
    " rounds' ratios, and a peer with several settings counts with its best one. Everything runs on one machine, the"
    " load generator too, each in a process of its own. The rows of the gateway need HAProxy and wrk"
    " (`apt-get install haproxy wrk`), those of the console Chromium (`apt-get install chromium`); without them they"
    " stay empty."
)
