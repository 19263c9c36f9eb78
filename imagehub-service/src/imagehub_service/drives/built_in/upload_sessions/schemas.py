"""Upload sessions on the wire, as in Microsoft Graph."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from imagehub_service.drives.built_in.upload_sessions.repository import OpenSession
from imagehub_service.drives.built_in.upload_sessions.service import UploadedFile

GraphTime = Annotated[
    datetime,
    PlainSerializer(lambda time: f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z", return_type=str),
]
"""A time in UTC with milliseconds."""


class _GraphModel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class UploadSessionState(_GraphModel):
    """How far an upload session is."""

    expiration_date_time: GraphTime = Field(description="When the session ends if no further chunk comes.")
    next_expected_ranges: list[str] = Field(description="The first byte that is missing: `26-`.", examples=[["26-"]])

    @classmethod
    def of(cls, session: OpenSession) -> Self:
        """The state of a session."""
        return cls(expiration_date_time=session.expires_at, next_expected_ranges=[f"{session.received}-"])


class GraphHashes(_GraphModel):
    """Digests of a file."""

    sha256_hash: str = Field(alias="sha256Hash", description="In hexadecimal, upper case.")


class GraphFile(_GraphModel):
    """What a file has and a folder has not."""

    mime_type: str
    hashes: GraphHashes


class GraphParent(_GraphModel):
    """The folder of an item."""

    id: str


class GraphFileSystemInfo(_GraphModel):
    """Times of a file."""

    created_date_time: GraphTime
    last_modified_date_time: GraphTime


class UploadedItem(_GraphModel):
    """A file that is complete: the members of a driveItem that there are without OneDrive."""

    id: str
    name: str = Field(description="With a number behind it where the folder has another file of this name.")
    size: int
    created_date_time: GraphTime
    last_modified_date_time: GraphTime
    parent_reference: GraphParent
    file: GraphFile
    file_system_info: GraphFileSystemInfo

    @classmethod
    def of(cls, uploaded: UploadedFile) -> Self:
        """A file that an upload session has made."""
        times = GraphFileSystemInfo(created_date_time=uploaded.created_at, last_modified_date_time=uploaded.modified_at)
        return cls(
            id=uploaded.id,
            name=uploaded.name,
            size=uploaded.size,
            created_date_time=uploaded.created_at,
            last_modified_date_time=uploaded.modified_at,
            parent_reference=GraphParent(id=uploaded.folder_id),
            file=GraphFile(mime_type=uploaded.media_type, hashes=GraphHashes(sha256Hash=uploaded.sha256.hex().upper())),
            file_system_info=times,
        )
