"""The formats of exports. An encoder turns batches of rows into the bytes of a file, in threads.

- CSV has a line of names, and the cells of `csv_cells`.
- JSON Lines has an object a row, in which the fields of the label are the member `label`, with their JSON types; null
  where there is no label.
- Parquet has a column for each field, of the field's own type where its schema has one; other values are JSON in a
  text column, whose names are the metadata `lightbox.json_columns`.
"""

import json
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final

import anyio
import anyio.to_thread

from annotation_service.exports.csv_cells import csv_lines, timestamp
from annotation_service.exports.parquet import Batches, write_parquet
from annotation_service.exports.rows import Columns, ResultRow

Write = Callable[[bytes], Awaitable[None]]


class ExportFormat(StrEnum):
    """The format of an export."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        """The media type of its files."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES: Final = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.JSONL: "application/jsonl",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
}


async def encode(
    wanted: ExportFormat, columns: Columns, batches: Batches, write: Write, *, limiter: anyio.CapacityLimiter
) -> None:
    """Read all batches and write the file, in pieces of any size. `limiter` is for the threads."""

    async def encode_batches(encode_batch: Callable[[list[ResultRow]], bytes]) -> None:
        async for batch in batches:
            await write(await anyio.to_thread.run_sync(encode_batch, batch, limiter=limiter))

    match wanted:
        case ExportFormat.PARQUET:
            await write_parquet(columns, batches, write, limiter=limiter)
        case ExportFormat.CSV:
            await write(csv_lines([columns.names]))
            await encode_batches(lambda rows: csv_lines(map(columns.cells, rows)))
        case ExportFormat.JSONL:
            await encode_batches(lambda rows: json_lines(columns, rows))


def json_lines(columns: Columns, rows: list[ResultRow]) -> bytes:
    """An object a row, each on a line of its own."""
    lines = []
    for row in rows:
        label = None if row.label_id is None else row.label()
        body = {**row.values(columns.schemes), "label": label}
        lines.append(json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=timestamp))
    return "".join(f"{line}\n" for line in lines).encode()
