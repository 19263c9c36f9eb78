"""`oauth-clients`: lists, registers and deletes the pages and programs that sign people in here."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from auth_service.commands.running import run
from auth_service.oauth_clients.scopes import SCOPES
from lightbox_shared.commands.terminal import say, table, write

if TYPE_CHECKING:
    from auth_service.oauth_clients.service import CreatedClient
    from auth_service.state import Services

app = typer.Typer(no_args_is_help=True, help="OAuth clients: list, create and delete them.")

COLUMNS: Final = ("id", "client_id", "name", "kind", "scopes", "redirect URIs", "origins")

RowNumber = Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="As `list` shows it.")]


@app.command("list")
def list_clients(context: typer.Context) -> None:
    """Show the registered clients, the newest first."""

    async def work(services: "Services") -> list[tuple[object, ...]]:
        async with services.database.reading() as session:
            page = await services.oauth_clients.listed(session)
        return [
            (
                row.id,
                row.client_id,
                row.name,
                _kind(confidential=row.secret_hash is not None, first_party=row.first_party),
                " ".join(row.scopes),
                " ".join(row.redirect_uris),
                " ".join(row.allowed_origins),
            )
            for row in page.rows
        ]

    table(COLUMNS, run(context, work))


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="As people read it where they sign in.")],
    *,
    redirect_uri: Annotated[list[str], typer.Option(help="Where people return to; can be repeated.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"What it may ask for: {', '.join(SCOPES)}; can be repeated. By default openid and profile."),
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="Whose pages may call with a token; can be repeated.")
    ] = None,
    logout_uri: Annotated[
        list[str] | None, typer.Option(help="Where people may return to after signing out; can be repeated.")
    ] = None,
    client_id: Annotated[str | None, typer.Option(help="By default a random one.")] = None,
    first_party: Annotated[
        bool, typer.Option("--first-party", help="A part of this installation: nobody is asked for consent.")
    ] = False,
    confidential: Annotated[bool, typer.Option("--confidential", help="A server, which gets a secret.")] = False,
) -> None:
    """Register a client, and print its client_id; of a confidential one also the secret, which can't be shown again."""
    unknown = [each for each in scope or () if each not in SCOPES]
    if unknown:
        raise typer.BadParameter(f"--scope {unknown[0]}: There are {', '.join(SCOPES)}.")

    async def work(services: "Services") -> "CreatedClient":
        from auth_service.oauth_clients.schemas import NewOAuthClient
        from auth_service.request_source import COMMAND_LINE, COMMAND_LINE_SOURCE

        given: dict[str, object] = {
            "name": name,
            "client_id": client_id,
            "redirect_uris": redirect_uri,
            "post_logout_redirect_uris": logout_uri or [],
            "scopes": scope or ["openid", "profile"],
            "allowed_origins": origin or [],
            "first_party": first_party,
            "confidential": confidential,
        }
        new = NewOAuthClient.model_validate(given)
        async with services.database.writing() as session:
            return await services.oauth_clients.create(session, new, COMMAND_LINE_SOURCE, actor=COMMAND_LINE)

    created = run(context, work)
    say(f"Registered the client {created.row.id}. Its client_id:")
    write(created.row.client_id)
    if created.secret is not None:
        say("Its secret, which is shown this once:")
        write(created.secret)


@app.command()
def delete(context: typer.Context, row_id: RowNumber) -> None:
    """Delete a client; the sessions that people have with it end."""

    async def work(services: "Services") -> None:
        from auth_service.request_source import COMMAND_LINE, COMMAND_LINE_SOURCE
        from lightbox_shared.commands.terminal import CommandError
        from lightbox_shared.errors import NotFound

        async with services.database.writing() as session:
            try:
                await services.oauth_clients.delete(session, row_id, COMMAND_LINE_SOURCE, actor=COMMAND_LINE)
            except NotFound:
                raise CommandError("There is no such client.") from None

    run(context, work)
    say(f"Deleted the client {row_id}.")


def _kind(*, confidential: bool, first_party: bool) -> str:
    return f"{'confidential' if confidential else 'public'}, {'first' if first_party else 'third'} party"
