"""Reading files and some text fields from a `multipart/form-data` body, by the rule of
`lightbox_shared.requests.multipart`."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartParser

from lightbox_shared.concurrency.memory_budget import Reservation, UploadMemoryBudget
from lightbox_shared.errors import FieldError, TooLarge
from lightbox_shared.errors.sentences import Sentence
from lightbox_shared.requests.addresses import client_address, partition
from lightbox_shared.requests.content_length import content_length
from lightbox_shared.requests.file_sizes import FileSizes
from lightbox_shared.requests.forms import MULTIPART_TYPE
from lightbox_shared.requests.multipart import read_multipart

MAX_FIELDS = 20
MAX_FIELD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """The content of the file, or None if there was none, and the text fields; the last one of each name."""

    data: bytes | None
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One file of a body with several. Above 1 MB it is on disk, until the context that opened it ends."""

    filename: str
    """As the client names it: it may be empty, a path, or any text."""
    size: int
    file: BinaryIO
    """To be read in a thread."""


@dataclass(frozen=True, slots=True)
class Uploads:
    """The files of one field in the order of the body, and the text fields; the last one of each name."""

    files: tuple[UploadedFile, ...]
    fields: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def read_upload(
    request: Request, name: str, sizes: FileSizes, memory: UploadMemoryBudget | None = None
) -> AsyncIterator[Upload]:
    """Read the body of a request with a file in the field `name`; of several parts of this name the last counts. A body
    of another media type counts as one without a file. Until the end of the context the file is counted in `memory`.

    Raises `BadRequest` for a body that is malformed or incomplete, `UnsupportedMediaType` for another character set
    than UTF-8, `TooLarge` for a file above its limit in `sizes`, and `Unavailable` if `memory` has no room for it; if
    that can be told by the length of the body, before it is read.
    """
    with _reserved(request, memory) as reservation:
        async with _form(request, name, sizes, reservation, max_files=MAX_FIELDS, named="The file") as form:
            file, texts = form.get(name), _texts(form)
            data = None
            if isinstance(file, UploadFile):
                if reservation is not None and (file.size or 0) > MultiPartParser.spool_max_size:
                    reservation.grow(file.size or 0)  # which was on disk up to now
                data = await file.read()
        yield Upload(data, texts)


@asynccontextmanager
async def open_uploads(
    request: Request, name: str, *, max_files: int, sizes: FileSizes, memory: UploadMemoryBudget | None = None
) -> AsyncIterator[Uploads]:
    """Read the body of a request with several files in fields `name`, and delete them at the end of the context.

    A file in another field is a text, or left out. A body of another media type counts as one without files. Raises
    what `read_upload` raises, and `BadRequest` for more than `max_files` files. What is on disk takes no `memory`.
    """
    with _reserved(request, memory, largest=MultiPartParser.spool_max_size) as reservation:
        async with _form(request, name, sizes, reservation, max_files=max_files, named="A file") as form:
            files = [each for each in form.getlist(name) if isinstance(each, UploadFile)]
            yield Uploads(
                tuple(UploadedFile(each.filename or "", each.size or 0, each.file) for each in files), _texts(form)
            )


@contextmanager
def _reserved(
    request: Request, memory: UploadMemoryBudget | None, *, largest: int = sys.maxsize
) -> Iterator[Reservation | None]:
    """A reservation for a body of the length that is announced, of which at most `largest` bytes will be in memory."""
    if memory is None:
        yield None
        return
    size = content_length(request.headers.get("content-length"))
    with memory.reserve(address=partition(client_address(request))) as reservation:
        reservation.expect(None if size is None else min(size, largest))
        yield reservation


@asynccontextmanager
async def _form(
    request: Request, name: str, sizes: FileSizes, memory: Reservation | None, *, max_files: int, named: str
) -> AsyncIterator[FormData]:
    media_type, _ = parse_options_header(request.headers.get("content-type", ""))
    if media_type != MULTIPART_TYPE.encode():
        yield FormData()
        return
    async with aclosing(request.stream()) as stream:
        try:
            form = await read_multipart(
                request.headers,
                stream,
                file=name,
                max_files=max_files,
                max_fields=MAX_FIELDS,
                max_part_bytes=MAX_FIELD_BYTES,
                file_sizes=sizes,
                memory=memory,
            )
        except TooLarge as error:
            message = error.detail.replace("A file", named)
            if isinstance(error.detail, Sentence):
                message = error.detail.reworded(message)
            raise TooLarge(message, fields=[FieldError(name, message)]) from error
    try:
        yield form
    finally:
        await form.close()


def _texts(form: FormData) -> dict[str, str]:
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}
