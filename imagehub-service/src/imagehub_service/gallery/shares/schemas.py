"""Shared links on the wire."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from imagehub_service.gallery.groups.models import Group
from imagehub_service.gallery.groups.schemas import RowNumber
from imagehub_service.gallery.pictures.models import Picture
from imagehub_service.gallery.shares.models import Share
from imagehub_service.renditions.links import PictureLinks, picture_links
from lightbox_shared.errors.sentences import NO_ZONE, TIME_OUT_OF_RANGE

DEFAULT_DAYS: Final = 30
MAX_DAYS: Final = 3650
SHORTEST_PASSWORD: Final = 8
LONGEST_PASSWORD: Final = 1024


def _in_utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(NO_ZONE)
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(TIME_OUT_OF_RANGE) from error


Time = Annotated[datetime, AfterValidator(_in_utc)]
Days = Annotated[int, Field(ge=1, le=MAX_DAYS)]
Password = Annotated[str, Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)]


class _Expiry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expires_in_days: Annotated[Days | None, Field(description=f"From now on; {DEFAULT_DAYS} by default.")] = None
    expires_at: Annotated[Time | None, Field(description="The time itself, instead.")] = None

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if self.expires_in_days is not None and self.expires_at is not None:
            raise ValueError("expires_in_days: There is an expires_at as well. Send one of them.")
        return self

    def expiry(self, now: float) -> datetime | None:
        """When the link ends, if this says so. `now` is in seconds since the epoch."""
        if self.expires_in_days is not None:
            return datetime.fromtimestamp(now, UTC) + timedelta(days=self.expires_in_days)
        return self.expires_at


class NewGalleryShare(_Expiry):
    """A link to be made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"group": 3, "expires_in_days": 7, "password": "correct horse"}]},
    )

    group: RowNumber
    with_subgroups: Annotated[bool, Field(description="Whether groups below it can be seen too, also later ones.")] = (
        False
    )
    password: Password | None = None


class ShareChanges(_Expiry):
    """What is to be changed of a link; what is absent stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"expires_in_days": 7}]})

    password: Annotated[Password | None, Field(description="Null for none from now on.")] = None


class SharePassword(BaseModel):
    """The password of a link."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"password": "correct horse"}]})

    password: Annotated[str, Field(max_length=LONGEST_PASSWORD)]


class GalleryShare(BaseModel):
    """A shared link."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    group: int
    with_subgroups: bool
    has_password: bool
    expires_at: datetime
    is_expired: bool
    created_by: int
    """The account of the administrator."""
    created_at: datetime

    @classmethod
    def of(cls, row: Share, now: float) -> Self:
        """From a row. `now` is in seconds since the epoch."""
        return cls(**_members(row, now))


class CreatedGalleryShare(GalleryShare):
    """A shared link that was made."""

    link: str = Field(description="The address to give away. It is not shown again: only its digest is stored.")

    @classmethod
    def made(cls, row: Share, now: float, link: str) -> Self:
        """From a row and its address."""
        return cls(**_members(row, now), link=link)


class GalleryShareList(BaseModel):
    """A page of shared links, newest first."""

    shares: list[GalleryShare]
    next_cursor: str | None


class SharedPicture(PictureLinks):
    """A picture that is shared. Its addresses have the key in them."""

    id: int
    group: int
    image_id: int
    name: str
    title: str | None
    caption: str | None
    tags: list[str]

    @classmethod
    def of(cls, row: Picture, *, public_base: str, key: str) -> Self:
        """From a row. `public_base` is the beginning of absolute addresses."""
        return cls(
            **dict(picture_links(row, public_base=public_base, key=key)),
            id=row.id,
            group=row.group_id,
            image_id=row.image_id,
            name=row.name,
            title=row.title,
            caption=row.caption,
            tags=row.tags,
        )


class SharedSubgroup(BaseModel):
    """A group that is shared with the one above it."""

    group: int
    parent: int | None
    title: str | None
    picture_count: int

    @classmethod
    def of(cls, row: Group) -> Self:
        """From a row."""
        return cls(group=row.id, parent=row.parent_id, title=row.title, picture_count=row.picture_count)


class SharedGroup(BaseModel):
    """A group, as a shared link shows it."""

    group: int
    title: str | None
    caption: str | None
    picture_count: int
    key: str = Field(
        description="Opens the pictures: as the parameter `key` of addresses below `/image`, and behind `~` in those "
        "of IIIF. It ends with the link, and a new password ends it."
    )
    expires_at: datetime
    pictures: list[SharedPicture]
    next_cursor: str | None
    subgroups: list[SharedSubgroup] = Field(
        description="Further groups that the link shows, with `group=`; at most 1000."
    )


def _members(row: Share, now: float) -> dict[str, Any]:
    return {
        "id": row.id,
        "group": row.group_id,
        "with_subgroups": row.with_subgroups,
        "has_password": row.password_hash is not None,
        "expires_at": row.expires_at,
        "is_expired": row.expires_at.timestamp() <= now,
        "created_by": row.created_by,
        "created_at": row.created_at,
    }
