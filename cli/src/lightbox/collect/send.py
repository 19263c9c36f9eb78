"""`lightbox collect send`: pictures out of files, one after the other or several at once."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread

from lightbox.collect.address import Address
from lightbox.collect.errors import CollectError, Conflict
from lightbox.collect.progress import Bars, bars
from lightbox.collect.retry import with_retries
from lightbox.collect.transport import Picture, Transport, connected

LARGEST: Final = 100 * 1024 * 1024
"""Bytes of a file that are read at all; the server's own limit is lower."""


class Outcome(StrEnum):
    """What became of a file."""

    STORED = "stored"
    KNOWN = "was there already"
    CONFLICT = "conflict"
    FAILED = "failed"


Tell = Callable[[Path, Outcome, str], None]
"""Hears what became of each file, with a sentence where it went wrong."""


async def send_files(
    address: Address,
    paths: Sequence[Path],
    device_id: str,
    taken_at: datetime | None,
    *,
    key: str | None,
    parallel: int,
    tell: Tell,
    say: Callable[[str], None],
) -> None:
    """Send every file as a picture of this device, taken at `taken_at` or, by default, when the file was changed last.
    Raises `CollectError` for what concerns all of them."""
    if parallel > 1 and address.is_coap:
        raise CollectError("Over CoAP one picture is sent after the other (RFC 7252 section 4.7): leave --parallel.")
    limiter = anyio.CapacityLimiter(parallel)
    async with connected(address, key, say) as transport:
        with bars() as shown:

            async def one(path: Path) -> None:
                async with limiter:
                    await _send(transport, path, device_id, taken_at, shown=shown, tell=tell, say=say)

            try:
                async with anyio.create_task_group() as group:
                    for path in paths:
                        group.start_soon(one, path)
            except ExceptionGroup as several:
                raise several.exceptions[0] from None  # what is told may end the command: nobody reads it any more


async def _send(
    transport: Transport,
    path: Path,
    device_id: str,
    taken_at: datetime | None,
    *,
    shown: Bars,
    tell: Tell,
    say: Callable[[str], None],
) -> None:
    try:
        data, changed_at = await to_thread.run_sync(_read, path)
        picture = Picture(device_id, taken_at or changed_at, data)
        with shown.bar(path.name) as advance:
            stored = await with_retries(lambda: transport.send(picture, advance), say)
    except Conflict as error:
        tell(path, Outcome.CONFLICT, str(error))
    except CollectError as error:
        tell(path, Outcome.FAILED, str(error))
    else:
        tell(path, Outcome.STORED if stored else Outcome.KNOWN, "")


def _read(path: Path) -> tuple[bytes, datetime]:
    try:
        with path.open("rb") as file:
            changed_at = path.stat().st_mtime_ns
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise CollectError(f"{error.strerror}.") from error
    if not data:
        raise CollectError("The file is empty.")
    if len(data) > LARGEST:
        raise CollectError(f"The file is larger than {LARGEST:,} bytes.")
    whole, rest = divmod(changed_at // 1000, 1_000_000)
    return data, datetime.fromtimestamp(whole, UTC).replace(microsecond=rest)
