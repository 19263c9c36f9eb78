"""Reading files and some text fields from a `multipart/form-data` body, by the rule of `lightbox_shared.multipart`."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile

from lightbox_shared.errors import FieldError, TooLarge
from lightbox_shared.forms import MULTIPART_TYPE
from lightbox_shared.multipart import read_multipart

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


async def read_upload(request: Request, name: str, max_bytes: int) -> Upload:
    """Read the body of a request with a file in the field `name`; of several parts of this name the last counts. A body
    of another media type counts as one without a file.

    Raises `BadRequest` for a body that is malformed or incomplete, `UnsupportedMediaType` for another character set
    than UTF-8, and `TooLarge` for a file of more than `max_bytes`.
    """
    media_type, _ = parse_options_header(request.headers.get("content-type", ""))
    if media_type != MULTIPART_TYPE.encode():
        return Upload(None)
    async with aclosing(request.stream()) as stream:
        form = await read_multipart(
            request.headers,
            stream,
            file=name,
            max_files=MAX_FIELDS,
            max_fields=MAX_FIELDS,
            max_part_bytes=MAX_FIELD_BYTES,
        )
    try:
        texts = _texts(form)
        file = form.get(name)
        if not isinstance(file, UploadFile):
            return Upload(None, texts)
        if (file.size or 0) > max_bytes:
            message = f"The file is larger than {max_bytes // (1024 * 1024)} MB."
            raise TooLarge(message, fields=[FieldError(name, message)])
        return Upload(await file.read(), texts)
    finally:
        await form.close()


@asynccontextmanager
async def open_uploads(request: Request, name: str, *, max_files: int, max_bytes: int) -> AsyncIterator[Uploads]:
    """Read the body of a request with several files in fields `name`, and delete them at the end of the context.

    A file in another field is a text, or left out. A body of another media type counts as one without files. Raises
    `BadRequest` for a body that is malformed or incomplete, or has more than `max_files` files, `UnsupportedMediaType`
    for another character set than UTF-8, and `TooLarge` for a file of more than `max_bytes`.
    """
    media_type, _ = parse_options_header(request.headers.get("content-type", ""))
    if media_type != MULTIPART_TYPE.encode():
        yield Uploads(())
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
                max_file_bytes=max_bytes,
            )
        except TooLarge as error:
            message = f"A file is larger than {max_bytes // (1024 * 1024)} MB."
            raise TooLarge(message, fields=[FieldError(name, message)]) from error
    try:
        files = [each for each in form.getlist(name) if isinstance(each, UploadFile)]
        yield Uploads(
            tuple(UploadedFile(each.filename or "", each.size or 0, each.file) for each in files), _texts(form)
        )
    finally:
        await form.close()


def _texts(form: FormData) -> dict[str, str]:
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}
