"""`lightbox collect`: send pictures to the image collection, download and watch them, over HTTP and CoAP."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightbox_shared.commands.terminal import fail, json_line, printable, say, table, write, write_bytes

if TYPE_CHECKING:
    from stamina.instrumentation import RetryDetails

    from lightbox.collect.models import PictureEvent
    from lightbox.collect.send import Outcome

app = typer.Typer(
    no_args_is_help=True,
    help="""Send pictures to a collection, get them back and watch them arrive: HTTP and CoAP.

    lightbox collect send http://127.0.0.1:8000 photo.jpg --device camera-7

    lightbox collect get http://127.0.0.1:8000 --device camera-7 --latest

    A collection that takes keys wants one with the scope collect, in the variable
    LIGHTBOX_API_KEY or a --key-file; lightbox api-keys create makes it.
    Over coap:// nothing is encrypted: no key is sent, and none may be set.

    What is lost on the way is asked for again, a few times. The exit code is 0
    when all went well, 1 when something did not, 2 for a misspelt command.""",
)


def _text(value: str | None) -> str | None:
    """Refuse an argument that is not UTF-8: its bytes arrive as lone surrogates, which no request can carry."""
    if value is not None and any("\ud800" <= each <= "\udfff" for each in value):
        raise typer.BadParameter("not UTF-8")
    return value


Url = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="The collection, http://, https:// or coap://; without a path /collections/images. Ports: 80, 443, 5683.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="Holds the API key, alone on one line; by default it is the value of LIGHTBOX_API_KEY.",
    ),
]


@app.command()
def send(
    url: Url,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Pictures: PNG, JPEG, WebP, BMP, TIFF or DICOM.")
    ],
    *,
    device: Annotated[
        str, typer.Option("--device", metavar="ID", help="The deviceId of the camera that took them.", callback=_text)
    ],
    timestamp: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When it was taken, such as 2024-08-18T02:04:07Z; UTC unless an offset is named."
            " By default when the file was changed last. For one file.",
        ),
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="So many at once; over HTTP alone.")] = 1,
    key_file: KeyFile = None,
) -> None:
    """Send pictures, as CBOR. What is sent a second time is stored once.

    A line for each file says whether it was stored or was there already.
    Another picture of the same device and time is a conflict: nothing changes.
    """
    if timestamp is not None and len(files) > 1:
        raise typer.BadParameter("--timestamp is for one picture: a device takes one at a time.")
    taken_at = None if timestamp is None else _instant(timestamp)
    went_wrong = False

    def show(path: Path, outcome: "Outcome", sentence: str) -> None:
        nonlocal went_wrong
        line = f"{path}: {outcome.value}{f': {sentence}' if sentence else ''}"
        if sentence:
            went_wrong = True
            _complain(line)
        else:
            write(printable(line))

    async def work() -> None:
        from lightbox.collect.address import Address
        from lightbox.collect.api_key import read_api_key
        from lightbox.collect.send import send_files

        address, key = Address.parse(url), read_api_key(key_file)
        await send_files(address, files, device, taken_at, key=key, parallel=parallel, on_outcome=show, on_status=say)

    _run(work)
    if went_wrong:
        raise typer.Exit(1)


@app.command()
def get(
    url: Url,
    *,
    device: Annotated[
        str, typer.Option("--device", metavar="ID", help="The deviceId of the camera that took it.", callback=_text)
    ],
    timestamp: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it was taken, such as 2024-08-18T02:04:07Z.")
    ] = None,
    latest: Annotated[
        bool, typer.Option("--latest", help="The newest one of the device, instead of --timestamp.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where to; - is standard output.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    key_file: KeyFile = None,
) -> None:
    """Get a picture, exactly as it was sent; by default into a file named after its device and time.

    Give --timestamp or --latest. A file that is there is kept unless --force is given.
    """
    if latest == (timestamp is not None):
        raise typer.BadParameter("Give --timestamp or --latest.")

    async def work() -> None:
        from lightbox.collect.address import Address
        from lightbox.collect.api_key import read_api_key
        from lightbox.collect.errors import CollectError
        from lightbox.collect.files import file_name, save
        from lightbox.collect.get import get_picture

        found = await get_picture(Address.parse(url), device, timestamp, key=read_api_key(key_file), on_status=say)
        if output is not None and str(output) == "-":
            write_bytes(found.data)
            return
        path = output or Path(file_name(device, timestamp or "latest", found.data))
        try:
            save(path, found.data, force=force)
        except FileExistsError:
            raise CollectError(f"{path} is there already; --force replaces it.") from None
        write(printable(f"{path}: {len(found.data):,} bytes"))

    _run(work)


@app.command()
def watch(
    url: Url,
    *,
    device: Annotated[
        str | None, typer.Option("--device", metavar="ID", help="Of this device alone.", callback=_text)
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Save each picture in this folder, which has to be there; no file is replaced."
        ),
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line: deviceId, timestamp, href, mediaType, size, saved.")
    ] = False,
    key_file: KeyFile = None,
) -> None:
    """Show pictures as they arrive, until Ctrl-C.

    Those that were there before are not shown. A lost connection is made again.
    Over CoAP, of several at the same moment the last one alone may be shown.
    """

    def show(event: "PictureEvent", saved: str) -> None:
        if as_json:
            known = {"deviceId": event.device_id, "timestamp": event.timestamp, "href": event.href}
            json_line({**known, "mediaType": event.media_type, "size": event.size, "saved": saved or None})
            return
        size = "" if event.size is None else f"{event.size:,} bytes"
        parts = (event.timestamp, event.device_id, event.media_type or "", size, event.href, saved)
        write(printable("  ".join(part for part in parts if part)))

    async def work() -> None:
        from lightbox.collect.address import Address
        from lightbox.collect.api_key import read_api_key
        from lightbox.collect.watch import watch_collection

        address, key = Address.parse(url), read_api_key(key_file)
        await watch_collection(
            address,
            device,
            key=key,
            folder=save,
            count=count,
            on_picture=show,
            on_status=say,
            on_ready=lambda: say("Waiting for pictures; Ctrl-C ends it."),
        )

    _run(work)


@app.command()
def discover(
    url: Url,
    *,
    query: Annotated[
        str | None,
        typer.Option(
            "--filter",
            metavar="QUERY",
            help="Those links alone, such as rt=simple.act or href=/collections/*.",
            callback=_text,
        ),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="The links as the server writes them.")] = False,
    key_file: KeyFile = None,
) -> None:
    """Show what the server announces at /.well-known/core; the path of the URL does not matter."""

    async def work() -> None:
        from lightbox.collect.address import Address
        from lightbox.collect.api_key import read_api_key
        from lightbox.collect.discover import COLUMNS, discover_links, link_rows

        document = await discover_links(Address.parse(url), query, key=read_api_key(key_file), on_status=say)
        if raw:
            write(printable(document))
        else:
            table(COLUMNS, link_rows(document))

    _run(work)


def _run(work: Callable[[], Awaitable[None]]) -> None:
    """Await `work()` in an event loop. An error becomes a sentence on standard error and `typer.Exit`."""
    import anyio

    with _errors_shown(), _retries_shown():
        anyio.run(work)


@contextmanager
def _retries_shown() -> Iterator[None]:
    """Say on standard error why and when a request is sent again; stamina by itself logs that on standard output."""
    from stamina import instrumentation

    def show(details: "RetryDetails") -> None:
        say(f"{details.caused_by} Trying again in {details.wait_for:g} s ...")

    hooks = instrumentation.get_on_retry_hooks()
    instrumentation.set_on_retry_hooks([show])
    try:
        yield
    finally:
        instrumentation.set_on_retry_hooks(hooks)


@contextmanager
def _errors_shown() -> Iterator[None]:
    from lightbox.collect.errors import CollectError

    try:
        yield
    except CollectError as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _complain(line: str) -> None:
    """Write an error as `fail` does, without ending the command, since other files are still to be sent."""
    with suppress(typer.Exit):
        fail(line)


def _instant(text: str) -> datetime:
    """A date and time in ISO 8601, in UTC where no offset is given. Raises `typer.BadParameter`."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("--timestamp is a date and time in ISO 8601, such as 2024-08-18T02:04:07Z.") from None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
