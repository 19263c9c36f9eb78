"""A child process that is started again when it ends unexpectedly, and that ends with this process."""

import ctypes
import errno
import os
import shutil
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
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_PR_SET_PDEATHSIG: Final = 1


def die_with_parent(how: signal.Signals) -> Callable[[], None] | None:
    """Return a `preexec_fn` that has the kernel send the signal `how` to the child when this process ends, even by
    SIGKILL. Returns None on systems other than Linux.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(how))

    return ask


def open_log(path: Path) -> int:
    """Open a log for appending, and return its file descriptor. Above `LOG_BYTES` it is first renamed to `<name>.1`.

    Where there is no room for a file, nothing is logged: the process that writes it matters more.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_name(path.name + ".1"))
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        return os.open(os.devnull, os.O_WRONLY)


def rotate_log(path: Path) -> None:
    """Above `LOG_BYTES`, copy a log to `<name>.1` and empty it, while a process goes on writing to it.

    The process keeps its file descriptor, so the file can't be renamed. A descriptor that appends (`open_log`) goes on
    at the beginning. What is written between the copy and the truncation is lost: at most a few lines. If there is no
    room for the copy, the log is emptied all the same. Raises `OSError` if that is not possible either.
    """
    try:
        if path.stat().st_size <= LOG_BYTES:
            return
    except FileNotFoundError:
        return
    older = path.with_name(path.name + ".1")
    with path.open("rb+") as log:
        try:
            with open(older, "wb", opener=_private) as copy:
                shutil.copyfileobj(log, copy, 1 << 20)
        except OSError:
            older.unlink(missing_ok=True)
        log.truncate(0)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o640)


@dataclass
class Child:
    """A supervised process: `start` it, call `restart_if_ended` regularly, then `terminate` it and `wait_stopped`."""

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
        """Whether the process was started and has ended."""
        return self.process is not None and self.process.poll() is not None

    def start(self) -> None:
        """Start the process in a session of its own, since Ctrl-C must not end it before `terminate`."""
        log = open_log(self.log_path)
        try:
            self.process = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.environment),
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - this process has no threads
            )
        finally:
            os.close(log)
        self._started_at = time.monotonic()

    def restart_if_ended(self) -> int | None:
        """Start the process again if it has ended, after a pause that doubles if it ends soon again.

        The first call after the end returns the exit code, and other calls None. Raises `OSError` if it can't be
        started; a later call tries it again.
        """
        if self.process is None or self.process.poll() is None:
            return None
        now, code = time.monotonic(), None
        if self._not_before <= self._started_at:  # the end was not noticed before
            code = self.process.returncode
            stable = now - self._started_at > STABLE_SECONDS
            self._pause = FIRST_PAUSE_SECONDS if stable else min(self._pause * 2, LONGEST_PAUSE_SECONDS)
            self._not_before = now + self._pause
        elif now >= self._not_before:
            self._not_before = now + self._pause  # in case that it can't be started
            self.start()
            self._not_before = now
            self.restarts += 1
        return code

    def terminate(self) -> None:
        """Send SIGTERM, without waiting for the end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait_stopped(self) -> None:
        """Wait until the process has ended. After `STOP_SECONDS` it is killed."""
        if self.process is None:
            return
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
