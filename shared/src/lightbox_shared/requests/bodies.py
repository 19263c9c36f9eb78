"""Request bodies as pydantic models, read by dependencies that also describe themselves in the OpenAPI document.

    async def sign_up(body: Annotated[SignUp, form_or_json(SignUp)]) -> ...
    async def upload(sent: Annotated[Upload[Title], file_upload(Title, file="image")]) -> ...

FastAPI itself reads a body in one media type only. Clients of the documented systems send the same fields as JSON, as
urlencoded forms or as multipart forms.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar, runtime_checkable

from fastapi import Request, params
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header

from lightbox_shared.config import Settings
from lightbox_shared.errors import UnsupportedMediaType
from lightbox_shared.requests.addresses import client_address, partition
from lightbox_shared.requests.content_length import content_length
from lightbox_shared.requests.forms import JSON_TYPE, MAX_BYTES, MULTIPART_TYPE, URLENCODED_TYPE, read_fields
from lightbox_shared.requests.room_for_bodies import SCOPE_KEY, RoomForBody
from lightbox_shared.requests.uploads import UploadedFile, open_uploads, read_upload

Model = TypeVar("Model", bound=BaseModel)

Schema = dict[str, Any]
REF_TEMPLATE: Final = "#/components/schemas/{model}"
_JSON_ONLY: Final = (JSON_TYPE,)
_BINARY: Final = {"type": "string", "format": "binary"}


@runtime_checkable
class DescribedBody(Protocol):
    """A dependency that reads the body of a request and can describe it for OpenAPI."""

    def request_body(self, components: dict[str, Schema]) -> Schema:
        """The Request Body Object (OpenAPI 3.1 section 4.8.13). Schemas that it refers to are added to `components`."""
        ...


class NoFields(BaseModel):
    """The model of an upload without text fields."""


@dataclass(frozen=True, slots=True)
class Upload(Generic[Model]):
    """An uploaded file and the text fields of the same form."""

    data: bytes | None
    """The content of the file, or None if there was none."""
    fields: Model


@dataclass(frozen=True, slots=True)
class FilesUpload(Generic[Model]):
    """Uploaded files and the text fields of the same form."""

    files: tuple[UploadedFile, ...]
    fields: Model


def form_or_json(model: type[BaseModel], *, max_bytes: int = MAX_BYTES, any_text: bool = False) -> params.Depends:
    """A dependency that reads a JSON object, an urlencoded form or multipart text fields as `model`.

    It raises the exceptions of `lightbox_shared.requests.forms.read_fields`, and `RequestValidationError` for fields
    that are not valid. With `any_text` the model also gets texts that can't be stored, and has to refuse or replace
    them.
    """
    return params.Depends(_FormOrJson(model, max_bytes, any_text))


def json_body(model: type[BaseModel], *, max_bytes: int = MAX_BYTES) -> params.Depends:
    """A dependency that reads a JSON object as `model`, for models with lists and objects, which a form can't have.

    It raises what `form_or_json` raises.
    """
    return params.Depends(_FormOrJson(model, max_bytes, any_text=False, media_types=_JSON_ONLY))


def file_upload(fields: type[BaseModel] = NoFields, *, file: str, is_kept: bool = True) -> params.Depends:
    """A dependency that reads a `multipart/form-data` body with one file and text fields as an `Upload`.

    A file may have the size of `Settings.file_sizes`, and counts for the upload memory of the service while the
    endpoint runs. The dependency raises the exceptions of `lightbox_shared.requests.uploads.read_upload`, and
    `RequestValidationError` for text fields that are not valid. Unless the endpoint does not keep the file, it raises
    `DiskFull` before the body is read if there is no room for it.
    """
    return params.Depends(_FileUpload(fields, file, is_kept), scope="function")


def files_upload(fields: type[BaseModel] = NoFields, *, file: str, max_files: int) -> params.Depends:
    """A dependency that reads a `multipart/form-data` body with several files in fields of one name as a `FilesUpload`.

    Each file may have the size of `Settings.file_sizes`. The files are on disk while the endpoint runs. The dependency
    raises the exceptions of `lightbox_shared.requests.uploads.open_uploads`, `RequestValidationError` for text fields
    that are not valid, and `DiskFull` before the body is read if there is no room for it.
    """
    return params.Depends(_FilesUpload(fields, file, max_files), scope="function")


@dataclass(frozen=True, slots=True)
class _FormOrJson:
    model: type[BaseModel]
    max_bytes: int
    any_text: bool
    media_types: tuple[str, ...] = (JSON_TYPE, URLENCODED_TYPE, MULTIPART_TYPE)

    async def __call__(self, request: Request) -> BaseModel:
        media_type = parse_options_header(request.headers.get("content-type", ""))[0].decode("latin-1")
        if self.media_types == _JSON_ONLY and media_type not in {"", JSON_TYPE}:
            raise UnsupportedMediaType(f"Send {JSON_TYPE}, in UTF-8.")
        fields = await read_fields(request, max_bytes=self.max_bytes, any_text=self.any_text)
        return validated(self.model, fields, settings=request.state.settings)

    def request_body(self, components: dict[str, Schema]) -> Schema:
        """The same schema in each media type."""
        schema = model_reference(self.model, components)
        required = any(field.is_required() for field in self.model.model_fields.values())
        return {"required": required, "content": {each: {"schema": schema} for each in self.media_types}}


@dataclass(frozen=True, slots=True)
class _FileUpload:
    fields: type[BaseModel]
    file: str
    is_kept: bool

    async def __call__(self, request: Request) -> AsyncIterator[Upload[BaseModel]]:
        if self.is_kept:
            check_room_for(request)
        state = request.state
        async with read_upload(request, self.file, state.settings.file_sizes, state.upload_memory) as sent:
            yield Upload(sent.data, validated(self.fields, dict(sent.fields)))

    def request_body(self, components: dict[str, Schema]) -> Schema:
        """The text fields and the file in one multipart schema."""
        return _multipart_body(self.fields, self.file, _BINARY, components)


@dataclass(frozen=True, slots=True)
class _FilesUpload:
    fields: type[BaseModel]
    file: str
    max_files: int

    async def __call__(self, request: Request) -> AsyncIterator[FilesUpload[BaseModel]]:
        check_room_for(request)
        state = request.state
        async with open_uploads(
            request,
            self.file,
            max_files=self.max_files,
            sizes=state.settings.file_sizes,
            memory=state.upload_memory,
        ) as sent:
            yield FilesUpload(sent.files, validated(self.fields, dict(sent.fields)))

    def request_body(self, components: dict[str, Schema]) -> Schema:
        """The text fields and a list of files in one multipart schema."""
        files = {"type": "array", "items": _BINARY, "minItems": 1, "maxItems": self.max_files}
        return _multipart_body(self.fields, self.file, files, components)


def check_room_for(request: Request) -> None:
    """Hold room on disk for the body of a request until the request ends. Raises `DiskFull` if there is none."""
    room: RoomForBody = request.scope[SCOPE_KEY]
    announced = content_length(request.headers.get("content-length"))
    room.reserve(request.state.disk_space, announced, partition(client_address(request)))


def release_room_of(request: Request) -> None:
    """Give the room on disk back before the request ends, since the rest of its body is not kept."""
    room: RoomForBody = request.scope[SCOPE_KEY]
    room.release()


def _multipart_body(fields: type[BaseModel], file: str, described: Schema, components: dict[str, Schema]) -> Schema:
    own = _schema(fields, components)
    properties = {**own.get("properties", {}), file: described}
    required = [*own.get("required", []), file]
    schema = {"type": "object", "properties": properties, "required": required}
    return {"required": True, "content": {MULTIPART_TYPE: {"schema": schema}}}


def validated(model: type[Model], values: dict[str, object], *, settings: Settings | None = None) -> Model:
    """`values` as `model`. Raises `RequestValidationError`, so that it is answered like every other body.

    `settings` are the context of the validation (`pydantic.ValidationInfo.context`), for limits that are settings.
    """
    try:
        return model.model_validate(values, context=settings)
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in found]) from None


def model_reference(model: type[BaseModel], components: dict[str, Schema]) -> Schema:
    """A reference to the schema of `model`, which is added to `components` with all that it refers to. Raises
    `ValueError` if another schema of one of these names is there."""
    _add(components, model.__name__, _schema(model, components))
    return {"$ref": REF_TEMPLATE.format(model=model.__name__)}


def _schema(model: type[BaseModel], components: dict[str, Schema]) -> Schema:
    schema = model.model_json_schema(ref_template=REF_TEMPLATE)
    for name, definition in schema.pop("$defs", {}).items():
        _add(components, name, definition)
    return schema


def _add(components: dict[str, Schema], name: str, schema: Schema) -> None:
    if components.setdefault(name, schema) != schema:
        raise ValueError(f"There are two schemas named {name}.")
