"""Progress bars on standard error, by bytes; none are shown where it is not a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from lightbox.collect.callbacks import ProgressCallback


class ProgressBars:
    """A progress bar for each picture that is being transferred."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def bar(self, name: str) -> Iterator[ProgressCallback]:
        """Show a bar until the end of the context; the function that it yields moves it."""
        task = self._progress.add_task(name, total=None)
        try:
            yield lambda done, total: self._progress.update(task, completed=done, total=total)
        finally:
            self._progress.remove_task(task)


@contextmanager
def progress_bars() -> Iterator[ProgressBars]:
    """An area of the terminal for progress bars, cleared at the end of the context."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield ProgressBars(progress)
