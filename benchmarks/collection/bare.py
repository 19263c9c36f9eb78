"""The limit of the machine: inserting rows into the collection's table by asyncpg, without a service.

Runs in a process of its own: `python -m benchmarks.collection.bare <database> <picture> <connections> <batch>
<seconds>` prints the number of rows and the time in seconds. A batch is one transaction.
"""

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import asyncpg
import uvloop

from benchmarks.collection.documents import DEVICES, FIRST, SIDE

INSERT: Final = """
INSERT INTO pictures (collection, device_id, taken_at, media_type, width, height, size, sha256, stored_size, data)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


def rows(data: bytes) -> Iterator[tuple[Any, ...]]:
    """Yield rows with different keys, without end."""
    size, digest = len(data), hashlib.sha256(data).digest()
    for number in count():
        taken_at = FIRST + timedelta(seconds=number)
        device_id = f"bare-{number % DEVICES}"
        yield "images", device_id, taken_at, "image/png", SIDE, SIDE, size, digest, size, data


async def insert(url: str, data: bytes, connections: int, batch: int, seconds: float) -> tuple[int, float]:
    """Insert rows for a number of seconds. Returns how many were committed, and the exact time in seconds."""
    source = rows(data)
    done = 0
    begin = time.perf_counter()
    until = begin + seconds

    async def one(connection: asyncpg.Connection) -> None:
        nonlocal done
        statement = await connection.prepare(INSERT)
        while time.perf_counter() < until:
            if batch == 1:
                await statement.fetch(*next(source))
            else:
                await statement.executemany([next(source) for _ in range(batch)])
            done += batch

    opened = [await asyncpg.connect(url) for _ in range(connections)]
    begin = time.perf_counter()
    until = begin + seconds
    await asyncio.gather(*(one(each) for each in opened))
    took = time.perf_counter() - begin
    for each in opened:
        await each.close()
    return done, took


def main(url: str, picture: str, connections: str, batch: str, seconds: str) -> None:
    """Insert rows, and print their number and the time in seconds."""
    data = Path(picture).read_bytes()
    rows_done, took = uvloop.run(insert(url, data, int(connections), int(batch), float(seconds)))
    print(json.dumps({"rows": rows_done, "seconds": took}))


if __name__ == "__main__":
    main(*sys.argv[1:])
