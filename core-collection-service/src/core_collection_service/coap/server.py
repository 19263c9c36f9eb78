"""The CoAP server: in the process of the HTTP server, on the same event loop, with the same parts of the service."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from aiocoap.credentials import CredentialsMap
from prometheus_client import Counter

from core_collection_service.coap import security
from core_collection_service.coap.endpoint import Site, listen, open_sockets
from core_collection_service.coap.metrics import CoapMetrics
from core_collection_service.coap.observing import MAX_OBSERVERS, MAX_OBSERVERS_OF_HOST, REFRESH_SECONDS, Observers
from core_collection_service.coap.ping import check_addresses
from core_collection_service.coap.revocation import CHECK_SECONDS, drop_revoked
from core_collection_service.coap.site import LEISURE_SECONDS, CollectionSite
from core_collection_service.coap.uploads import FORGET_AFTER_SECONDS, UNFINISHED_BYTES, Uploads
from core_collection_service.state import Services
from lightbox_shared.concurrency.background import periodic_task

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CoapOptions:
    """Where CoAP is served, and its limits."""

    host: str
    port: int
    credentials: Path | None = None
    """The folder of the devices' security contexts."""
    multicast: tuple[str, ...] = ()
    """Network interfaces on which groups are joined."""
    forget_after_seconds: float = FORGET_AFTER_SECONDS
    """How long an upload may have no new block."""
    unfinished_bytes: int = UNFINISHED_BYTES
    """Of all uploads that are not complete."""
    max_observers: int = MAX_OBSERVERS
    max_observers_of_host: int = MAX_OBSERVERS_OF_HOST
    refresh_seconds: float = REFRESH_SECONDS
    """After so long without a picture, observers are notified of the newest one again."""
    revocation_seconds: float = CHECK_SECONDS
    """How often is looked whether security contexts were taken away."""
    leisure_seconds: float = LEISURE_SECONDS
    """The longest time after which a request by multicast is answered."""


@dataclass(frozen=True, slots=True)
class CoapServer:
    """A server that listens."""

    addresses: tuple[tuple[str, int], ...]

    @property
    def port(self) -> int:
        """The UDP port, which is the same of all addresses."""
        return self.addresses[0][1]

    async def check(self) -> None:
        """Raises `OSError` if an address does not answer a ping."""
        await check_addresses(self.addresses)


@asynccontextmanager
async def running_server(services: Services, options: CoapOptions, metrics: CoapMetrics) -> AsyncIterator[CoapServer]:
    """Serve until the end of the context. Raises `OSError` for an address that can't be used, and
    `CredentialsError`."""
    security.check_settings(services.access, options.credentials)
    uploads = Uploads(
        services.upload_memory,
        unfinished_bytes=options.unfinished_bytes,
        forget_after_seconds=options.forget_after_seconds,
    )
    observers = Observers(
        services.feed,
        services.lists,
        metrics.observers,
        limit=options.max_observers,
        limit_of_host=options.max_observers_of_host,
        refresh_seconds=options.refresh_seconds,
    )
    leisure = options.leisure_seconds if options.multicast else None
    site = CollectionSite(services, uploads, observers, metrics, leisure_seconds=leisure)
    loop, stack = asyncio.get_running_loop(), ExitStack()
    # The files of contexts are read, written and synced outside of the event loop, by one thread: their locks belong to
    # the thread that took them.
    files = ThreadPoolExecutor(1, "coap credentials")
    try:
        guarded, contexts = await loop.run_in_executor(
            files, stack.enter_context, _guarded(site, options.credentials, metrics.malformed)
        )
        sockets = open_sockets(options.host, options.port)
        server = CoapServer(tuple(each.getsockname()[:2] for each in sockets))
        context = await listen(guarded, sockets, options.multicast, metrics.malformed)
        log.info("coap is served", host=options.host, port=server.port, oscore=options.credentials is not None)
        try:
            drop = partial(drop_revoked, contexts, files)
            async with periodic_task(drop, "security contexts", every=options.revocation_seconds):
                yield server
        finally:
            await context.shutdown()
    finally:
        uploads.close()
        await loop.run_in_executor(files, stack.close)
        files.shutdown(wait=False)


@contextmanager
def _guarded(
    site: CollectionSite, credentials: Path | None, malformed: Counter
) -> Iterator[tuple[Site, CredentialsMap]]:
    """The site, behind OSCORE where there are credentials, and the security contexts."""
    if credentials is None:
        yield site, CredentialsMap()
        return
    # It imports libraries that nothing else needs.
    from core_collection_service.coap.oscore import OscoreSite  # noqa: PLC0415

    with security.opened_contexts(credentials) as contexts:
        yield OscoreSite(site, contexts, malformed), contexts
