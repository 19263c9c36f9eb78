"""Annotators who label one task after the other, all at once, played by wrk: the same client for every server.

An annotation is a sequence of requests, of which each one is sent when the one before it has been answered. The script
of wrk is in `annotators.lua`: each annotator is a thread with a connection and a state of its own.
"""

import math
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.harness import FOLDER, BenchmarkError
from benchmarks.load import TIMEOUT_SECONDS

SCRIPT: Final = FOLDER / "annotation" / "annotators.lua"
ANNOTATORS: Final = 16
DRAIN_SECONDS: Final = 1.0
"""The time for the last responses, so that no request of one measurement is still worked on in the next one."""
TASK: Final = "@task@"
"""In the path or the body of a step: the id of the task."""
CAPTURED: Final = "@captured@"
"""In the path or the body of a step: what the last step with a pattern has captured."""


@dataclass(frozen=True, slots=True)
class Step:
    """A request of an annotation. `capture` is a pattern of Lua with one group, for the body of the response."""

    method: str
    path: str
    body: str
    status: int
    capture: str = ""


@dataclass(slots=True)
class Annotator:
    """An annotator: the value of the header `Authorization`, and the ids of the tasks that are left."""

    authorization: str
    tasks: list[str]


@dataclass(slots=True)
class Team:
    """Annotators who work at once, and how many annotations they have finished so far.

    `steps` are the requests of one annotation, and `folder` is for the files of the script.
    """

    steps: Sequence[Step]
    annotators: Sequence[Annotator]
    folder: Path
    finished: int = field(default=0, init=False)

    def rate(self, url: str, seconds: float) -> float:
        """Let them label for a time at the server with this URL. Returns the annotations a second.

        They finish what they have begun, which is not counted if it takes longer. Raises `BenchmarkError` for an
        unexpected response, and if an annotator runs out of tasks.
        """
        self.folder.mkdir(exist_ok=True)
        (self.folder / "steps.lua").write_text(_lua(self.steps), encoding="utf-8")
        for number, each in enumerate(self.annotators, start=1):
            lines = (each.authorization, *each.tasks, "")
            (self.folder / str(number)).write_text("\n".join(lines), encoding="ascii")
        count = len(self.annotators)
        command = ["wrk", f"-t{count}", f"-c{count}", f"-d{math.ceil(seconds + DRAIN_SECONDS)}s", "-s", str(SCRIPT)]
        command += ["--timeout", f"{TIMEOUT_SECONDS}s", url, "--", str(seconds), str(self.folder)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise BenchmarkError(f"wrk fails on {url}: {done.stdout}{done.stderr}")
        lost, failure, counts = done.stdout.splitlines()[-3:]
        if failure or int(lost):
            raise BenchmarkError(f"{url}: {failure or f'{lost} requests were lost'}")
        finished = [int(each) for each in counts.split()]
        for each, number in zip(self.annotators, finished, strict=True):
            del each.tasks[: number + 1]  # and the one that was not counted
        self.finished += sum(finished)
        return sum(finished) / seconds


def _lua(steps: Sequence[Step]) -> str:
    """The steps as a Lua program that returns them."""
    tables = (
        f"{{method = [==[{each.method}]==], path = [==[{each.path}]==], body = [==[{each.body}]==],"
        f" status = {each.status}, capture = [==[{each.capture}]==]}}"
        for each in steps
    )
    return "return {\n" + ",\n".join(tables) + "\n}\n"
