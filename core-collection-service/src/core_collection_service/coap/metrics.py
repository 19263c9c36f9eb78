"""Metrics of requests over CoAP, by method, route and response code. A picture in a hundred blocks is one request.
Labels are the templates of routes, never paths."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH"})


class CoapMetrics:
    """The metrics of CoAP, in the registry of the application."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "lightbox_coap_requests", "Requests over CoAP answered.", ["method", "route", "code"], registry=registry
        )
        self._seconds = Histogram(
            "lightbox_coap_request_seconds",
            "Time from the first block of the request to the answer.",
            ["route"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.malformed = Counter(
            "lightbox_coap_malformed", "Datagrams that are no messages of CoAP.", registry=registry
        )
        self.observers = Gauge("lightbox_coap_observers", "Clients that observe a collection.", registry=registry)

    def observe(self, method: str, route: str, code: str, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(method if method in _METHODS else "other", route, code).inc()
        self._seconds.labels(route).observe(seconds)
