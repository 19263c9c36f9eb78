"""How the tests are spread over worker processes (pytest-xdist). A file stays whole, since what its tests share is made
once a file; the contract tests stay together on their one platform; and what takes longest begins first."""

import os
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

CONTRACTS: Final = "tests/contracts/"
LONGEST: Final = (
    CONTRACTS,
    "tests/faults/",
    "tests/cli/test_run.py",
    "tests/docs/",
    "tests/cli/",
    "tests/model_training/",
    "tests/auth/test_commands",
)
"""What begins first, in this order: the groups that start platforms, then those that start commands or calculate."""


def number_of_workers(config: pytest.Config) -> int:
    """One more than there are cores, since tests also wait. 0, with which the tests run in pytest's own process:
    where files or single tests are named, for which starting workers takes longer than it saves, and where output is
    wanted (`-s`), which workers do not show."""
    if config.option.capture == "no" or not all(Path(path).is_dir() for path in config.args):
        return 0
    return (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1) + 1


def group_of(nodeid: str) -> str:
    """What a test is kept together with: its file, or all contract tests."""
    return CONTRACTS if nodeid.startswith(CONTRACTS) else nodeid.partition("::")[0]


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by how long their groups take: those of `LONGEST`, then the groups with most tests."""
    sizes = Counter(group_of(item.nodeid) for item in items)

    def rank(item: pytest.Item) -> tuple[int, int]:
        places = [place for place, start in enumerate(LONGEST) if item.nodeid.startswith(start)]
        return (places[0] if places else len(LONGEST)), -sizes[group_of(item.nodeid)]

    items.sort(key=rank)


class WholeGroups(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Gives each worker whole groups, in the order in which the tests were collected."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
