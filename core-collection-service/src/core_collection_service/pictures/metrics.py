"""What came of the pictures that were sent, over HTTP and CoAP, for `/metrics`. Collections are few and configured;
devices are never a label. What zstd saves is the difference between the bytes received and stored."""

from prometheus_client import CollectorRegistry, Counter

from core_collection_service.pictures.repository import PictureRecord


class PictureMetrics:
    """Counters since the start of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, says: str) -> Counter:
            return Counter(f"lightbox_collection_{name}", says, ["collection"], registry=registry)

        self._kept = counter("pictures_kept", "Pictures that were kept.")
        self._received = counter("received_bytes", "Bytes of these pictures, as they were sent.")
        self._stored = counter("stored_bytes", "Bytes of these pictures, as they are stored.")
        self._repeated = counter("pictures_repeated", "Pictures that were there already with the same bytes: retries.")
        self._conflicts = counter("conflicts", "Other pictures of a device and timestamp that were there already.")

    def kept(self, record: PictureRecord, *, created: bool) -> None:
        """A picture that was sent is there, `created` or from an earlier time."""
        if not created:
            self._repeated.labels(record.collection).inc()
            return
        self._kept.labels(record.collection).inc()
        self._received.labels(record.collection).inc(record.size)
        self._stored.labels(record.collection).inc(record.stored_size)

    def conflict(self, collection: str) -> None:
        """A picture was refused for the sake of the one that is there."""
        self._conflicts.labels(collection).inc()
