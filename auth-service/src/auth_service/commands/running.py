"""One way to run a command's work on the database, and one way to fail."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Final, TypeVar

import typer

from auth_service.commands.terminal import Complaint, fail
from lightbox_shared.commands import NotPrepared, Surroundings

if TYPE_CHECKING:
    from auth_service.commands.services import Services

Result = TypeVar("Result")
SERVICE: Final = "auth-service"


def run(context: typer.Context, work: "Callable[[Services], Awaitable[Result]]") -> Result:
    """Do `work` in an event loop. Raises `typer.Exit` after saying what went wrong."""
    import anyio

    from auth_service.commands.services import opened

    async def begin(given: dict[str, str]) -> Result:
        async with opened(given) as services:
            return await work(services)

    with _failing(), _surroundings(context) as given:
        return anyio.run(begin, given)


def _surroundings(context: typer.Context) -> AbstractContextManager[dict[str, str]]:
    surroundings: Surroundings | None = context.obj
    return nullcontext({}) if surroundings is None else surroundings(SERVICE)


@contextmanager
def _failing() -> Iterator[None]:
    from asyncpg import InterfaceError, PostgresError
    from pydantic import ValidationError
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    from auth_service.commands.services import problems
    from auth_service.imports.files import UnreadableFile
    from auth_service.keys.errors import WrongSecretKey
    from lightbox_shared.errors import LightboxError

    try:
        yield
    except (Complaint, NotPrepared, WrongSecretKey, UnreadableFile) as error:
        fail(str(error))
    except LightboxError as error:
        fail(" ".join(f"{each.field}: {each.message}" for each in error.fields) or error.detail)
    except ValidationError as error:
        fail(problems(error))
    except DBAPIError as error:
        fail(_database(error.orig or error))
    except (SQLAlchemyError, PostgresError, InterfaceError, OSError) as error:
        fail(_database(error))


def _database(error: BaseException) -> str:
    # The first line alone: those that follow quote rows.
    return f"The database can't be used: {(str(error) or type(error).__name__).splitlines()[0]}"
