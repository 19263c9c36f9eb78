"""A platform that is looked after as `lightbox run` does it, for tests that kill its processes."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lightbox.run.platform import Platform
from support.running import running_platform

RECOVERY_SECONDS = 30


@contextmanager
def tended_platform(**environment: str) -> Iterator[Platform]:
    """What ends is started again. Its database keeps fsync on."""
    with running_platform(**environment) as running:
        ended = threading.Event()

        def tend() -> None:
            while not ended.wait(0.1):
                running.tend()

        keeper = threading.Thread(target=tend)
        keeper.start()
        try:
            yield running
        finally:
            ended.set()
            keeper.join()


def kill_service(platform: Platform, name: str) -> None:
    """By SIGKILL: nothing is put in order."""
    process = platform.children[name].process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)


def kill_postgres(platform: Platform) -> None:
    """The same for the database server."""
    assert platform.postgres is not None
    assert platform.postgres.process is not None
    os.kill(platform.postgres.process.pid, signal.SIGKILL)
