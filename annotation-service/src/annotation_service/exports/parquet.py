"""Apache Parquet, by arro3: the Arrow and Parquet libraries of Rust.

The file is written as it is made, a row group after the other: in a thread, which asks the event loop for each batch of
rows and gives it each piece of the file (`thread_bridge`).
"""

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, Final, cast

import anyio
from arro3 import io as arrow_io
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from typing_extensions import Buffer

from annotation_service.exports.rows import LABEL_PREFIX, OWN_COLUMNS, Columns, Kind, ResultRow
from annotation_service.exports.thread_bridge import Bridge, run_in_thread

Batches = AsyncIterator[list[ResultRow]]

ROWS_IN_GROUP: Final = 1000
"""A row group is in memory until it is complete, so it is small: a label can have tens of kilobytes."""
PIECE_BYTES: Final = 256 * 1024
JSON_COLUMNS: Final = "lightbox.json_columns"
_AS_JSON: Final = json.JSONEncoder(ensure_ascii=False).encode
"""`json.dumps` with such an option makes an encoder for each value."""
_STORED: Final = {
    Kind.BOOLEAN: DataType.bool(),
    Kind.INTEGER: DataType.int64(),
    Kind.NUMBER: DataType.float64(),
    Kind.STRING: DataType.utf8(),
    Kind.JSON: DataType.utf8(),
    Kind.TIME: DataType.timestamp("us", tz="UTC"),
}


async def write_parquet(
    columns: Columns, batches: Batches, write: Callable[[bytes], Awaitable[None]], *, limiter: anyio.CapacityLimiter
) -> None:
    """Read all batches and write the file."""
    await run_in_thread(lambda bridge: _Writing(columns, batches, write, bridge).run(), limiter=limiter)


class _Writing:
    """The writing of a file, in a thread."""

    def __init__(
        self, columns: Columns, batches: Batches, write: Callable[[bytes], Awaitable[None]], bridge: Bridge
    ) -> None:
        self._columns, self._batches, self._write, self._bridge = columns, batches, write, bridge
        self._kinds = {**OWN_COLUMNS, **{LABEL_PREFIX + name: kind for name, kind in columns.fields.items()}}
        self._schema = Schema([Field(name, _STORED[kind], nullable=True) for name, kind in self._kinds.items()])
        self._failures: list[Exception] = []

    def run(self) -> None:
        """Raises what reading or writing raises."""
        file = _File(self._pass_on)
        in_json = [name for name, kind in self._kinds.items() if kind is Kind.JSON]
        try:
            arrow_io.write_parquet(
                RecordBatchReader.from_batches(self._schema, self._record_batches()),
                cast("IO[bytes]", file),
                compression="zstd(3)",
                max_row_group_size=ROWS_IN_GROUP,
                key_value_metadata={JSON_COLUMNS: json.dumps(in_json)},
            )
        except Exception:
            if self._failures:
                raise self._failures[0] from None
            raise
        file.finish()

    def _record_batches(self) -> Iterator[RecordBatch]:
        while True:
            with self._noted():
                batch = self._bridge.call(self._next_batch)
                if batch is None:
                    return
                cells = zip(*map(self._columns.cells, batch), strict=True)
                arrays = [_array(kind, values) for kind, values in zip(self._kinds.values(), cells, strict=True)]
            yield RecordBatch.from_arrays(arrays, schema=self._schema)

    async def _next_batch(self) -> list[ResultRow] | None:
        return await anext(self._batches, None)

    def _pass_on(self, data: bytes) -> None:
        with self._noted():
            self._bridge.call(self._write, data)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Keep what is raised: the library raises an exception of its own instead, which does not say what it was."""
        try:
            yield
        except Exception as error:
            self._failures.append(error)
            raise


def _array(kind: Kind, values: Sequence[Any]) -> Array:
    match kind:
        case Kind.TIME:
            whole = [None if value is None else round(value.timestamp() * 1e6) for value in values]
            return Array(whole, DataType.int64()).cast(_STORED[kind])
        case Kind.JSON:
            return Array([None if value is None else _AS_JSON(value) for value in values], _STORED[kind])
        case Kind.INTEGER:
            return Array([None if value is None else int(value) for value in values], _STORED[kind])
        case Kind.NUMBER:
            return Array([None if value is None else float(value) for value in values], _STORED[kind])
    return Array(values, _STORED[kind])


class _File(io.RawIOBase):
    """A file to write from its beginning to its end. The library writes pieces of 8 kB, which are passed on
    together."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._waiting = bytearray()

    def write(self, data: Buffer) -> int:
        """Append to the file."""
        self._waiting += data
        if len(self._waiting) >= PIECE_BYTES:
            self.finish()
        return memoryview(data).nbytes

    def finish(self) -> None:
        """Pass on what is waiting."""
        self._write(bytes(self._waiting))
        self._waiting.clear()
