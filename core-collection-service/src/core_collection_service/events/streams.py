"""How many streams of events are open in this process: a limit, and a metric."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from core_collection_service.events.errors import TooManyStreams

MAX_STREAMS: Final = 1000
RETRY_AFTER_SECONDS: Final = 10


class Streams:
    """Counts them. To be used from one event loop."""

    def __init__(self, registry: CollectorRegistry, limit: int = MAX_STREAMS) -> None:
        self._limit = limit
        self._gauge = Gauge("lightbox_event_streams", "Streams of server-sent events that are open.", registry=registry)
        self.open = 0

    @contextmanager
    def opened(self) -> Iterator[None]:
        """One more within the context. Raises `TooManyStreams`."""
        if self.open >= self._limit:
            raise TooManyStreams(retry_after=RETRY_AFTER_SECONDS)
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self.open += change
        self._gauge.set(self.open)
