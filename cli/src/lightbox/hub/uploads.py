"""Sending a file to an upload session, in chunks, as Microsoft Graph and the built-in drive take them.

A chunk that was lost on the way is sent again, from the byte that the session says it waits for. The address of a
session gives access by itself: the API key is never sent there, since it may be another server's.
"""

import time
from pathlib import Path
from typing import BinaryIO, Final

import httpx

from lightbox.collect.callbacks import ProgressCallback
from lightbox_shared.commands.terminal import CommandError

CHUNK_BYTES: Final = 10 * 327_680
"""Sessions take multiples of 320 KiB."""
ATTEMPTS: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.5


def upload_file(http: httpx.Client, address: str, path: Path, on_progress: ProgressCallback) -> str:
    """Send a whole file, and return the id of the item that it became. Raises `CommandError` and `OSError`."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start, failures = 0, 0
        while True:
            answer = _put(http, address, file, start, size)
            if answer is not None and answer.status_code in {httpx.codes.OK, httpx.codes.CREATED}:
                on_progress(size, size)
                return str(answer.json()["id"])
            if answer is not None and answer.status_code == httpx.codes.ACCEPTED:
                start, failures = _expected(answer), 0
                on_progress(start, size)
                continue
            failures += 1
            if failures == ATTEMPTS or (answer is not None and _is_final(answer)):
                raise CommandError(_why(answer))
            time.sleep(FIRST_PAUSE_SECONDS * 2 ** (failures - 1))
            start = _where(http, address, start)


def _put(http: httpx.Client, address: str, file: BinaryIO, start: int, size: int) -> httpx.Response | None:
    """Send a chunk. Returns None if there was no whole answer."""
    file.seek(start)
    chunk = file.read(CHUNK_BYTES)
    headers = {"Content-Range": f"bytes {start}-{start + len(chunk) - 1}/{size}"}
    try:
        return http.put(address, content=chunk, headers=headers)
    except httpx.TransportError:
        return None


def _where(http: httpx.Client, address: str, start: int) -> int:
    """The position of the byte that the session waits for; `start` if it does not answer."""
    try:
        answer = http.get(address)
    except httpx.TransportError:
        return start
    return _expected(answer) if answer.is_success else start


def _expected(answer: httpx.Response) -> int:
    ranges = answer.json().get("nextExpectedRanges") or ["0-"]
    return int(str(ranges[0]).partition("-")[0])


def _is_final(answer: httpx.Response) -> bool:
    """Whether the same request would fail again; 416 says that the bytes are there already."""
    status = answer.status_code
    return 400 <= status < 500 and status not in {httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE, 408, 429}


def _why(answer: httpx.Response | None) -> str:
    if answer is None:
        return "The connection was lost several times."
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"The drive answered {answer.status_code} {answer.reason_phrase}."
