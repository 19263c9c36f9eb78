"""Tests that kill processes: on a disk, where `fsync` does something."""

from collections.abc import Iterator

import pytest
from support.environment import use_disk


@pytest.fixture(scope="module", autouse=True)
def _on_disk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        use_disk(patch)
        yield
