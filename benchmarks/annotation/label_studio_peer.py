"""How many images doctors label a second, compared with Label Studio."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from benchmarks import load
from benchmarks.annotation import ours
from benchmarks.annotation.annotators import ANNOTATORS
from benchmarks.annotation.label_studio import ENVIRONMENT, START, UWSGI, Instance, Project
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite, compare, in_rounds
from benchmarks.running import server_of
from lightbox.run.postgres import PostgresServer
from lightbox.run.temporary import running_platform, temporary_folder

WARM_UP_SECONDS: Final = 2.0
OURS: Final = (
    f"{ANNOTATORS} doctors at once who each label one image after the other, straight to annotation-service: POST of a"
    " label with 13 fields, PUT of the job to labeling, PUT of the job to finished with the label, which finishes the"
    " image; every image is looked for in the database afterwards. Reference: Label Studio, where"
    f" {ANNOTATORS} annotators at once each POST one annotation with 13 fields after the other,"
)
SQLITE: Final = Row(
    "annotation-sqlite",
    f"{OURS} on SQLite as it comes, on its better server: as `label-studio start` starts it, or uWSGI with two"
    " processes. The same client for both sides.",
    "annotations/s",
    bound=10.0,
)
POSTGRES: Final = Row(
    "annotation-postgresql",
    f"{OURS} on PostgreSQL (a server of the same kind and settings as the platform's), served by uWSGI with two"
    " processes. The same client for both sides.",
    "annotations/s",
    bound=10.0,
)
ROWS: Final = (SQLITE, POSTGRES)
MOST_OURS: Final = 1_000
MOST_THEIRS: Final = 120
"""The most annotations a second that are expected; so many tasks are made."""
SPARE: Final = 20
"""Further tasks for each annotator: some are quicker than others, and the last one of a measurement is not counted."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Label Studio on one of its servers, with a project."""

    url: str
    project: Project

    def rate(self, seconds: float) -> float:
        """Annotations a second."""
        return self.project.team.rate(self.url, seconds)


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure both rows on one platform, in the same rounds."""
    rows = [row for row in ROWS if row.id in wanted]
    if not load.wrk_is_there():
        yield from ((row.id, Result("wrk not installed")) for row in rows)
        return
    try:
        ENVIRONMENT.install()
    except BenchmarkError as error:
        yield from ((row.id, Result(str(error))) for row in rows)
        return
    seconds = effort.rounds * effort.seconds + WARM_UP_SECONDS
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        peers: dict[str, dict[str, Peer]] = {}
        for row in rows:
            start = _on_sqlite if row is SQLITE else _on_postgres
            peers[row.id] = start(stack, folder, _each(seconds * MOST_THEIRS))
        platform = stack.enter_context(running_platform())
        if server_of(platform).sql("SHOW fsync") != "on":
            raise BenchmarkError("the database does not wait for its disk")
        doctors = ours.doctors(platform, ANNOTATORS)
        ours.give_jobs(platform, doctors, _each(seconds * MOST_OURS))
        address = platform.settings.local_url(ours.SERVICE)
        team = ours.team(address, doctors, folder / "doctors")
        every = {name: peer for found in peers.values() for name, peer in found.items()}
        team.rate(address, WARM_UP_SECONDS)
        for peer in every.values():
            peer.rate(WARM_UP_SECONDS)
        theirs = {name: partial(peer.rate, effort.seconds) for name, peer in every.items()}
        mine, rates = in_rounds(rows[0], effort, partial(team.rate, address, effort.seconds), theirs)
        ours.check(platform, team)
        for peer in every.values():
            peer.project.check(peer.url)
        for row in rows:
            yield row.id, _result(row, mine, {name: rates[name] for name in peers[row.id]})


def _each(annotations: float) -> int:
    """Tasks for each annotator."""
    return round(annotations / ANNOTATORS) + SPARE


def _on_sqlite(stack: ExitStack, folder: Path, tasks: int) -> dict[str, Peer]:
    """Run Label Studio on both servers, each of which has a file of its own with the same project."""
    first = Instance(folder / "label-studio-1")
    first.initialise()
    with first.serving(START) as url:
        project = Project.create(url, folder / "annotators-1", tasks)
    second = first.copied(folder / "label-studio-2")
    copy = deepcopy(project)
    copy.team.folder = folder / "annotators-2"
    return {
        f"{START} on SQLite": Peer(stack.enter_context(first.serving(START)), project),
        f"{UWSGI} on SQLite": Peer(stack.enter_context(second.serving(UWSGI)), copy),
    }


def _on_postgres(stack: ExitStack, folder: Path, tasks: int) -> dict[str, Peer]:
    server = stack.enter_context(PostgresServer.at(folder / "label-studio-server"))
    instance = Instance.on_postgres(folder / "label-studio-3", server)
    instance.initialise()
    url = stack.enter_context(instance.serving(UWSGI))
    return {f"{UWSGI} on PostgreSQL": Peer(url, Project.create(url, folder / "annotators-3", tasks))}


def _result(row: Row, mine: list[float], theirs: dict[str, list[float]]) -> Result:
    best, result = compare(mine, theirs, row)
    each = ", ".join(
        f"{name} {compare(mine, {name: values}, row)[1].reference:.1f}/s" for name, values in theirs.items()
    )
    note = f"Label Studio {_version()}: {each}; {best} was the best; {result.note}"
    return Result(note, result.value, result.reference, result.ratio)


def _version() -> str:
    """The version that is installed in its environment."""
    paths = [str(each) for each in ENVIRONMENT.folder.glob("lib/python*/site-packages")]
    return next(each.version for each in distributions(name="label-studio", path=paths))


SUITE: Final = Suite(ROWS, measure)
