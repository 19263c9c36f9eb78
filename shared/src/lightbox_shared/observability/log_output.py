"""Standard output for logs, which never stops a request.

Writing a log can fail: the disk is full, or whoever reads the pipe is gone or stands still. Then lines are lost. They
are counted, and a line says how many as soon as lines can be written again.
"""

import os
import select
import stat
import sys
from collections.abc import Callable
from typing import Final, TextIO

PIPE_BYTES: Final = select.PIPE_BUF
"""So many bytes are written into a pipe that is ready without waiting (POSIX, write)."""
PATIENCE_SECONDS: Final = 0.1
"""How long a pipe may be full before lines are lost. Then none waits until its reader goes on."""


class LogOutput:
    """Writes whole lines to the current `sys.stdout`, which may be replaced at any time. Never raises."""

    def __init__(self) -> None:
        self.lost = 0
        self.lost_lines: Callable[[int], str] = "{} lines of the log were lost\n".format
        """Makes the line that says how many were lost."""
        self._is_stuck = False
        self._is_torn = False
        """Whether the last line has no end."""

    def write(self, lines: str) -> int:
        """Write one line or several. They are written at once, and not kept in a buffer."""
        if not self._put(sys.stdout, lines):
            self.lost += lines.count("\n") or 1
        elif self.lost and self._put(sys.stdout, self.lost_lines(self.lost)):
            self.lost = 0
        return len(lines)

    def flush(self) -> None:
        """Do nothing, since nothing is kept."""

    def _put(self, stream: TextIO | None, lines: str) -> bool:
        """Whether all was written."""
        if stream is None:
            return False
        data = lines.encode(errors="backslashreplace")  # JSON of a client can contain a lone surrogate
        try:
            descriptor = stream.fileno()
        except (OSError, ValueError):  # not a file but something in memory, or closed
            return _put_into(stream, data.decode())
        try:
            stream.flush()  # what others have written comes first
            return self._put_all(descriptor, b"\n" + data if self._is_torn else data)
        except (OSError, ValueError):
            return False

    def _put_all(self, descriptor: int, data: bytes) -> bool:
        """Whether all was written. Raises `OSError`."""
        is_pipe = not stat.S_ISREG(os.fstat(descriptor).st_mode)
        left = memoryview(data)
        try:
            while left:
                if is_pipe and not self._is_ready(descriptor):
                    return False
                left = left[os.write(descriptor, left[:PIPE_BYTES] if is_pipe else left) :]
        finally:
            if len(left) < len(data):
                self._is_torn = len(left) > 0
        return True

    def _is_ready(self, descriptor: int) -> bool:
        """Whether a pipe takes `PIPE_BYTES`, after a short time unless it was full the last time."""
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        patience = 0.0 if self._is_stuck else PATIENCE_SECONDS
        found = poll.poll(0) or (patience and poll.poll(patience * 1000))
        self._is_stuck = not found
        return bool(found)


def _put_into(stream: TextIO, text: str) -> bool:
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        return False
    return True
