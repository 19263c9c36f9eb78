"""How many streams of events are open in this process: limits, and a metric."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from lightbox_shared.errors import TooManyRequests, Unavailable
from lightbox_shared.requests.addresses import partition

MAX_STREAMS: Final = 1000
MAX_STREAMS_OF_ADDRESS: Final = 100
"""So that one client can't take all places; people behind one address share them."""
RETRY_AFTER_SECONDS: Final = 10


class TooManyStreams(Unavailable):
    """This process has as many open streams as it accepts."""

    code = "too-many-streams"
    default_detail = "Too many streams of events are open."


class TooManyStreamsOfAddress(TooManyRequests):
    """Clients at this address have as many open streams as are accepted of one."""

    code = "too-many-streams-of-address"
    default_detail = "Too many streams of events are open at your address."


class OpenStreams:
    """Counts the open streams. To be used from one event loop."""

    def __init__(
        self,
        registry: CollectorRegistry,
        limit: int = MAX_STREAMS,
        limit_of_address: int = MAX_STREAMS_OF_ADDRESS,
    ) -> None:
        self._limit = limit
        self._limit_of_address = limit_of_address
        self._gauge = Gauge("lightbox_event_streams", "Streams of server-sent events that are open.", registry=registry)
        self._of_address: Counter[str] = Counter()
        self.count = 0

    @contextmanager
    def counted(self, address: str) -> Iterator[None]:
        """Count one more stream, of a client at this address, until the end of the context. Raises
        `TooManyStreamsOfAddress` and `TooManyStreams`."""
        counted_as = partition(address)
        if self._of_address[counted_as] >= self._limit_of_address:
            raise TooManyStreamsOfAddress(retry_after=RETRY_AFTER_SECONDS)
        if self.count >= self._limit:
            raise TooManyStreams(retry_after=RETRY_AFTER_SECONDS)
        self._change(counted_as, 1)
        try:
            yield
        finally:
            self._change(counted_as, -1)

    def _change(self, counted_as: str, difference: int) -> None:
        self._of_address[counted_as] += difference
        if not self._of_address[counted_as]:
            del self._of_address[counted_as]
        self.count += difference
        self._gauge.set(self.count)
