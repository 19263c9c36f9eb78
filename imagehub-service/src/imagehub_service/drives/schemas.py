"""Drives on the wire: ImageHub's codes and hints.

A failure that the system documents is 200 with its code and hint. `detail` beside them says why, for people.
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from imagehub_service.drives.drive import DriveContents, DriveFile, DriveFolder
from imagehub_service.drives.errors import ConsentNeeded, DriveError

GIB: Final = 1024**3
_CONSENT_PAGE: Final = "Where the administrator allows the use of the drive."
_WHY: Final = "Why, for people."


class DriveOutcome(BaseModel):
    """Whether something was done."""

    code: Literal[0, 1] = Field(description="1 for done, 0 for not done.")
    hint: str
    detail: str | None = Field(default=None, description=_WHY)
    url: str | None = Field(default=None, description=_CONSENT_PAGE)

    @classmethod
    def done(cls, hint: str) -> "DriveOutcome":
        """It was done."""
        return cls(code=1, hint=hint)

    @classmethod
    def failed(cls, hint: str, error: DriveError) -> "DriveOutcome":
        """It was not done."""
        return cls(code=0, hint=hint, detail=str(error), url=consent_page(error))


class OpenedUploadSession(BaseModel):
    """An upload session, if there could be one."""

    code: Literal[0, 1] = Field(description="1 for done, 0 for not done.")
    session_url: str | None = Field(
        default=None, alias="sessionUrl", description="Where the chunks are sent by PUT, without a token."
    )
    hint: str
    detail: str | None = Field(default=None, description=_WHY)
    url: str | None = Field(default=None, description=_CONSENT_PAGE)


class ListedFile(BaseModel):
    """A file of a folder."""

    file_name: str
    file_size: int = Field(description="Bytes.")
    creation_time: str
    modification_time: str
    is_folder: Literal[False]


class ListedFolder(BaseModel):
    """A folder of the drive."""

    folder_name: str
    folder_size: int = Field(description="Bytes of all its files.")
    creation_time: str
    modification_time: str
    is_folder: Literal[True]
    files: dict[str, ListedFile] = Field(description="By the id of the file.")


class DriveFolders(BaseModel):
    """All folders by their ids, and how full the drive is."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, ListedFolder] = Field(init=False)

    used_storage: float = Field(description="GiB.")
    total_storage: float = Field(description="GiB.")


class FolderList(BaseModel):
    """The folders of the drive, or why they can't be listed."""

    code: Literal[0, 1, 99] = Field(
        description="1 for folders, 0 if the use of the drive has to be allowed at `url`, 99 if the drive has answered "
        "something that can't be used."
    )
    folders: DriveFolders | None = None
    as_of: datetime | None = Field(
        default=None, description="When this was true, if the drive does not answer and this is a copy."
    )
    hint: str | None = None
    detail: str | None = Field(default=None, description=_WHY)
    url: str | None = Field(default=None, description=_CONSENT_PAGE)


class DriveConsent(BaseModel):
    """What Microsoft's page has added to the address to which it sent the administrator."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"auth_code": "M.C507_BAY.2.U.0c8a6d1e"}]})

    auth_code: Annotated[str, StringConstraints(min_length=1, max_length=8192)]
    state: Annotated[str, StringConstraints(max_length=8192)] | None = None


def consent_page(error: DriveError) -> str | None:
    """The page where the use of the drive is allowed, if that is what is missing."""
    return error.address if isinstance(error, ConsentNeeded) else None


def folder_list(contents: DriveContents) -> bytes:
    """The JSON of a `FolderList`. Takes a second for 100,000 files: call it in a thread."""
    # No other thread runs while something is encoded, so each folder is encoded by itself.
    members = [f"{_json(folder.id)}:{_json(_folder(folder))}" for folder in contents.folders]
    members.append(f'"used_storage":{round(contents.used_bytes / GIB, 2)}')
    members.append(f'"total_storage":{round(contents.total_bytes / GIB, 2)}')
    as_of = f',"as_of":{_json(_time(contents.as_of))}' if contents.is_stale else ""
    return f'{{"code":1,"folders":{{{",".join(members)}}}{as_of}}}'.encode()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _folder(folder: DriveFolder) -> dict[str, object]:
    return {
        "folder_name": folder.name,
        "folder_size": folder.size,
        "creation_time": _time(folder.created_at),
        "modification_time": _time(folder.modified_at),
        "is_folder": True,
        "files": {file.id: _file(file) for file in folder.files},
    }


def _file(file: DriveFile) -> dict[str, object]:
    return {
        "file_name": file.name,
        "file_size": file.size,
        "creation_time": _time(file.created_at),
        "modification_time": _time(file.modified_at),
        "is_folder": False,
    }


def _time(time: datetime) -> str:
    """In UTC and to the second, as Microsoft Graph writes times."""
    return f"{time.astimezone(UTC).isoformat()[:19]}Z"
