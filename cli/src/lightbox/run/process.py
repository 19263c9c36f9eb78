"""One child process, kept alive: started again when it ends by itself, stopped when we end."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 10.0
STABLE_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0
LOG_BYTES: Final = 20 * 1024 * 1024
_PR_SET_PDEATHSIG: Final = 1


def die_with_parent(how: signal.Signals) -> Callable[[], None] | None:
    """For `preexec_fn`: the kernel sends `how` to the child when we die, even by SIGKILL (Linux; None elsewhere)."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(how))

    return ask


def open_log(path: Path) -> int:
    """A file descriptor to append to; a log that grew large is kept once as `<name>.1`."""

    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)


@dataclass
class Child:
    """A process under supervision. `start`, then `tend` every now and then, then `stop`."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_path: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    restarts: int = field(default=0, init=False)
    _started_at: float = field(default=0.0, init=False)
    _not_before: float = field(default=0.0, init=False)
    _pause: float = field(default=FIRST_PAUSE_SECONDS, init=False)

    @property
    def ended(self) -> bool:
        """Whether it was started and does not run any more."""
        return self.process is not None and self.process.poll() is not None

    def start(self) -> None:
        """Start it, in a session of its own: Ctrl-C is for us, and we stop the others in order."""

        log = open_log(self.log_path)
        try:
            self.process = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.environment),
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - we have no threads
            )
        finally:
            os.close(log)
        self._started_at = time.monotonic()

    def tend(self) -> int | None:
        """Start it again if it ended, after a pause that grows while it keeps ending. The exit code once, or None."""
        if self.process is None or self.process.poll() is None:
            return None
        now, code = time.monotonic(), None
        if self._not_before <= self._started_at:  # the end is news
            code = self.process.returncode
            stable = now - self._started_at > STABLE_SECONDS
            self._pause = FIRST_PAUSE_SECONDS if stable else min(self._pause * 2, LONGEST_PAUSE_SECONDS)
            self._not_before = now + self._pause
        elif now >= self._not_before:
            self.restarts += 1
            self.start()
        return code

    def ask_to_stop(self) -> None:
        """Begin to end it; `wait_stopped` waits."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait_stopped(self) -> None:
        """Wait for its end, and force it after `STOP_SECONDS`."""
        if self.process is None:
            return
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
