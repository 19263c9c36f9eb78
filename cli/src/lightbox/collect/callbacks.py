"""Functions by which a transfer reports to the terminal, and those that ignore what they are told."""

from collections.abc import Callable

ProgressCallback = Callable[[int, int | None], None]
"""Called with the number of bytes that are transferred, and the total; None where the total is not known."""

StatusCallback = Callable[[str], None]
"""Called with a sentence that says why a command is waiting."""


def ignore_progress(_done: int, _total: int | None) -> None:
    """A `ProgressCallback` that does nothing."""


def ignore_status(_sentence: str) -> None:
    """A `StatusCallback` that does nothing."""
