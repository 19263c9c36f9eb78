"""`lightbox hub`: the folders of the drive and the groups of the gallery, and the import of a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightbox_shared.commands.terminal import CommandError, fail, json_line, printable, say, table, write

if TYPE_CHECKING:
    from lightbox.hub.client import HubClient

app = typer.Typer(
    no_args_is_help=True,
    help="""Show what the gallery and its drive have, and import a folder of this machine.

    lightbox hub folders http://127.0.0.1:8000

    lightbox hub import http://127.0.0.1:8000 holiday --group new

    It takes an administrator's API key with the scope hub, in the variable LIGHTBOX_API_KEY
    or a --key-file; lightbox api-keys create makes it.""",
)

Url = Annotated[str, typer.Argument(metavar="URL", help="The gateway, such as http://127.0.0.1:8000.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="Holds the API key, alone on one line; by default it is the value of LIGHTBOX_API_KEY.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@app.command()
def folders(url: Url, *, as_json: AsJson = False, key_file: KeyFile = None) -> None:
    """List the folders of the drive, with how many files they have."""
    with _client(url, key_file) as hub:
        listing = hub.drive()
    if as_json:
        for each in listing.folders:
            json_line({"id": each.id, "name": each.name, "files": len(each.files), "bytes": each.size})
        return
    rows = [(each.name, len(each.files), f"{each.size:,}", each.id) for each in listing.folders]
    table(("folder", "files", "bytes", "id"), rows)
    say(f"{listing.used_gib} of {listing.total_gib} GiB are used.")


@app.command()
def groups(url: Url, *, as_json: AsJson = False, key_file: KeyFile = None) -> None:
    """List the groups of the gallery in their order, with how many pictures they have."""
    with _client(url, key_file) as hub:
        found = list(hub.groups())
    if as_json:
        for each in found:
            json_line({"group": each.id, "title": each.title, "pictures": each.pictures})
        return
    table(("group", "pictures", "title"), [(each.id, each.pictures, each.title) for each in found])


@app.command("import")
def import_(
    url: Url,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Its files, without those of its own folders.")],
    *,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The folder of the drive; by default FOLDER's own name.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(metavar="N", help="Show them in this group, or in a new one (new); by default in none."),
    ] = None,
    key_file: KeyFile = None,
) -> None:
    """Upload the pictures of a folder, and show them in a group.

    An import that was broken off while it uploaded is repeated by the same command: what is in the drive is not
    uploaded again. Once it adds pictures to the group, the server goes on by itself: repeated, it would add them once
    more, with new to another group. Files that are no pictures are left out.
    """
    wanted = _group(group)
    went_wrong = False

    def show(filename: str, error: str) -> None:
        nonlocal went_wrong
        if error:
            went_wrong = True
            say(f"{filename}: {error}")

    with _client(url, key_file) as hub:
        from lightbox.hub.importing import import_folder

        done = import_folder(hub, folder, name=name or folder.resolve().name, group=wanted, on_outcome=show)
    shown = f"; {done.added} added to group {', '.join(map(str, done.groups)) or '-'}" if wanted is not None else ""
    left_out = f", {done.left_out} left out that are no pictures" if done.left_out else ""
    write(printable(f"{done.uploaded} uploaded, {done.were_there} were there already{left_out}{shown}"))
    if went_wrong:
        raise typer.Exit(1)


def _group(text: str | None) -> int | None:
    """The number of a group, -1 for a new one. Raises `typer.BadParameter`."""
    if text is None:
        return None
    if text == "new":
        return -1
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**63):
        raise typer.BadParameter("--group is the number of a group, or new.")
    return int(text)


@contextmanager
def _client(url: str, key_file: Path | None) -> Iterator["HubClient"]:
    """A client for the length of the context, in which an error becomes a sentence on standard error."""
    from lightbox.collect.api_key import read_api_key
    from lightbox.collect.errors import CollectError
    from lightbox.hub.client import HubClient

    try:
        with HubClient.open(url, read_api_key(key_file)) as hub:
            yield hub
    except (CommandError, CollectError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
