"""`storage`: how much each service has stored, and deleting what is not needed any more.

Under `lightbox` it is about all installed services, in a container about the service of the container.
"""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from lightbox_shared.commands.running import failing, local_environment_of, run_on_database
from lightbox_shared.commands.terminal import json_line, say, table, write

if TYPE_CHECKING:
    from lightbox_shared.config import Settings
    from lightbox_shared.database import Database
    from lightbox_shared.storage.service_storage import Cleaned, ServiceStorage, Usage

Result = TypeVar("Result")

GROUP: Final = "lightbox.storage"
"""The group of entry points in which services announce their `ServiceStorage`."""

_USAGE: Final = (
    "service",
    "tables bytes",
    "pictures",
    "blob bytes",
    "unused blobs",
    "unused bytes",
    "anonymous pictures",
    "anonymous bytes",
)
_CLEANED: Final = ("service", "expired", "unused blobs", "unused bytes")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
OfService = Annotated[str | None, typer.Option("--service", metavar="NAME", help="Of this service alone.")]


def storage_commands(services: Sequence[str]) -> typer.Typer:
    """The commands for these services."""
    app = typer.Typer(help="What is stored: how much it is, and deleting what is not needed any more.")

    @app.callback(invoke_without_command=True)
    def show(context: typer.Context, *, service: OfService = None, as_json: AsJson = False) -> None:
        """Show how much each service has stored; `clean` deletes what is not needed any more."""
        if context.invoked_subcommand is None:
            _show(context, _chosen(services, service), as_json=as_json)

    @app.command()
    def clean(context: typer.Context, *, service: OfService = None, as_json: AsJson = False) -> None:
        """Delete blobs that nothing refers to, and what was stored without an account and is expired. The services do
        the same every hour."""
        _clean(context, _chosen(services, service), as_json=as_json)

    return app


def _chosen(services: Sequence[str], only: str | None) -> Sequence[str]:
    if only is None:
        return services
    if only not in services:
        raise typer.BadParameter(f"There is no such service here; there is {', '.join(services)}.")
    return (only,)


def _show(context: typer.Context, services: Sequence[str], *, as_json: bool) -> None:
    from lightbox_shared.storage.service_storage import table_sizes

    async def work(
        storage: "ServiceStorage[Any]", settings: "Settings", database: "Database"
    ) -> "tuple[Mapping[str, int], Usage, Settings]":
        async with database.reading() as session:
            return await table_sizes(session), await storage.usage(settings, session), settings

    rows = []
    free: int | None = None
    for service, (sizes, usage, settings) in _each(context, services, work):
        free = _free_bytes(settings)
        total = sum(sizes.values())
        if as_json:
            json_line(
                {
                    "service": service,
                    "tables_bytes": total,
                    **usage._asdict(),
                    "free_disk_bytes": free,
                    "tables": dict(sizes),
                }
            )
        rows.append((service, total, *usage))
    if not as_json:
        table(_USAGE, rows)
        write(f"Free disk where the database is: {'not known' if free is None else f'{free} bytes'}.")


def _clean(context: typer.Context, services: Sequence[str], *, as_json: bool) -> None:
    async def work(storage: "ServiceStorage[Any]", settings: "Settings", database: "Database") -> "Cleaned":
        return await storage.clean(settings, database)

    rows = []
    for service, cleaned in _each(context, services, work):
        if as_json:
            json_line({"service": service, **cleaned._asdict()})
        rows.append((service, *cleaned))
    if not as_json:
        table(_CLEANED, rows)
        say("PostgreSQL reuses the room in its files, and gives it back to the disk where it can.")


def _each(
    context: typer.Context,
    services: Sequence[str],
    work: "Callable[[ServiceStorage[Any], Settings, Database], Awaitable[Result]]",
) -> "Iterator[tuple[str, Result]]":
    """The results of `work` for each service. A database server that is started for the commands is started once."""
    with ExitStack() as stack:
        with failing(()):
            stack.enter_context(local_environment_of(context, services[0]))
        for service in services:
            yield service, _result(context, service, work)


def _result(
    context: typer.Context,
    service: str,
    work: "Callable[[ServiceStorage[Any], Settings, Database], Awaitable[Result]]",
) -> "Result":
    from lightbox_shared.storage.blobs import ObjectStoreNotConfigured

    storage = _announced(service)

    @asynccontextmanager
    async def opened(settings: "Settings", database: "Database") -> "AsyncIterator[tuple[Settings, Database]]":
        yield settings, database

    def on_database(parts: "tuple[Settings, Database]") -> "Awaitable[Result]":
        return work(storage, *parts)

    shown = (ObjectStoreNotConfigured,)
    return run_on_database(context, service, storage.settings, opened, on_database, sentences=shown)


def services_with_storage(package: str | None = None) -> list[str]:
    """The services that announce how they store, in the order of the installation; only that of a package, if one is
    given."""
    from lightbox_shared.installation import SERVICES

    announced = {each.name for each in entry_points(group=GROUP)}
    return [each.name for each in SERVICES if each.name in announced and package in {None, each.package}]


def _announced(service: str) -> "ServiceStorage[Any]":
    (found,) = entry_points(group=GROUP, name=service)
    storage: ServiceStorage[Any] = found.load()()
    return storage


def _free_bytes(settings: "Settings") -> int | None:
    """The free bytes of the disk with the database, if its server is on this machine, and Lightbox's own."""
    from sqlalchemy import make_url

    host = make_url(settings.database_url).query.get("host", "")
    if not str(host).startswith("/"):  # a socket
        return None
    moved_to = settings.data_dir / "postgres-is-at"
    try:
        folder = Path(moved_to.read_text().strip()) if moved_to.exists() else settings.data_dir
        return shutil.disk_usage(folder).free
    except OSError:
        return None
