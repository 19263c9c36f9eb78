"""Running a command of a service on the service's database, and showing its errors on the terminal.

Modules are imported inside of functions, since `lightbox --help` loads the commands of all services.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from typing import TYPE_CHECKING, Final, TypeVar

import typer

from lightbox_shared.commands import LocalEnvironment, NotPrepared
from lightbox_shared.commands.terminal import CommandError, fail

if TYPE_CHECKING:
    from pydantic import ValidationError

    from lightbox_shared.config import Settings
    from lightbox_shared.database import Database

Opened = TypeVar("Opened")
Result = TypeVar("Result")
OwnSettings = TypeVar("OwnSettings", bound="Settings")

START_ONCE: Final = "The database is not that of this version: start the platform once, which brings it up to date."


def run_on_database(
    context: typer.Context,
    service: str,
    kind: "type[OwnSettings]",
    opened: "Callable[[OwnSettings, Database], AbstractAsyncContextManager[Opened]]",
    work: Callable[[Opened], Awaitable[Result]],
    *,
    sentences: tuple[type[Exception], ...] = (),
) -> Result:
    """Await `work` in an event loop, with what `opened` yields for the settings (`kind`) and the database of a service.

    The service need not run, but its database must have the schema of this version. Errors are written to standard
    error and raise `typer.Exit`; `sentences` are further exceptions whose text may be shown on the terminal.
    """
    import anyio

    async def begin(given: dict[str, str]) -> Result:
        async with service_database(service, kind, given) as (settings, database), opened(settings, database) as parts:
            return await work(parts)

    with failing(sentences), local_environment_of(context, service) as given:
        return anyio.run(begin, given)


@asynccontextmanager
async def service_database(
    service: str, kind: "type[OwnSettings]", given: Mapping[str, str]
) -> "AsyncIterator[tuple[OwnSettings, Database]]":
    """The settings and the database of a service, by the environment and by `given`. Raises `CommandError`."""
    import structlog

    from lightbox_shared.database import Database
    from lightbox_shared.database.migrate import is_current
    from lightbox_shared.installation import service_named
    from lightbox_shared.observability.logging import configure_logging

    settings = read_settings(kind, given)
    if not structlog.is_configured():
        configure_logging(service, "error", "console")  # a command writes its results and errors itself
    database = Database(settings.database_url, pool_size=2)
    try:
        if not await is_current(database.engine, service_named(service).package):
            raise CommandError(START_ONCE)
        yield settings, database
    finally:
        await database.dispose()


def read_settings(kind: "type[OwnSettings]", given: Mapping[str, str]) -> "OwnSettings":
    """Settings from the environment and from `given`. Raises `CommandError` naming those that are not valid."""
    from pydantic import ValidationError

    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise CommandError(problems(error, prefix="LIGHTBOX_")) from None


def problems(error: "ValidationError", *, prefix: str = "") -> str:
    """One line for each field that is not valid, with its name after `prefix` and without its value."""
    found = error.errors(include_url=False, include_input=False)
    names = ["_".join(str(part) for part in each["loc"]) for each in found]
    names = [f"{prefix}{name.upper()}" if prefix and name and not name.isupper() else name for name in names]
    sentences = [each["msg"].removeprefix("Value error, ") for each in found]
    # What is wrong with several fields together has no name of its own, and some sentences begin with theirs.
    return "\n".join(
        sentence if not name or sentence.startswith(name) else f"{name}: {sentence}"
        for name, sentence in zip(names, sentences, strict=True)
    )


def local_environment_of(context: typer.Context, service: str) -> AbstractContextManager[dict[str, str]]:
    """The settings of a service beyond those of the environment; its database answers until the end of the context."""
    local_environment: LocalEnvironment | None = context.obj
    return nullcontext({}) if local_environment is None else local_environment(service)


@contextmanager
def failing(sentences: tuple[type[Exception], ...]) -> Iterator[None]:
    """Write expected errors to standard error and raise `typer.Exit`."""
    from asyncpg import InterfaceError, PostgresError
    from pydantic import ValidationError
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    from lightbox_shared.errors import LightboxError

    try:
        yield
    except sentences as error:
        fail(str(error))
    except (CommandError, NotPrepared) as error:
        fail(str(error))
    except LightboxError as error:
        fail(" ".join(f"{each.field}: {each.message}" for each in error.fields) or error.detail)
    except ValidationError as error:
        fail(problems(error))
    except DBAPIError as error:
        fail(database_problem(error.orig or error))
    except (SQLAlchemyError, PostgresError, InterfaceError, OSError) as error:
        fail(database_problem(error))


def database_problem(error: BaseException) -> str:
    """One sentence for an error of the driver, or of the way to the server."""
    # The first line alone: those that follow quote rows.
    return f"The database can't be used: {(str(error) or type(error).__name__).splitlines()[0]}"
