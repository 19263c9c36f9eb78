"""`api-keys`: lists, makes and revokes the keys with which programs and devices act for an account."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from auth_service.commands.running import run
from lightbox_shared.auth.principal import Scope
from lightbox_shared.commands.terminal import say, table, write

if TYPE_CHECKING:
    from auth_service.api_keys.service import CreatedKey
    from auth_service.state import Services

app = typer.Typer(no_args_is_help=True, help="API keys: list, create and revoke them.")

COLUMNS: Final = ("id", "account", "name", "hint", "scopes", "device", "created", "expires", "last used", "from")


@app.command("list")
def list_keys(
    context: typer.Context,
    *,
    account: Annotated[str | None, typer.Option(help="Only those of the account with this name.")] = None,
) -> None:
    """Show the keys that work, the newest first."""

    async def work(services: "Services") -> list[tuple[object, ...]]:
        from auth_service.commands.services import find_account

        owner = None if account is None else await find_account(services, account, by_id=False)
        async with services.database.reading() as session:
            page = await services.api_keys.listed(session, None if owner is None else owner.id)
        return [
            (
                each.row.session_id,
                each.row.account_id,
                each.row.name,
                each.row.hint,
                each.login.scope,
                each.row.device_id,
                each.login.created_at,
                each.login.expires_at,
                each.row.last_used_at,
                each.row.last_used_address,
            )
            for each in page.rows
        ]

    table(COLUMNS, run(context, work))


@app.command()
def create(
    context: typer.Context,
    account: Annotated[str, typer.Argument(help="The name of the account that it acts for.")],
    name: Annotated[str, typer.Argument(help="What to call it, such as the program that gets it.")],
    *,
    scope: Annotated[list[Scope], typer.Option(help="What it may be used for; can be repeated.")],
    days: Annotated[int | None, typer.Option(help="For how long; by default a year.")] = None,
    device: Annotated[
        str | None, typer.Option(help="The deviceId of the one device that it may speak for; takes --scope collect.")
    ] = None,
) -> None:
    """Make a key, and print it. It can't be shown again."""

    async def work(services: "Services") -> "CreatedKey":
        from auth_service.api_keys.schemas import NewApiKey
        from auth_service.commands.services import find_account
        from auth_service.request_source import COMMAND_LINE, COMMAND_LINE_SOURCE

        given: dict[str, object] = {"name": name, "scopes": scope, "device_id": device}
        if days is not None:
            given["expires_in_days"] = days
        new = NewApiKey.model_validate(given)
        owner = await find_account(services, account, by_id=False)
        async with services.database.writing() as session:
            return await services.api_keys.create(session, owner.id, new, COMMAND_LINE_SOURCE, actor=COMMAND_LINE)

    created = run(context, work)
    say(f"Made the key {created.row.session_id}. It is shown this once:")
    write(created.key)


@app.command()
def revoke(
    context: typer.Context,
    key_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="As `list` shows it.")],
) -> None:
    """End a key; within seconds nothing can be done with it."""

    async def work(services: "Services") -> None:
        from auth_service.request_source import COMMAND_LINE, COMMAND_LINE_SOURCE
        from lightbox_shared.commands.terminal import CommandError
        from lightbox_shared.errors import NotFound

        async with services.database.writing() as session:
            try:
                await services.api_keys.revoke(session, key_id, COMMAND_LINE_SOURCE, actor=COMMAND_LINE)
            except NotFound:
                raise CommandError("There is no such key, or it has ended already.") from None

    run(context, work)
    say(f"Revoked the key {key_id}.")
