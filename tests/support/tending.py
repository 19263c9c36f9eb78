"""A platform that is supervised as by `lightbox run`, for tests that kill its processes."""

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
    """A platform whose processes are started again when they end. Its database server has fsync on."""
    with running_platform(**environment) as running:
        ended = threading.Event()

        def supervise() -> None:
            while not ended.wait(0.1):
                running.restart_ended()

        keeper = threading.Thread(target=supervise)
        keeper.start()
        try:
            yield running
        finally:
            ended.set()
            keeper.join()


def kill_service(platform: Platform, name: str) -> None:
    """Kill a service by SIGKILL."""
    process = platform.children[name].process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)


def kill_postgres(platform: Platform) -> None:
    """Kill the database server by SIGKILL."""
    assert platform.postgres is not None
    assert platform.postgres.process is not None
    os.kill(platform.postgres.process.pid, signal.SIGKILL)
