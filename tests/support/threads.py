"""Threads that work until they are told to stop."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def running_threads(target: Callable[[int], None], count: int, stop: threading.Event) -> Iterator[None]:
    """Run `target(0)` to `target(count - 1)` in threads. The end of the context sets `stop` and waits for them."""
    threads = [threading.Thread(target=target, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
