"""The parts of Graph's answers that are used. What does not fit is `UnreadableAnswer`."""

from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from imagehub_service.drives.drive import DriveFolder
from imagehub_service.drives.errors import UnreadableAnswer
from lightbox_shared.requests.forms import is_storable

LARGEST: Final = 2**63 - 1
_UNKNOWN_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("It can't be stored.")
    return text


def _in_utc(at: datetime) -> datetime:
    try:
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("It is out of range.") from error


Size = Annotated[int, Field(ge=0, le=LARGEST)]
"""Bytes."""
Text = Annotated[str, StringConstraints(max_length=4000), AfterValidator(_storable)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_storable)]
Link = Annotated[str, StringConstraints(min_length=1, max_length=16_000), AfterValidator(_storable)]
Time = Annotated[datetime, AfterValidator(_in_utc)]


class GraphObject(BaseModel):
    """The names are Graph's."""

    model_config = ConfigDict(alias_generator=to_camel)


class Quota(GraphObject):
    """Of a drive."""

    used: Size = 0
    total: Size = 0


class DriveAnswer(GraphObject):
    """A `drive`."""

    id: Id
    quota: Quota | None = None


class Reference(GraphObject):
    """Where an item is."""

    id: Id | None = None


class FileSystemInfo(GraphObject):
    """Times that come from the device with the file."""

    created_date_time: Time | None = None
    last_modified_date_time: Time | None = None


class Item(GraphObject):
    """A `driveItem`: a file, a folder, or another thing that is not shown. Facets are there or not; what is in them
    does not matter."""

    id: Id
    name: Text | None = None
    size: Size | None = None
    created_date_time: Time | None = None
    last_modified_date_time: Time | None = None
    parent_reference: Reference | None = None
    file_system_info: FileSystemInfo | None = None
    folder: dict[str, object] | None = None
    file: dict[str, object] | None = None
    root: dict[str, object] | None = None
    deleted: dict[str, object] | None = None

    @property
    def created_at(self) -> datetime:
        """When the file was made."""
        device = self.file_system_info and self.file_system_info.created_date_time
        return device or self.created_date_time or _UNKNOWN_TIME

    @property
    def modified_at(self) -> datetime:
        """When the file was changed last."""
        device = self.file_system_info and self.file_system_info.last_modified_date_time
        return device or self.last_modified_date_time or self.created_at

    def as_new_folder(self) -> DriveFolder:
        """The folder that the item is, which has no files yet. Raises `UnreadableAnswer` if it is none."""
        if self.folder is None or self.name is None:
            raise UnreadableAnswer
        return DriveFolder(self.id, self.name, self.size or 0, self.created_at, self.modified_at, files=())


class Page(GraphObject):
    """A page of `delta`."""

    value: list[Item]
    next_link: Annotated[Link | None, Field(alias="@odata.nextLink")] = None
    delta_link: Annotated[Link | None, Field(alias="@odata.deltaLink")] = None


class UploadSession(GraphObject):
    """An `uploadSession`."""

    upload_url: Link


Answer = TypeVar("Answer", bound=GraphObject)


def read(model: type[Answer], body: bytes) -> Answer:
    """The answer in a body. Raises `UnreadableAnswer`."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        # Without the body, which can have addresses in it that work without a token.
        places = ", ".join(".".join(map(str, each["loc"])) for each in error.errors()[:3])
        raise UnreadableAnswer from ValueError(places)
