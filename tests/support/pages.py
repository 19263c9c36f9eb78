"""README.md and the pages of docs/, and the commands that they tell readers to type."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

_FENCE = "```"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a page, and what the page shows as its answer."""

    page: str
    line: int
    text: str
    answer: str | None = None

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two fences; `info` is what the first one says."""

    line: int
    info: str
    lines: tuple[str, ...]


def blocks_of(path: Path) -> list[Block]:
    """All of them, in their order."""
    found: list[Block] = []
    opened: tuple[int, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.startswith(_FENCE):
            lines.append(line)
        elif opened is None:
            opened, lines = (number + 1, line.removeprefix(_FENCE)), []
        else:
            found.append(Block(*opened, tuple(lines)))
            opened = None
    return found


def commands_of(path: Path) -> list[Command]:
    """The commands of all blocks of `sh`. A block `json answer` is what the last command before it answers."""
    found: list[Command] = []
    for block in blocks_of(path):
        if block.info == "sh":
            found += [Command(path.name, block.line + at, text) for at, text in _whole_commands(block.lines)]
        elif block.info == "json answer":
            found[-1] = replace(found[-1], answer="\n".join(block.lines))
    return found


def _whole_commands(lines: Sequence[str]) -> list[tuple[int, str]]:
    """(index of its first line, text) of each: a line, or as many as the shell needs for a whole one."""
    found, waiting, first = [], "", 0
    for index, line in enumerate(lines):
        if not waiting and (not line.strip() or line.startswith("#")):
            continue
        waiting, first = (f"{waiting}\n{line}", first) if waiting else (line, index)
        if not line.endswith(("|", "\\")) and _is_whole(waiting):
            found.append((first, waiting))
            waiting = ""
    assert not waiting, f"not a whole command: {waiting}"
    return found


def _is_whole(text: str) -> bool:
    command = ["bash", "-n", "-c", text]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def matches(answer: str, said: str) -> bool:
    """Whether an answer is the one that is shown, in which `...` stands for anything; blanks make no difference."""
    parts = ("".join(part.split()) for part in answer.split("..."))
    return re.fullmatch(".*?".join(map(re.escape, parts)), "".join(said.split())) is not None
