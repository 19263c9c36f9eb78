"""`collections`: the devices that have sent pictures, and how long their pictures are kept."""

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from lightbox_shared.commands.running import run_on_database
from lightbox_shared.commands.terminal import CommandError, json_line, say, table, write

if TYPE_CHECKING:
    from core_collection_service.author import Author
    from core_collection_service.commands.services import Services
    from core_collection_service.devices.models import Device
    from core_collection_service.retention.repository import Rule
    from core_collection_service.retention.service import Expired

app = typer.Typer(no_args_is_help=True, help="Collections of pictures: their devices, and how long pictures are kept.")
retention = typer.Typer(no_args_is_help=True, help="How long pictures are kept; without a rule, for ever.")
app.add_typer(retention, name="retention")

LISTED: Final = 100
PAGE: Final = 1000
MOST_DAYS: Final = 36_500
LEAST_WITHOUT_UNIT: Final = 1_000_000
"""A smaller number of bytes needs a unit, since it was probably forgotten."""
_SIZE: Final = re.compile(r"([0-9]{1,15})(?:\s*([kmgt])(i?)b|\s*b)?", re.IGNORECASE | re.ASCII)
_POWERS: Final = {"k": 1, "m": 2, "g": 3, "t": 4}
_DEVICE_COLUMNS: Final = ("device", "pictures", "bytes", "stored bytes", "first taken", "last taken", "last seen")

Result = TypeVar("Result")
InCollection = Annotated[str, typer.Option("--collection", metavar="NAME", help="The collection.")]
OfDevice = Annotated[str | None, typer.Option("--device", metavar="ID", help="Of this device alone.")]


@app.command()
def devices(
    context: typer.Context,
    *,
    collection: InCollection = "images",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = LISTED,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show the devices of a collection, in the order of their ids."""

    async def work(services: "Services") -> "tuple[list[Device], bool]":
        from core_collection_service.devices import repository

        services.check_collection(collection)
        found: list[Device] = []
        while len(found) <= limit:
            after = found[-1].device_id if found else None
            async with services.database.reading() as session:
                page = await repository.by_name(session, collection, after, min(PAGE, limit + 1 - len(found)))
            if not page:
                break
            found += page
        return found[:limit], len(found) > limit

    found, more = _run(context, work)
    rows = [
        (
            each.device_id,
            each.pictures,
            each.bytes,
            each.stored_bytes,
            each.first_taken_at,
            each.last_taken_at,
            each.last_seen_at,
        )
        for each in found
    ]
    if as_json:
        for row in rows:
            json_line({name.replace(" ", "_"): cell for name, cell in zip(_DEVICE_COLUMNS, row, strict=True)})
    else:
        table(_DEVICE_COLUMNS, rows)
    if more:
        say("There are more; --limit shows them.")


@retention.command("list")
def list_rules(context: typer.Context) -> None:
    """Show all rules."""

    async def work(services: "Services") -> "list[Rule]":
        found: list[Rule] = []
        cursor = None
        while True:
            page = await services.rules.page(PAGE, cursor)
            found += page.rows
            cursor = page.next_cursor
            if cursor is None:
                return found

    rules = _run(context, work)
    from core_collection_service.retention.rules import days_of

    table(
        ("collection", "device", "days", "bytes"),
        [(each.collection, each.device_id or "(every other)", days_of(each), each.max_bytes) for each in rules],
    )


@retention.command("set")
def set_rule(
    context: typer.Context,
    *,
    collection: InCollection = "images",
    device: OfDevice = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=MOST_DAYS, help="Keep pictures so long after they were received.")
    ] = None,
    size: Annotated[
        str | None, typer.Option("--bytes", metavar="SIZE", help="Keep the newest so many of a device, such as 10GB.")
    ] = None,
    forever: Annotated[bool, typer.Option("--forever", help="Keep everything, whatever other rules say.")] = False,
) -> None:
    """Set the rule of a device, or the one for all devices that have none of their own."""
    if forever == (days is not None or size is not None):
        raise typer.BadParameter("Give --days, --bytes or both, or else --forever.")
    limit = None if size is None else _bytes(size)

    async def work(services: "Services") -> str:
        from core_collection_service.retention.rules import rule_of_days

        services.check_collection(collection)
        rule = rule_of_days(collection, _rule_device(device), days, limit)
        await services.rules.put(rule, _author())
        return rule.device_id

    whose = _run(context, work, changes_rules=True)
    say(f"Set the rule of {whose or 'every other device'}. It is applied within the hour, or by `retention apply`.")


@retention.command("remove")
def remove_rule(context: typer.Context, *, collection: InCollection = "images", device: OfDevice = None) -> None:
    """Remove the rule of a device, or the one for all devices that have none of their own."""

    async def work(services: "Services") -> None:
        from core_collection_service.retention.errors import NoSuchRule

        # A collection that is not configured any more may have rules too.
        try:
            await services.rules.delete(collection, _rule_device(device), _author())
        except NoSuchRule as error:
            raise CommandError(error.detail) from error

    _run(context, work, changes_rules=True)
    say("Removed the rule.")


@retention.command("apply")
def apply_rules(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")] = False,
) -> None:
    """Delete the pictures that are expired by the rules."""

    async def work(services: "Services") -> "list[Expired]":
        expired = services.retention.preview() if dry_run else services.retention.apply()
        return [each async for each in expired]

    found = _run(context, work)
    table(("collection", "device", "pictures", "bytes"), found)
    done = "Pictures that would be deleted" if dry_run else "Pictures deleted"
    write(f"{done}: {sum(each.pictures for each in found)}; bytes: {sum(each.size for each in found)}.")


def _run(
    context: typer.Context, work: "Callable[[Services], Awaitable[Result]]", *, changes_rules: bool = False
) -> Result:
    """The result of `work` on the database; with `changes_rules` also with the audit trail, which tells of changes.
    Raises `typer.Exit` after saying what went wrong."""
    from core_collection_service.commands.services import SERVICE, open_services, with_audit_trail
    from core_collection_service.config import CoreSettings
    from lightbox_shared.storage.blobs import ObjectStoreNotConfigured

    shown = (ObjectStoreNotConfigured,)
    opened = with_audit_trail(context) if changes_rules else open_services
    return run_on_database(context, SERVICE, CoreSettings, opened, work, sentences=shown)


def _author() -> "Author":
    from core_collection_service.author import Author
    from lightbox_shared.audit import COMMAND_LINE

    return Author(COMMAND_LINE, None)


def _rule_device(device: str | None) -> str:
    from core_collection_service.device_ids import check_device_id
    from core_collection_service.retention.repository import EVERY_DEVICE

    return EVERY_DEVICE if device is None else check_device_id(device)


def _bytes(text: str) -> int:
    """A size such as `10GB`, `512MiB` or `2000000`, in bytes. Raises `typer.BadParameter`."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter("--bytes is a number with kB, MB, GB, TB, KiB, MiB, GiB, TiB or nothing behind it.")
    number, unit, binary = found.groups()
    size = int(number) * int((1024 if binary else 1000) ** _POWERS[unit.lower()]) if unit else int(number)
    if not unit and size < LEAST_WITHOUT_UNIT and not text.strip().lower().endswith("b"):
        raise typer.BadParameter(f"--bytes {text} would keep next to nothing: write {text}GB or so, or {text}B.")
    if not 1 <= size < 2**63:
        raise typer.BadParameter("--bytes is at least 1 and below 8 EiB.")
    return size
