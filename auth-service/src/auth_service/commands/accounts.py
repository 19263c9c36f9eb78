"""`accounts`: lists, adds, approves, changes, deletes and imports accounts."""

import sys
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from auth_service.commands.passwords import new_password
from auth_service.commands.running import run
from auth_service.imports.files import AccountFile, Format
from lightbox_shared.auth.principal import Authority
from lightbox_shared.commands.terminal import CommandError, fail, json_line, printable, say, table, write

if TYPE_CHECKING:
    from auth_service.accounts.models import Account
    from auth_service.accounts.schemas import YeldaNewAccount
    from auth_service.imports.service import Imported
    from auth_service.state import Services

app = typer.Typer(no_args_is_help=True, help="Accounts: list, add, approve, change, delete and import them.")

LISTED: Final = 100
PAGE: Final = 1000
COLUMNS: Final = ("id", "username", "authority", "nickname", "email", "created")


class AuthorityName(StrEnum):
    """An authority, as it is typed."""

    NONE = "none"
    GUEST = "guest"
    DOCTOR = "doctor"
    EXPERT = "expert"
    ADMIN = "admin"

    @property
    def authority(self) -> Authority:
        """The authority of this name."""
        return Authority[self.name]


class Approval(StrEnum):
    """An authority that an approval can give."""

    DOCTOR = "doctor"
    EXPERT = "expert"
    GUEST = "guest"


Named = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its name, or with --id its id.")]
ById = Annotated[bool, typer.Option("--id", help="ACCOUNT is an id.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read it from standard input.")]
Generate = Annotated[bool, typer.Option("--generate", help="Make one, and print it.")]


@app.command("list")
def list_accounts(
    context: typer.Context,
    *,
    authority: Annotated[AuthorityName | None, typer.Option(help="Only these.")] = None,
    pending: Annotated[bool, typer.Option("--pending", help="Only those that wait for approval.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = LISTED,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show accounts, in the order of their ids."""
    if pending and authority not in {None, AuthorityName.NONE}:
        raise typer.BadParameter("--pending and --authority exclude each other.")
    chosen = AuthorityName.NONE if pending else authority
    wanted = None if chosen is None else chosen.authority
    rows: list[tuple[object, ...]] = []

    async def work(services: "Services") -> bool:
        from auth_service.accounts import repository

        last, left = 0, limit
        while True:
            async with services.database.reading() as session:
                page = await repository.listed_after(session, last, limit=min(PAGE, left + 1), authority=wanted)
            for account in page[:left]:
                row = _row(account)
                if as_json:
                    json_line(dict(zip(COLUMNS, row, strict=True)))
                else:
                    rows.append(row)
            if len(page) > left or len(page) < PAGE:
                return len(page) > left
            last, left = page[-1].id, left - len(page)

    more = run(context, work)
    if not as_json:
        table(COLUMNS, rows)
    if more:
        say("There are more; --limit shows them.")


def _row(account: "Account") -> tuple[object, ...]:
    name = Authority(account.authority).name.lower()
    return account.id, account.username, name, account.nickname, account.email, account.created_at


@app.command()
def add(
    context: typer.Context,
    username: Annotated[str, typer.Argument(help="The new account's name.")],
    *,
    authority: Annotated[AuthorityName, typer.Option(help="What it may do.")] = AuthorityName.NONE,
    email: Annotated[str | None, typer.Option()] = None,
    nickname: Annotated[str | None, typer.Option()] = None,
    password_stdin: PasswordStdin = False,
    generate: Generate = False,
) -> None:
    """Add an account. Its password is asked for."""
    password = new_password(from_stdin=password_stdin, generate=generate)
    given = {"username": username, "password": password, "authority": authority.value}
    given |= {name: text for name, text in (("email", email), ("nickname", nickname)) if text is not None}

    async def work(services: "Services") -> int:
        from auth_service.accounts.registration import NewAccount
        from auth_service.audit.service import record_new_account
        from auth_service.request_source import COMMAND_LINE, COMMAND_LINE_SOURCE

        new = NewAccount(**_validated(services, given).model_dump())
        prepared = await services.registration.prepare(new)
        async with services.database.writing() as session:
            account = await services.registration.insert(session, prepared)
            await record_new_account(
                session, COMMAND_LINE_SOURCE, account_id=account.id, authority=new.authority, actor=COMMAND_LINE
            )
        return account.id

    account_id = run(context, work)
    say(f"Added the account {account_id}.")
    if generate:
        write(password)


def _validated(services: "Services", given: dict[str, str]) -> "YeldaNewAccount":
    """The fields of a new account. Raises `InvalidRequest`."""
    from fastapi.exceptions import RequestValidationError

    from auth_service.accounts.schemas import YeldaNewAccount
    from lightbox_shared.errors import FieldError, InvalidRequest
    from lightbox_shared.errors.handlers import to_lightbox_error
    from lightbox_shared.requests.bodies import validated
    from lightbox_shared.requests.forms import is_storable

    unstorable = [FieldError(name, "This can't be stored.") for name, text in given.items() if not is_storable(text)]
    if unstorable:
        raise InvalidRequest(fields=unstorable)
    try:
        return validated(YeldaNewAccount, dict(given), settings=services.settings)
    except RequestValidationError as error:
        raise to_lightbox_error(error) from None


@app.command()
def approve(
    context: typer.Context,
    account: Named,
    *,
    by_id: ById = False,
    approval: Annotated[Approval, typer.Option("--as", help="What to approve it to be.")] = Approval.DOCTOR,
) -> None:
    """Approve an account that waits for it."""

    async def work(services: "Services") -> str:
        from auth_service.commands.services import find_account

        found = await find_account(services, account, by_id=by_id)
        return await _set_authority(services, found.id, Authority[approval.name], only_waiting=True)

    say(run(context, work))


@app.command()
def set_authority(
    context: typer.Context,
    account: Named,
    authority: Annotated[AuthorityName, typer.Argument(help="What it may do from now on.")],
    *,
    by_id: ById = False,
) -> None:
    """Change what an account may do."""

    async def work(services: "Services") -> str:
        from auth_service.commands.services import find_account

        found = await find_account(services, account, by_id=by_id)
        return await _set_authority(services, found.id, authority.authority)

    say(run(context, work))


async def _set_authority(
    services: "Services", account_id: int, authority: Authority, *, only_waiting: bool = False
) -> str:
    from auth_service.accounts.changes import Change
    from auth_service.accounts.fields import authority_name
    from auth_service.request_source import COMMAND_LINE, COMMAND_LINE_SOURCE

    async with services.database.writing() as session:
        await services.changes.lock_authorities(session)
        account = await services.changes.lock(session, account_id)
        if only_waiting and account.authority != Authority.NONE:
            name = authority_name(account.authority)
            raise CommandError(f"{account.username} does not wait for approval: its authority is {name}.")
        change = Change(authority=authority)
        await services.changes.change(session, account, change, COMMAND_LINE_SOURCE, actor=COMMAND_LINE)
    return f"{account.username} has the authority {authority_name(authority)} now."


@app.command()
def reset_password(
    context: typer.Context,
    account: Named,
    *,
    by_id: ById = False,
    password_stdin: PasswordStdin = False,
    generate: Generate = False,
) -> None:
    """Give an account another password, and end all its sessions."""
    password = new_password(from_stdin=password_stdin, generate=generate)

    async def work(services: "Services") -> str:
        from auth_service.commands.services import find_account
        from auth_service.passwords.rules import password_problem
        from auth_service.request_source import COMMAND_LINE, COMMAND_LINE_SOURCE
        from lightbox_shared.errors import FieldError, InvalidRequest

        problem = password_problem(password, shortest=services.settings.shortest_password)
        if problem is not None:
            raise InvalidRequest(fields=[FieldError("password", problem)])
        found = await find_account(services, account, by_id=by_id)
        password_hash = await services.passwords.hash(password)
        async with services.database.writing() as session:
            await services.changes.set_password(
                session, found.id, password_hash, COMMAND_LINE_SOURCE, actor=COMMAND_LINE
            )
        return found.username

    say(f"{run(context, work)} has another password now, and is signed out everywhere. API keys stay.")
    if generate:
        write(password)


@app.command()
def delete(
    context: typer.Context,
    account: Named,
    *,
    by_id: ById = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete an account for good, with its API keys; asks first."""
    if not yes:
        typer.confirm(f"Delete the account {printable(account)}?", abort=True, err=True)

    async def work(services: "Services") -> str:
        from auth_service.commands.services import find_account
        from auth_service.request_source import COMMAND_LINE, COMMAND_LINE_SOURCE

        found = await find_account(services, account, by_id=by_id)
        async with services.database.writing() as session:
            await services.changes.delete(session, found.id, COMMAND_LINE_SOURCE, actor=COMMAND_LINE)
        return found.username

    say(f"Deleted {run(context, work)}.")


@app.command("import")
def import_accounts(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="FILE", help="CSV with a header, or JSON Lines; - is standard input.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
    authority: Annotated[AuthorityName, typer.Option(help="Of rows that name none.")] = AuthorityName.NONE,
    kind: Annotated[Format | None, typer.Option("--format", help="By default what the first line looks like.")] = None,
    allow_admins: Annotated[bool, typer.Option("--allow-admins", help="Import administrators too.")] = False,
) -> None:
    """Import accounts of another system with their password hashes, all of them or none."""

    async def work(services: "Services") -> "Imported":
        from auth_service.imports.service import Rules, import_accounts
        from auth_service.request_source import COMMAND_LINE_SOURCE

        rules = Rules(authority.authority, allow_admins)
        async with services.database.writing() as session:
            return await import_accounts(session, AccountFile(file, kind), rules, COMMAND_LINE_SOURCE, dry_run=dry_run)

    try:
        source = nullcontext(sys.stdin.buffer) if path == "-" else Path(path).open("rb")  # noqa: SIM115 - `with` below
        with source as file:
            done = run(context, work)
    except OSError as error:
        fail(f"{path}: {error.strerror}.")
    if done.ignored:
        say(f"Ignored the columns {', '.join(done.ignored)}.")
    for line, reason in done.skipped:
        say(f"line {line}: skipped, since {reason}")
    imported = "Accounts that would be imported" if dry_run else "Accounts imported"
    write(f"{imported}: {done.accounts}; rows skipped: {len(done.skipped)}.")
