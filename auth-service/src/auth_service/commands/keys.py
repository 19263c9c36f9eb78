"""`keys`: lists and rotates the keys that sign tokens. The platform may be running or not."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import typer

from auth_service.commands.running import run
from lightbox_shared.commands.terminal import say, table

if TYPE_CHECKING:
    from auth_service.keys.models import SigningKey
    from auth_service.state import Services

app = typer.Typer(no_args_is_help=True, help="The keys that sign tokens: list and rotate them.")

COLUMNS: Final = ("kid", "state", "created", "signs from", "retires")


@app.command("list")
def list_keys(context: typer.Context) -> None:
    """Show all keys, newest first."""
    table(COLUMNS, run(context, _rows))


@app.command()
def rotate(context: typer.Context) -> None:
    """Publish a new key, which signs after ten minutes, when every service has fetched it.

    The older keys retire when the tokens that they signed have expired, so that no token is rejected.
    """

    async def work(services: "Services") -> tuple[str, list[tuple[object, ...]]]:
        from auth_service.request_source import COMMAND_LINE_SOURCE

        kid = await services.keys.rotate(COMMAND_LINE_SOURCE)
        return kid, await _rows(services)

    kid, rows = run(context, work)
    say(f"Published the key {kid}.")
    table(COLUMNS, rows)


async def _rows(services: "Services") -> list[tuple[object, ...]]:
    from auth_service.keys import repository

    async with services.database.reading() as session:
        rows = await repository.all_keys(session)
    now = datetime.now(UTC)
    signer = max((row for row in rows if row.signs_from <= now), key=lambda row: row.signs_from, default=None)
    return [
        (row.kid, _state(row, now, signs=row is signer), row.created_at, row.signs_from, row.retires_at) for row in rows
    ]


def _state(row: "SigningKey", now: datetime, *, signs: bool) -> str:
    if row.retires_at is not None and row.retires_at <= now:
        return "retired"
    if signs:
        return "signs"
    return "waits" if row.signs_from > now else "verifies"
