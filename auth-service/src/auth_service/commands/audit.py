"""`audit`: lists the entries of the audit trail, and verifies that they were not changed."""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from auth_service.commands.running import run
from lightbox_shared.commands.terminal import CommandError, fail, json_line, say, table, write

if TYPE_CHECKING:
    from auth_service.audit.entries import Action
    from auth_service.audit.models import AuditEntry
    from auth_service.audit.repository import Filters
    from auth_service.audit.verification import Verification
    from auth_service.state import Services

app = typer.Typer(no_args_is_help=True, help="The audit trail: list its entries and verify its chain.")

LISTED: Final = 100
PAGE: Final = 1000
COLUMNS: Final = ("entry", "at", "action", "actor", "account", "address", "details")
_KNOWN: Final = re.compile(r"([0-9]{1,18}):([0-9a-fA-F]{64})", re.ASCII)


@app.command("list")
def list_entries(
    context: typer.Context,
    *,
    action: Annotated[str | None, typer.Option(help="Such as sign-in-failed.")] = None,
    actor: Annotated[str | None, typer.Option(help="Who did it: account:7, command-line, nobody.")] = None,
    account: Annotated[str | None, typer.Option(help="Whom it concerns, by name.")] = None,
    account_id: Annotated[
        int | None, typer.Option("--id", min=1, max=2**63 - 1, help="The same by id, also of a deleted account.")
    ] = None,
    since: Annotated[str | None, typer.Option("--from", help="ISO 8601; UTC without a zone.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The same; exclusive.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = LISTED,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show what happened, the newest first."""
    if account is not None and account_id is not None:
        raise typer.BadParameter("--account and --id exclude each other.")
    rows: list[tuple[object, ...]] = []

    async def work(services: "Services") -> bool:
        from auth_service.audit.repository import Filters
        from auth_service.audit.schemas import AuditEntryBody
        from auth_service.commands.services import find_account
        from lightbox_shared.requests.forms import is_storable

        if actor is not None and not is_storable(actor):
            raise CommandError("There is no such actor.")
        owner = account_id if account is None else (await find_account(services, account, by_id=False)).id
        filters = Filters(_action(action), actor, owner, _time("--from", since), _time("--to", until))
        shown = 0
        async for entry in _newest(services, filters, limit + 1):
            shown += 1
            body = AuditEntryBody.of(entry).model_dump()
            if shown > limit:
                return True
            if as_json:
                json_line(body)
            else:
                rows.append(_row(body))
        return False

    more = run(context, work)
    if not as_json:
        table(COLUMNS, rows)
    if more:
        say("There are more; --limit shows them.")


@app.command()
def verify(
    context: typer.Context,
    *,
    known: Annotated[
        str | None, typer.Option(metavar="ENTRY:HASH", help="What an earlier verification printed, kept elsewhere.")
    ] = None,
) -> None:
    """Compute the chain again, and print the number and the hash of its last entry: note them elsewhere."""
    noted = None if known is None else _KNOWN.fullmatch(known)
    if known is not None and noted is None:
        raise typer.BadParameter("--known is a number, a colon and 64 hexadecimal digits.")

    async def work(services: "Services") -> "Verification":
        from auth_service.audit.verification import verify

        async with services.database.writing() as session:
            return await verify(session, None if noted is None else (int(noted[1]), noted[2]))

    found = run(context, work)
    if found.problems:
        fail("\n".join((f"The trail of {found.entries} entries is not as it was written:", *found.problems)))
    say(f"The trail is whole: {found.entries} entries. The last one and its hash, for --known:")
    write(f"{found.entries}:{found.head}")


async def _newest(services: "Services", filters: "Filters", most: int) -> AsyncIterator["AuditEntry"]:
    """Up to `most` entries, read page by page."""
    from auth_service.audit import repository
    from lightbox_shared.responses.pagination import PageRequest

    after: int | None = None
    while most > 0:
        size = min(PAGE, most)
        async with services.database.reading() as session:
            found: Sequence[AuditEntry] = await repository.page(session, filters, PageRequest(size, after))
        for entry in found[:size]:
            yield entry
        if len(found) <= size:
            return
        after, most = found[size - 1].sequence, most - size


def _row(body: dict[str, Any]) -> tuple[object, ...]:
    details = " ".join(f"{name}={value}" for name, value in body["details"].items())
    columns = ("sequence", "at", "action", "actor", "account_id", "address")
    return (*(body[name] for name in columns), details or None)


def _action(text: str | None) -> "Action | None":
    from auth_service.audit.entries import Action

    try:
        return None if text is None else Action(text)
    except ValueError:
        raise CommandError(f"There is no such action. There are: {', '.join(Action)}.") from None


def _time(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandError(f"{option}: this is not a time in ISO 8601.") from None
