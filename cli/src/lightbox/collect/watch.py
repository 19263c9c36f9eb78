"""`lightbox collect watch`: show pictures as they arrive, and save them where a folder is given."""

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

from anyio import Path as AsyncPath
from anyio import to_thread

from lightbox.collect.address import Address
from lightbox.collect.callbacks import StatusCallback
from lightbox.collect.connect import connect
from lightbox.collect.errors import CollectError
from lightbox.collect.files import check_digest, file_name, save
from lightbox.collect.models import PictureEvent
from lightbox.collect.progress import progress_bars
from lightbox.collect.retry import with_retries
from lightbox.collect.transport import Transport


async def watch_collection(
    address: Address,
    device_id: str | None,
    *,
    key: str | None,
    folder: Path | None,
    count: int | None,
    on_picture: Callable[[PictureEvent, str], None],
    on_status: StatusCallback,
    on_ready: Callable[[], None],
) -> None:
    """Call `on_picture` for each picture that arrives after `on_ready` was called: of one device, or of all for None.

    Returns after `count` pictures; for None it goes on until it is cancelled. With `folder` each picture is saved there
    first, and the second argument of `on_picture` is the path, or says why it was not saved. Raises `CollectError`.
    """
    if folder is not None and not await AsyncPath(folder).is_dir():
        raise CollectError(f"{folder} is no folder.")
    seen = 0
    async with (
        connect(address, key, on_status) as transport,
        aclosing(transport.watch(device_id, on_ready, on_status)) as events,
    ):
        async for event in events:
            on_picture(event, "" if folder is None else await _saved(transport, event, folder))
            seen += 1
            if seen == count:
                return


async def _saved(transport: Transport, event: PictureEvent, folder: Path) -> str:
    """Download and save a picture. Returns the path, or a sentence: a picture that was deleted meanwhile, for example,
    does not end the watch."""
    try:
        with progress_bars() as bars, bars.bar(event.device_id) as on_progress:
            picture = await with_retries(lambda: transport.fetch(event.href, on_progress))
        check_digest(picture.data, event.sha256 or picture.sha256)
        path = folder / file_name(event.device_id, event.timestamp, picture.data)
        await to_thread.run_sync(save, path, picture.data)
    except FileExistsError:
        return "its file is there already"
    except CollectError as error:
        return f"not saved: {error}"
    return str(path)
