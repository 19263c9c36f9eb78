"""Looking at processes through /proc, without ending any that is not ours."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """One process; `started` tells it from a later one with the same id."""

    pid: int
    started: int
    command: str

    @property
    def alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        status = _status(self.pid)
        return status is not None and status[0] != "Z" and int(status[19]) == self.started


def _status(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat after the name, which may contain anything (proc(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def descendants(pid: int) -> list[Process]:
    """All descendants of a process, also those in other sessions."""
    children: dict[int, list[Process]] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        status = _status(int(folder.name))
        if status is None:
            continue
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(status[1]), []).append(Process(int(folder.name), int(status[19]), command))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += [process.pid for process in below]
    return found


def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Wait for something to become true; whether it did."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
