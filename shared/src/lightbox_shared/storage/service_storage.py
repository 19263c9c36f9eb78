"""What `storage` shows of a service, and cleans: a service announces a function that returns its `ServiceStorage` as an
entry point in the group `lightbox.storage`, under its own name."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Table, text

from lightbox_shared.config import Settings
from lightbox_shared.database import Database, ReadSession
from lightbox_shared.storage.blobs import Blobs
from lightbox_shared.storage.unused_blobs import UnusedBlobs

OwnSettings = TypeVar("OwnSettings", bound=Settings)

# TOAST tables, where the bytes of pictures are, and indexes count for their tables.
_TABLES: Final = text("""
SELECT relname, pg_total_relation_size(oid) FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 2 DESC, 1
""")


class Usage(NamedTuple):
    """What a service has stored; None for what it does not have."""

    pictures: int | None = None
    """Rows of pictures."""
    blob_bytes: int | None = None
    """Bytes of pictures and of what was made of them."""
    unused_blobs: int | None = None
    """Of these, so many blobs that nothing refers to."""
    unused_bytes: int | None = None
    anonymous_pictures: int | None = None
    """Pictures and predictions that were stored without an account."""
    anonymous_bytes: int | None = None


class Cleaned(NamedTuple):
    """What was deleted."""

    expired: int = 0
    """Pictures and predictions that were stored without an account, and are older than they are kept."""
    unused_blobs: int = 0
    unused_bytes: int = 0


async def nothing_to_measure(_settings: Settings, _session: ReadSession) -> Usage:
    """For a service that stores no pictures."""
    return Usage()


async def nothing_to_clean(_settings: Settings, _database: Database) -> Cleaned:
    """For a service that stores no pictures."""
    return Cleaned()


@dataclass(frozen=True, slots=True)
class ServiceStorage(Generic[OwnSettings]):
    """How the storage of a service is measured and cleaned."""

    settings: type[OwnSettings]
    usage: Callable[[OwnSettings, ReadSession], Awaitable[Usage]] = nothing_to_measure
    clean: Callable[[OwnSettings, Database], Awaitable[Cleaned]] = nothing_to_clean


def storage_of_blobs(
    settings: type[OwnSettings],
    blobs: Table,
    references: Sequence[ColumnElement[Any]],
    count_pictures: Callable[[ReadSession], Awaitable[int]],
) -> ServiceStorage[OwnSettings]:
    """For a service whose pictures are blobs, to which these columns refer."""

    async def usage(own: OwnSettings, session: ReadSession) -> Usage:
        found = await Blobs.configured(blobs, own).usage(session, references)
        return Usage(await count_pictures(session), found.bytes, found.unused, found.unused_bytes)

    async def clean(own: OwnSettings, database: Database) -> Cleaned:
        unused = await UnusedBlobs(database, Blobs.configured(blobs, own), references).delete()
        return Cleaned(unused_blobs=unused.blobs, unused_bytes=unused.bytes)

    return ServiceStorage(settings, usage, clean)


async def table_sizes(session: ReadSession) -> Mapping[str, int]:
    """The bytes of each table as PostgreSQL counts them, with its indexes, the largest first."""
    return {str(name): int(size) for name, size in await session.execute(_TABLES)}
