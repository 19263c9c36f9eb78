"""`lightbox collect send`: upload pictures from files, one after the other or several at a time."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread

from lightbox.collect.address import Address
from lightbox.collect.callbacks import StatusCallback
from lightbox.collect.connect import connect
from lightbox.collect.errors import CollectError, Conflict
from lightbox.collect.models import Picture
from lightbox.collect.progress import ProgressBars, progress_bars
from lightbox.collect.retry import with_retries
from lightbox.collect.transport import Transport

MAX_FILE_BYTES: Final = 100 * 1024 * 1024
"""Larger files are not read into memory; the limit of the server is lower."""


class Outcome(StrEnum):
    """The result of sending a file."""

    STORED = "stored"
    DUPLICATE = "was there already"
    CONFLICT = "conflict"
    FAILED = "failed"


OutcomeCallback = Callable[[Path, Outcome, str], None]
"""Called once for each file; the text says what went wrong and is empty otherwise."""


async def send_files(
    address: Address,
    paths: Sequence[Path],
    device_id: str,
    taken_at: datetime | None,
    *,
    key: str | None,
    parallel: int,
    on_outcome: OutcomeCallback,
    on_status: StatusCallback,
) -> None:
    """Send each file as a picture of this device, taken at `taken_at` or else when the file was changed last.

    `parallel` files are sent at a time. A file that can't be sent is reported by `on_outcome`, and the others are sent
    all the same. Raises `CollectError` for a failure that concerns all of them.
    """
    if parallel > 1 and address.is_coap:
        raise CollectError("Over CoAP one picture is sent after the other (RFC 7252 section 4.7): leave --parallel.")
    limiter = anyio.CapacityLimiter(parallel)
    async with connect(address, key, on_status) as transport:
        with progress_bars() as bars:

            async def one(path: Path) -> None:
                async with limiter:
                    await _send(transport, path, device_id, taken_at, bars=bars, on_outcome=on_outcome)

            try:
                async with anyio.create_task_group() as group:
                    for path in paths:
                        group.start_soon(one, path)
            except ExceptionGroup as several:
                raise several.exceptions[0] from None  # such as `typer.Exit`, when standard output was closed


async def _send(
    transport: Transport,
    path: Path,
    device_id: str,
    taken_at: datetime | None,
    *,
    bars: ProgressBars,
    on_outcome: OutcomeCallback,
) -> None:
    try:
        data, changed_at = await to_thread.run_sync(_read, path)
        picture = Picture(device_id, taken_at or changed_at, data)
        with bars.bar(path.name) as on_progress:
            stored = await with_retries(lambda: transport.send(picture, on_progress))
    except Conflict as error:
        on_outcome(path, Outcome.CONFLICT, str(error))
    except CollectError as error:
        on_outcome(path, Outcome.FAILED, str(error))
    else:
        on_outcome(path, Outcome.STORED if stored else Outcome.DUPLICATE, "")


def _read(path: Path) -> tuple[bytes, datetime]:
    """The content of a file and when it was changed last, to the microsecond. Raises `CollectError`."""
    try:
        with path.open("rb") as file:
            changed_at = path.stat().st_mtime_ns
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CollectError(f"{error.strerror}.") from error
    if not data:
        raise CollectError("The file is empty.")
    if len(data) > MAX_FILE_BYTES:
        raise CollectError(f"The file is larger than {MAX_FILE_BYTES:,} bytes.")
    whole, rest = divmod(changed_at // 1000, 1_000_000)
    return data, datetime.fromtimestamp(whole, UTC).replace(microsecond=rest)
