"""What a server says of a start that failed (`lightbox_shared.process.startup`). Tracebacks are for failures that no
sentence was written for, and stand before the sentence."""

import sys
from typing import NoReturn

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lightbox_shared.observability.logging import redacted
from lightbox_shared.process.startup import StartupError, failure_line

log = structlog.get_logger()


class ReportedStartup:
    """An ASGI application that keeps the exception which ended its start (`failure`), instead of letting the server
    write it into the log as a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.failure: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        started = False

        async def relay(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "lifespan.startup.complete"
            if message["type"] != "lifespan.startup.failed":  # the exception that follows is reported below
                await send(message)

        try:
            await self._app(scope, receive, relay)
        except Exception as error:
            if started:
                raise
            self.failure = error
            if _sentence(error) is None:
                log.exception("unexpected error at the start")
            await send({"type": "lifespan.startup.failed", "message": startup_problem(error)})


def startup_problem(error: Exception) -> str:
    """The sentence for an exception that ended a start, without secrets."""
    cause = _cause(error)
    sentence = _sentence(cause) or f"{type(cause).__name__}: {cause}"
    return redacted(" ".join(sentence.split()))


def give_up(service: str, error: Exception) -> NoReturn:
    """End the process with the sentence for `error` as the last line on standard error."""
    sys.exit(failure_line(service, startup_problem(error)))


def _cause(error: BaseException) -> BaseException:
    """The first exception of a group, which a task group makes of the exceptions of its tasks."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _sentence(error: BaseException) -> str | None:
    """What is wrong, in the words of the code that raised it; None for exceptions that only a traceback explains."""
    # Only a start that failed needs these, and the gateway loads none of them otherwise.
    from asyncpg import InterfaceError, PostgresError  # noqa: PLC0415
    from pydantic import ValidationError  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    from lightbox_shared.commands.running import database_problem, problems  # noqa: PLC0415

    match _cause(error):
        case StartupError() as cause:
            return str(cause)
        case ValidationError() as cause:
            return problems(cause, prefix="LIGHTBOX_")
        case DBAPIError() as cause:
            return database_problem(cause.orig or cause)
        case PostgresError() | InterfaceError() | ConnectionError() as cause:
            return database_problem(cause)
        case OSError(strerror=str() as why) as cause:
            return f"{cause.filename}: {why}" if isinstance(cause.filename, str) else why
        case _:
            return None
