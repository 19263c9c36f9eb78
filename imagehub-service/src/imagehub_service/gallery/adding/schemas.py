"""Additions on the wire."""

from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from imagehub_service.gallery.adding.models import AdditionFolder, AdditionItem, AdditionState
from imagehub_service.gallery.adding.repository import Progress, WantedFolder
from imagehub_service.gallery.numbers import is_number
from lightbox_shared.requests.parameters import LARGEST_ROW_ID

ADDITIONS_PATH: Final = "/api/gallery/additions"
MAX_LIST_BYTES: Final = 2 * 1024 * 1024
NEW_GROUP: Final = -1
LONGEST_ID: Final = 500
LONGEST_NAME: Final = 1000


def addition_path(addition_id: int) -> str:
    """The path of an addition."""
    return f"{ADDITIONS_PATH}/{addition_id}"


def _group_number(value: object) -> int:
    if is_number(value):
        number = int(str(value))
        if number == NEW_GROUP or 1 <= number <= LARGEST_ROW_ID:
            return number
    raise ValueError("It must be the number of a group, or -1 for a new one.")


class FileToAdd(BaseModel):
    """A file of the drive."""

    file_name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    file_id: Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]


class FolderToAdd(BaseModel):
    """Files of a folder, and the group that they go to."""

    all_image_id: list[FileToAdd]
    group: Annotated[
        int, BeforeValidator(_group_number), Field(description="The number of a group, or -1 for a new one.")
    ]
    folder_name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


class AddImageList(BaseModel):
    """Files of the drive that are to be added, by the ids of their folders."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "image_list": {
                        "01TX4ZA735SY5SYKPEY5HJ7XW6CC2FUBRY": {
                            "all_image_id": [
                                {
                                    "file_name": "steps-in-instruction-execution-by-cpu.png",
                                    "file_id": "01TX4ZA77HMAJQR72NJZC2ZNJEZEK22ILO",
                                }
                            ],
                            "group": -1,
                            "folder_name": "System",
                        }
                    }
                }
            ]
        }
    )

    image_list: dict[Annotated[str, Field(max_length=LONGEST_ID)], FolderToAdd]

    def folders(self) -> list[WantedFolder]:
        """Those that have files."""
        return [
            WantedFolder(
                folder_id,
                folder.folder_name,
                None if folder.group == NEW_GROUP else folder.group,
                [(each.file_id, each.file_name) for each in folder.all_image_id],
            )
            for folder_id, folder in self.image_list.items()
            if folder.all_image_id
        ]


class AdditionError(BaseModel):
    """A picture that could not be added."""

    folder_id: str
    file_id: str
    file_name: str
    detail: str = Field(description="Why.")
    code: str | None = Field(None, description="The same for programs, as in problem details.")
    parameters: dict[str, str | int | float] = Field({}, description="The values in `detail` by their names.")

    @classmethod
    def of(cls, item: AdditionItem, folder: AdditionFolder) -> Self:
        """From its rows."""
        return cls(
            folder_id=folder.folder_id,
            file_id=item.file_id,
            file_name=item.file_name,
            detail=item.error or "",
            code=item.error_code,
            parameters=item.error_parameters or {},
        )


class AdditionProgress(BaseModel):
    """How far an addition is."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    state: AdditionState
    total: int
    added: int
    failed: int
    current: str | None
    """The name of the file that is next."""
    groups: list[int]
    """The groups that pictures were added to."""
    created_by: int
    """The account of the administrator."""
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, progress: Progress) -> Self:
        """From its rows."""
        return cls(**_members(progress))


class AdditionBody(AdditionProgress):
    """An addition."""

    errors: list[AdditionError]
    """The pictures that could not be added, 1,000 at most."""

    @classmethod
    def with_errors(cls, progress: Progress, errors: list[AdditionError]) -> Self:
        """From its rows."""
        return cls(**_members(progress), errors=errors)


class AdditionList(BaseModel):
    """A page of additions, newest first."""

    additions: list[AdditionProgress]
    next_cursor: str | None


class ImageHubAdded(BaseModel):
    """What has become of a list of pictures. `code` is 1 if any of them was added, else 2."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    code: int = Field(examples=[1])
    hint: str = Field(examples=["image_added_in_database"])
    addition: int | None = None
    """The id at `/api/gallery/additions`."""
    added: int = 0
    failed: int = 0
    groups: list[int] = []
    """The groups that pictures were added to."""
    errors: list[AdditionError] = []
    """The pictures that could not be added, 1,000 at most."""

    @classmethod
    def of(cls, body: AdditionBody | None) -> Self:
        """For an addition that has ended; None for one that was forgotten, or a list without pictures."""
        if body is None:
            return cls(code=2, hint="invalid image list")
        return cls(
            code=1 if body.added else 2,
            hint="image_added_in_database" if body.added else "invalid image list",
            addition=body.id,
            added=body.added,
            failed=body.failed,
            groups=body.groups,
            errors=body.errors,
        )


def _members(progress: Progress) -> dict[str, Any]:
    row = progress.addition
    return {
        "id": row.id,
        "state": row.state,
        "total": row.total,
        "added": row.added,
        "failed": row.failed,
        "current": progress.current if row.finished_at is None else None,
        "groups": list(progress.groups),
        "created_by": row.created_by,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }
