"""Apache Parquet, by arro3: the Arrow and Parquet libraries of Rust.

The file is written as it is made, a row group after the other: in a thread, which asks the event loop for each batch of
rows and gives it each piece of the file (`thread_bridge`).
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import IO, Any, Final, cast

import anyio
from arro3 import io as arrow_io
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema

from annotation_service.exports.rows import LABEL_PREFIX, OWN_COLUMNS, Columns, Kind, ResultRow
from annotation_service.exports.thread_bridge import Bridge, run_in_thread

ROWS_IN_GROUP: Final = 1000
"""A row group is in memory until it is complete, so it is small: a label can have tens of kilobytes."""
PIECE_BYTES: Final = 256 * 1024
JSON_COLUMNS: Final = "lightbox.json_columns"
_STORED: Final = {
    Kind.BOOLEAN: DataType.bool(),
    Kind.INTEGER: DataType.int64(),
    Kind.NUMBER: DataType.float64(),
    Kind.STRING: DataType.utf8(),
    Kind.JSON: DataType.utf8(),
    Kind.TIME: DataType.timestamp("us", tz="UTC"),
}


async def write_parquet(
    columns: Columns,
    batches: AsyncIterator[list[ResultRow]],
    write: Callable[[bytes], Awaitable[None]],
    *,
    limiter: anyio.CapacityLimiter,
) -> None:
    """Read all batches and write the file."""
    kinds = {**OWN_COLUMNS, **{LABEL_PREFIX + name: kind for name, kind in columns.fields.items()}}
    schema = Schema([Field(name, _STORED[kind], nullable=True) for name, kind in kinds.items()])

    async def next_batch() -> list[ResultRow] | None:
        return await anext(batches, None)

    def make(bridge: Bridge) -> None:
        file = _File(lambda data: bridge.call(write, data))

        def record_batches() -> Iterator[RecordBatch]:
            while (batch := bridge.call(next_batch)) is not None:
                cells = zip(*map(columns.cells, batch), strict=True)
                arrays = [_array(kind, values) for kind, values in zip(kinds.values(), cells, strict=True)]
                yield RecordBatch.from_arrays(arrays, schema=schema)

        arrow_io.write_parquet(
            RecordBatchReader.from_batches(schema, record_batches()),
            cast("IO[bytes]", file),
            compression="zstd(3)",
            max_row_group_size=ROWS_IN_GROUP,
            key_value_metadata={JSON_COLUMNS: json.dumps([name for name, kind in kinds.items() if kind is Kind.JSON])},
        )
        file.finish()

    await run_in_thread(make, limiter=limiter)


def _array(kind: Kind, values: Sequence[Any]) -> Array:
    match kind:
        case Kind.TIME:
            whole = [None if value is None else round(value.timestamp() * 1e6) for value in values]
            return Array(whole, DataType.int64()).cast(_STORED[kind])
        case Kind.JSON:
            return Array(
                [None if value is None else json.dumps(value, ensure_ascii=False) for value in values], _STORED[kind]
            )
        case Kind.INTEGER:
            return Array([None if value is None else int(value) for value in values], _STORED[kind])
        case Kind.NUMBER:
            return Array([None if value is None else float(value) for value in values], _STORED[kind])
    return Array(values, _STORED[kind])


class _File:
    """What the library needs of a file to write. It writes pieces of 8 kB, which are passed on together."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        self._waiting += data
        if len(self._waiting) >= PIECE_BYTES:
            self.finish()
        return len(data)

    def finish(self) -> None:
        """Pass on what is waiting."""
        self._write(bytes(self._waiting))
        self._waiting.clear()

    def flush(self) -> None:
        """The library asks for this; the end of the file is when `finish` is called."""
