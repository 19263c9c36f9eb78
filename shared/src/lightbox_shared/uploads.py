"""One file and some text fields out of a `multipart/form-data` request (RFC 7578)."""

from dataclasses import dataclass, field

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from lightbox_shared.errors import BadRequest, FieldError, TooLarge

MAX_FIELDS = 20
MAX_FIELD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """The bytes of the file, None if there was none, and the text fields (the first of each name)."""

    data: bytes | None
    fields: dict[str, str] = field(default_factory=dict)


async def read_upload(request: Request, name: str, max_bytes: int) -> Upload:
    """Read the file field `name`. Any other content type is an upload without a file.

    Raises `BadRequest` for a broken body and `TooLarge` for a file over `max_bytes`.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return Upload(None)
    try:
        form = await request.form(max_files=MAX_FIELDS, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)
    except HTTPException as error:
        raise BadRequest(f"The multipart body is broken: {error.detail}") from error
    try:
        texts: dict[str, str] = {}
        for key, value in form.multi_items():
            if isinstance(value, str):
                texts.setdefault(key, value)
        file = form.get(name)
        if not isinstance(file, UploadFile):
            return Upload(None, texts)
        if (file.size or 0) > max_bytes:
            message = f"The file is larger than {max_bytes // (1024 * 1024)} MB."
            raise TooLarge(message, fields=[FieldError(name, message)])
        return Upload(await file.read(), texts)
    finally:
        await form.close()
