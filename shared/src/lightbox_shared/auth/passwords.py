"""What services that hash passwords have in common: the parameters of argon2id, and the threads for it.

One hash takes tens of milliseconds of a core and 19 MiB. So hashing has threads of its own, one for each core, of low
priority; when too many passwords wait for these threads, a caller gets `Unavailable` at once.
"""

import asyncio
import os
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from lightbox_shared.errors import Unavailable

T = TypeVar("T")

NICENESS: Final = 10

# The second configuration for argon2id in OWASP's Password Storage Cheat Sheet: m = 19 MiB, t = 2, p = 1.
ARGON2ID: Final[dict[str, Any]] = {
    "argon2__type": "ID",
    "argon2__memory_cost": 19_456,
    "argon2__time_cost": 2,
    "argon2__parallelism": 1,
}
"""Arguments of passlib's `CryptContext`."""


def composed(password: str) -> str:
    """The password in NFC: keyboards differ in whether they send a letter and its accent as one character or two."""
    return unicodedata.normalize("NFC", password)


class HashingThreads:
    """Threads of low priority, one for each core, with a bounded queue before them. Used by one event loop."""

    def __init__(self, *, most_waiting: int, busy: str) -> None:
        """`busy` is the sentence for clients whose work is refused."""
        self._executor = ThreadPoolExecutor(_cores(), "password", initializer=_lower_priority)
        self._most_waiting = most_waiting
        self._busy = busy
        self._waiting = 0

    def close(self) -> None:
        """Let the threads end. What still waits is not done any more."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def run(self, work: Callable[..., T], *args: object) -> T:
        """The result of `work(*args)`. Raises its exceptions, and `Unavailable` if the queue is full."""
        if self._waiting >= self._most_waiting:
            raise Unavailable(self._busy)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work, *args)
        finally:
            self._waiting -= 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lower_priority() -> None:
    """Lower the priority of the current thread; only Linux has priorities of single threads."""
    if sys.platform == "linux":
        # Relative to what it has: only root may raise a priority, if the service was started with a low one.
        niceness = os.getpriority(os.PRIO_PROCESS, 0) + NICENESS
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
