"""How many streams of events are open in this process: a limit, and a metric."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from lightbox_shared.errors import Unavailable

MAX_STREAMS: Final = 1000
RETRY_AFTER_SECONDS: Final = 10


class TooManyStreams(Unavailable):
    """This process has as many open streams as it accepts."""

    code = "too-many-streams"
    default_detail = "Too many streams of events are open."


class OpenStreams:
    """Counts the open streams. To be used from one event loop."""

    def __init__(self, registry: CollectorRegistry, limit: int = MAX_STREAMS) -> None:
        self._limit = limit
        self._gauge = Gauge("lightbox_event_streams", "Streams of server-sent events that are open.", registry=registry)
        self.count = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count one more stream until the end of the context. Raises `TooManyStreams`."""
        if self.count >= self._limit:
            raise TooManyStreams(retry_after=RETRY_AFTER_SECONDS)
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    def _change(self, difference: int) -> None:
        self.count += difference
        self._gauge.set(self.count)
