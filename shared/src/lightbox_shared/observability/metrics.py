"""Prometheus metrics of requests: their number and duration by method, route and status.

The label `route` has templates of paths, not paths, so that the number of time series is bounded.
"""

from anyio import to_thread
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class HttpMetrics:
    """The metrics of one application. Its `registry` is separate; a service adds its own metrics to it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "lightbox_http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "lightbox_http_request_seconds",
            "Time from the first byte in to the last byte out.",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Record a request that took `seconds`. Status 0 means that the client disconnected before a response."""
        found = self._children.get((method, route, status))
        if found is None:
            known = method if method in _METHODS else "other"
            found = self._requests.labels(known, route, str(status)), self._seconds.labels(route)
            if known == method:  # otherwise clients could make any number of labels
                self._children[method, route, status] = found
        counter, histogram = found
        counter.inc()
        histogram.observe(seconds)

    async def render(self) -> Response:
        """All metrics in the text format of Prometheus, made in a thread, since those of the process are read from
        files."""
        content = await to_thread.run_sync(generate_latest, self.registry)
        return Response(content, media_type=CONTENT_TYPE_LATEST)
