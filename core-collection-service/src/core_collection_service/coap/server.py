"""CoAP beside HTTP: in the same process and on the same event loop, by the same service code."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from core_collection_service.access import Access
from core_collection_service.coap import security
from core_collection_service.coap.endpoint import Site, listen, open_sockets
from core_collection_service.coap.metrics import CoapMetrics
from core_collection_service.coap.observing import MOST_OBSERVERS, MOST_OF_HOST, REFRESH_SECONDS, Observers
from core_collection_service.coap.ping import check_addresses
from core_collection_service.coap.site import LEISURE_SECONDS, CollectionSite
from core_collection_service.coap.uploads import FORGET_AFTER, UNFINISHED_BYTES, Uploads
from core_collection_service.state import Services

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CoapOptions:
    """Where CoAP is served, and how patiently."""

    host: str
    port: int
    access: Access
    credentials: Path | None = None
    """The folder of the devices' security contexts."""
    multicast: tuple[str, ...] = ()
    """Network interfaces on which groups are joined."""
    forget_after: float = FORGET_AFTER
    unfinished_bytes: int = UNFINISHED_BYTES
    most_observers: int = MOST_OBSERVERS
    most_observers_of_host: int = MOST_OF_HOST
    refresh_seconds: float = REFRESH_SECONDS
    leisure_seconds: float = LEISURE_SECONDS


@dataclass(frozen=True, slots=True)
class Served:
    """What listens."""

    addresses: tuple[tuple[str, int], ...]

    @property
    def port(self) -> int:
        """The same of all addresses."""
        return self.addresses[0][1]

    async def check(self) -> None:
        """Raises `OSError` when an address does not answer."""
        await check_addresses(self.addresses)


@asynccontextmanager
async def serving(services: Services, options: CoapOptions, metrics: CoapMetrics) -> AsyncIterator[Served]:
    """Serve until the end of the context. Raises `OSError` for an address that can't be used, and
    `CredentialsError`."""
    security.check_access(options.access, options.credentials)
    uploads = Uploads(services.memory, unfinished_bytes=options.unfinished_bytes, forget_after=options.forget_after)
    observers = Observers(
        services.feed,
        services.listings,
        metrics.observers,
        limit=options.most_observers,
        limit_of_host=options.most_observers_of_host,
        refresh_seconds=options.refresh_seconds,
    )
    leisure = options.leisure_seconds if options.multicast else None
    site = CollectionSite(services, options.access, uploads, observers, metrics, leisure_seconds=leisure)
    loop, stack = asyncio.get_running_loop(), ExitStack()
    # Files are read, written and synced: not on the event loop; and their locks belong to the thread that took them.
    files = ThreadPoolExecutor(1, "coap credentials")
    try:
        guarded = await loop.run_in_executor(files, stack.enter_context, _guarded(site, options.credentials))
        sockets = open_sockets(options.host, options.port)
        served = Served(tuple(each.getsockname()[:2] for each in sockets))
        context = await listen(guarded, sockets, options.multicast, metrics.malformed)
        log.info("coap is served", host=options.host, port=served.port, oscore=options.credentials is not None)
        try:
            yield served
        finally:
            await context.shutdown()
    finally:
        uploads.close()
        await loop.run_in_executor(files, stack.close)
        files.shutdown(wait=False)


@contextmanager
def _guarded(site: CollectionSite, credentials: Path | None) -> Iterator[Site]:
    if credentials is None:
        yield site
        return
    # It imports libraries that nothing else needs.
    from aiocoap.oscore_sitewrapper import OscoreSiteWrapper  # noqa: PLC0415

    with security.opened(credentials) as contexts:
        yield OscoreSiteWrapper(site, contexts)
