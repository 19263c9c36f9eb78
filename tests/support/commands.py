"""Commands of services in the tests: in this process, on the database of the test."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import anyio.to_thread
import typer
from typer.testing import CliRunner, Result

from lightbox_shared.config import Settings


class Terminal:
    """Runs commands as `python -m <service>` does, in a thread, since each has an event loop of its own.

    With `databases`, the addresses of those of services by their names, they run as `lightbox` does.
    """

    def __init__(self, settings: Settings, databases: Mapping[str, str] | None = None) -> None:
        secret = settings.secret_key.get_secret_value()

        @contextmanager
        def local_environment(service: str) -> Iterator[dict[str, str]]:
            yield {"database_url": (databases or {})[service], "secret_key": secret}

        self._object = None if databases is None else local_environment
        self._environment = {
            "LIGHTBOX_DATABASE_URL": settings.database_url,
            "LIGHTBOX_SECRET_KEY": secret,
            "NO_COLOR": "1",
        }

    async def run(self, app: typer.Typer, *arguments: str, stdin: str | bytes = "", **environment: str) -> Result:
        """Run a command to its end."""
        invoke: Callable[..., Any] = CliRunner().invoke
        options: dict[str, Any] = {"input": stdin, "env": self._environment | environment, "obj": self._object}
        done: Result = await anyio.to_thread.run_sync(partial(invoke, app, list(arguments), **options))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    async def ok(self, app: typer.Typer, *arguments: str, stdin: str | bytes = "") -> str:
        """What a command that succeeds writes on standard output."""
        done = await self.run(app, *arguments, stdin=stdin)
        assert done.exit_code == 0, done.stderr
        return done.stdout

    async def refused(self, app: typer.Typer, *arguments: str, stdin: str | bytes = "") -> str:
        """The sentence of a command that does not succeed."""
        done = await self.run(app, *arguments, stdin=stdin)
        assert (done.exit_code, done.stdout) == (1, "")
        return done.stderr.removesuffix("\n")
