"""Metrics of the pictures that are submitted, over HTTP and CoAP. Collections are labels, since they are few and
configured; devices never are. What zstd saves is the difference between the bytes received and the bytes stored."""

from prometheus_client import CollectorRegistry, Counter

from core_collection_service.pictures.models import PictureRecord


class SubmissionMetrics:
    """Counters since the start of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, description: str) -> Counter:
            return Counter(f"lightbox_collection_{name}", description, ["collection"], registry=registry)

        self._added = counter("pictures_kept", "Pictures that were added.")
        self._received_bytes = counter("received_bytes", "Bytes of these pictures, as they were sent.")
        self._stored_bytes = counter("stored_bytes", "Bytes of these pictures, as they are stored.")
        self._repeated = counter("pictures_repeated", "Pictures that were there already with the same bytes: retries.")
        self._conflicts = counter("conflicts", "Other pictures of a device and timestamp that were there already.")

    def count_success(self, record: PictureRecord, *, created: bool) -> None:
        """Count a submission whose picture was added (`created`), or was there already."""
        if not created:
            self._repeated.labels(record.collection).inc()
            return
        self._added.labels(record.collection).inc()
        self._received_bytes.labels(record.collection).inc(record.size)
        self._stored_bytes.labels(record.collection).inc(record.stored_size)

    def count_conflict(self, collection: str) -> None:
        """Count a submission that was refused because of another picture with its device and timestamp."""
        self._conflicts.labels(collection).inc()
