"""What an administrator asks of a whole collection: assigning it, agreement over it, and exports of it."""

import hashlib
import statistics
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import httpx

from benchmarks.annotation.bulk_data import DOCTORS, FIRST_DOCTOR, Collected
from benchmarks.annotation.ours import DATABASE, SERVICE, administrator
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite, progress
from benchmarks.memory import MB, added_meanwhile, resident
from benchmarks.running import server_of
from lightbox.run.platform import Platform
from lightbox.run.temporary import running_platform

IMAGES: Final = 10_000
READERS: Final = 3
LABELS: Final = 100_000
FORMATS: Final = ("csv", "jsonl", "parquet")
DOWNLOAD: Final = "GET /download"
FIELDS: Final = 12
"""Those of a label without its comment, for which agreement has no meaning."""
PATIENCE_SECONDS: Final = 300.0
POLL_SECONDS: Final = 0.1
SETTLE_SECONDS: Final = 3.0
HERE: Final = "by an administrator, straight to annotation-service"

ASSIGN: Final = Row(
    "annotation-assign",
    f"POST /api/assignments {HERE}: {IMAGES:,} images to {READERS} of {DOCTORS} doctors each, in one transaction. Once"
    " for all images that are unassigned, once with the list of their ids; the slower one counts.",
    "s",
    bound=5.0,
    judged="value",
    better="less",
)
AGREEMENT: Final = Row(
    "annotation-agreement",
    f"GET /api/agreement {HERE}: {IMAGES:,} images with labels of {READERS} of {DOCTORS} doctors each, of the"
    " built-in scheme: 12 fields, of which three are ordered, and the comment, which is left out. All measures with"
    " their intervals.",
    "s",
    bound=10.0,
    judged="value",
    better="less",
)
EXPORT: Final = Row(
    "annotation-export-memory",
    f"How much an export of {LABELS:,} labels, asked for and fetched {HERE}, adds to the service's resident memory:"
    f" peak meanwhile minus before. Exports as {', '.join(FORMATS)}, and {DOWNLOAD}, each with a service that was just"
    " started; the largest one counts.",
    "MB",
    bound=64,
    judged="value",
    better="less",
)
ROWS: Final = (ASSIGN, AGREEMENT, EXPORT)


@dataclass(frozen=True, slots=True)
class Asking:
    """An administrator's requests to the service, and the database behind it."""

    http: httpx.Client
    collected: Collected

    def assign(self, body: dict[str, Any]) -> float:
        """Assign new images. Returns the seconds. Raises `BenchmarkError` if they do not have their readers then."""
        self.collected.fill_unassigned(IMAGES)
        begin = time.perf_counter()
        answer = self.http.post("/api/assignments", json=body)
        seconds = time.perf_counter() - begin
        _expect(answer, httpx.codes.CREATED)
        wanted = f"{IMAGES}|{READERS * IMAGES}|{READERS * IMAGES}|{DOCTORS}"
        found = self.collected.assigned()
        if found != wanted:
            raise BenchmarkError(f"images, pairs of image and doctor, jobs and doctors are {found}, not {wanted}")
        return seconds

    def agreement(self) -> float:
        """Ask for the agreement. Returns the seconds. Raises `BenchmarkError` if it is not of all labels."""
        begin = time.perf_counter()
        answer = self.http.get("/api/agreement")
        seconds = time.perf_counter() - begin
        _expect(answer, httpx.codes.OK)
        fields = answer.json()["fields"]
        wanted = {"images": IMAGES, "readings": READERS * IMAGES, "doctors": DOCTORS, "pairs": READERS * IMAGES}
        if len(fields) != FIELDS or any({**each["counts"], **wanted} != each["counts"] for each in fields):
            raise BenchmarkError("the agreement is not of all labels and fields")
        if not any(each["ordinal_krippendorff_alpha"] for each in fields):
            raise BenchmarkError("no field is ordered")
        if any(not 0.3 < each["krippendorff_alpha"]["value"] < 0.95 for each in fields):
            raise BenchmarkError("doctors agree too much, or too little, for real ones")
        return seconds

    def export(self, wanted: str) -> str:
        """Ask for an export, wait until it is done, and fetch its file. Returns how long both took, and its size.

        Raises `BenchmarkError` if it has not all rows, or the file has not the bytes that it should have.
        """
        begin = time.perf_counter()
        answer = self.http.post("/api/exports", json={"format": wanted})
        _expect(answer, httpx.codes.ACCEPTED)
        path = answer.headers["Location"]
        while (body := self.http.get(path).raise_for_status().json())["state"] in {"queued", "running"}:
            time.sleep(POLL_SECONDS)
        made = time.perf_counter()
        if body["state"] != "done" or body["rows"] != LABELS:
            raise BenchmarkError(f"the export is {body['state']} and has {body['rows']} rows")
        digest, size, _ = self._fetch(body["file"])
        if (digest, size) != (body["sha256"], body["size"]):
            raise BenchmarkError("the file of the export is not the one that was made")
        return f"{made - begin:.1f} s, and its {size / MB:.1f} MB fetched in {time.perf_counter() - made:.2f} s"

    def download(self) -> str:
        """Fetch the table of ground truths. Returns how long it took, and its size. Raises `BenchmarkError` if it has
        not all rows."""
        begin = time.perf_counter()
        _, size, lines = self._fetch("/download")
        if lines != 1 + LABELS:
            raise BenchmarkError(f"the download has {lines} lines")
        return f"{time.perf_counter() - begin:.1f} s, {size / MB:.1f} MB"

    def _fetch(self, path: str) -> tuple[str, int, int]:
        """The SHA-256 of a file, its bytes and its line ends."""
        digest, size, lines = hashlib.sha256(), 0, 0
        with self.http.stream("GET", path) as answer:
            answer.raise_for_status()
            for piece in answer.iter_bytes():
                digest.update(piece)
                size += len(piece)
                lines += piece.count(b"\n")
        return digest.hexdigest(), size, lines


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure all rows on one platform, each with data of its own."""
    with running_platform() as platform:
        headers = {"Authorization": administrator(platform).authorization}
        address = platform.settings.local_url(SERVICE)
        with httpx.Client(base_url=address, headers=headers, timeout=PATIENCE_SECONDS) as http:
            asking = Asking(http, Collected(server_of(platform), DATABASE))
            if ASSIGN.id in wanted:
                yield ASSIGN.id, _assign(asking, effort)
            if AGREEMENT.id in wanted:
                asking.collected.fill_read(IMAGES, READERS)
                seconds = _rounds(AGREEMENT, effort, {"": asking.agreement})[""]
                yield AGREEMENT.id, Result(f"rounds {_list(seconds)} s", statistics.median(seconds))
            if EXPORT.id in wanted:
                asking.collected.fill_read(LABELS, 1)
                yield EXPORT.id, _export(platform, asking)


def _assign(asking: Asking, effort: Effort) -> Result:
    body = {"mode": "assigned", "readers": READERS, "doctors": [FIRST_DOCTOR + each for each in range(DOCTORS)]}
    all_of_them = {**body, "state": "unassigned"}
    bodies = {"all that are unassigned": all_of_them, "by their ids": {**body, "images": list(range(1, IMAGES + 1))}}
    ways: dict[str, Callable[[], float]] = {name: partial(asking.assign, each) for name, each in bodies.items()}
    rounds = _rounds(ASSIGN, effort, ways)
    note = "; ".join(f"{name} {_list(seconds)} s" for name, seconds in rounds.items())
    return Result(note, max(map(statistics.median, rounds.values())))


def _export(platform: Platform, asking: Asking) -> Result:
    ways: dict[str, Callable[[], str]] = {
        **{name: partial(asking.export, name) for name in FORMATS},
        DOWNLOAD: asking.download,
    }
    added, notes = [], []
    for name, work in ways.items():
        pid = _start_again(platform)
        asking.http.get("/api/exports").raise_for_status()
        time.sleep(SETTLE_SECONDS)
        before = resident(pid) / MB
        more, took = added_meanwhile(pid, work)
        added.append(more / MB)
        notes.append(f"{name} {added[-1]:.1f} MB more than {before:.0f} MB, {took}")
        progress(f"{EXPORT.id}: {notes[-1]}")
    return Result("; ".join(notes), max(added))


def _start_again(platform: Platform) -> int:
    """Start the service again, so that it has no memory left from the work before. Returns the id of its process."""
    child = platform.children[SERVICE]
    child.terminate()
    child.wait_stopped()
    child.start()
    platform.wait_ready()
    if child.process is None:
        raise BenchmarkError(f"{SERVICE} does not run")
    return child.process.pid


def _rounds(row: Row, effort: Effort, ways: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """The seconds of several ways in turn, in each round."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for count in range(1, effort.rounds + 1):
        for name, work in ways.items():
            found[name].append(work())
            progress(f"{row.id} {count}/{effort.rounds}: {found[name][-1]:.2f} s {name}")
    return found


def _expect(answer: httpx.Response, status: int) -> None:
    if answer.status_code != status:
        raise BenchmarkError(f"{answer.request.url.path} answers {answer.status_code}: {answer.text[:500]}")


def _list(seconds: Sequence[float]) -> str:
    return ", ".join(f"{each:.2f}" for each in seconds)


SUITE: Final = Suite(ROWS, measure)
