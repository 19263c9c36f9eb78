"""`lightbox collect watch`: pictures as they arrive, and into files where that is wanted."""

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

from anyio import Path as AsyncPath
from anyio import to_thread

from lightbox.collect.address import Address
from lightbox.collect.errors import CollectError
from lightbox.collect.files import check_digest, file_name, save
from lightbox.collect.progress import bars
from lightbox.collect.retry import with_retries
from lightbox.collect.transport import Arrived, Transport, connected


async def watch_collection(
    address: Address,
    device_id: str | None,
    *,
    key: str | None,
    folder: Path | None,
    count: int | None,
    tell: Callable[[Arrived, str], None],
    say: Callable[[str], None],
    ready: Callable[[], None],
) -> None:
    """Tell of `count` pictures that arrive after `ready` was called, None for all for ever; with `folder` each is saved
    there first. Raises `CollectError`."""
    if folder is not None and not await AsyncPath(folder).is_dir():
        raise CollectError(f"{folder} is no folder.")
    seen = 0
    async with connected(address, key, say) as transport, aclosing(transport.watch(device_id, ready, say)) as arrivals:
        async for arrived in arrivals:
            tell(arrived, "" if folder is None else await _saved(transport, arrived, folder, say))
            seen += 1
            if seen == count:
                return


async def _saved(transport: Transport, arrived: Arrived, folder: Path, say: Callable[[str], None]) -> str:
    """What became of its file. A picture that can't be fetched (deleted again, say) does not end the watch."""
    try:
        with bars() as shown, shown.bar(arrived.device_id) as advance:
            found = await with_retries(lambda: transport.fetch(arrived.href, advance), say)
        check_digest(found.data, arrived.sha256 or found.sha256)
        path = folder / file_name(arrived.device_id, arrived.timestamp, found.data)
        await to_thread.run_sync(save, path, found.data)
    except FileExistsError:
        return "its file is there already"
    except CollectError as error:
        return f"not saved: {error}"
    return str(path)
