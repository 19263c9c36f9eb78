"""What the tests of imagehub-service share besides their fixtures: tokens, and groups with pictures."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import update

from imagehub_service.app import create_app
from imagehub_service.config import ImageHubSettings
from imagehub_service.gallery.groups.models import Group
from imagehub_service.gallery.pictures.models import Picture, Size, SmallPicture
from imagehub_service.gallery.revisions import repository as revisions
from imagehub_service.renditions.preparing import prepare_picture
from imagehub_service.state import Services
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database
from support import pictures
from support.asgi import WithState, running
from support.gateway import Key
from support.kit import verifier_of

SECRET_KEY = "a secret of the tests, with 32 characters or more"
ADMIN_ID = 2

MakeHubSettings = Callable[..., ImageHubSettings]
"""Settings on the test's database; keyword arguments replace what the tests have in common."""


@asynccontextmanager
async def running_hub(database_url: str, folder: Path, key: Key, **changes: Any) -> AsyncIterator[WithState]:
    """The service, which accepts the tokens that this key signs."""
    settings = ImageHubSettings(database_url=database_url, data_dir=folder, secret_key=SECRET_KEY, port=9, **changes)  # type: ignore[arg-type]
    async with running(create_app(settings)) as app:
        yield WithState(app.app, {**app.state, "tokens": verifier_of(key)})


@dataclass
class Hub:
    """A running imagehub-service, and what is in it."""

    service: WithState
    http: httpx.AsyncClient
    key: Key

    @property
    def services(self) -> Services:
        found: Services = self.service.state["services"]
        return found

    @property
    def database(self) -> Database:
        found: Database = self.service.state["database"]
        return found

    def headers(self, authority: Authority, account_id: int = 100, **claims: Any) -> dict[str, str]:
        """The header of a token of this account."""
        token = self.key.token(sub=f"account:{account_id}", authority=int(authority), **claims)
        return {"Authorization": f"Bearer {token}"}

    @cached_property
    def admin(self) -> dict[str, str]:
        """The header of a token of an administrator."""
        return self.headers(Authority.ADMIN, ADMIN_ID)

    async def group(self, **columns: Any) -> int:
        """The number of a new group, which has no picture."""
        async with self.database.writing() as session:
            number = await revisions.next_group(session)
            session.add(Group(**{"id": number, "position": float(number), **columns}))
        return number

    async def picture(self, group: int, data: bytes | None = None, **columns: Any) -> Picture:
        """A new picture of a group, by default a small PNG."""
        data = pictures.png() if data is None else data
        prepared = await asyncio.to_thread(prepare_picture, data, max_pixels=50_000_000)
        async with self.database.writing() as session:
            blobs = self.services.blobs
            await blobs.put(session, data)
            preview = None if prepared.preview is None else await blobs.put(session, prepared.preview.data)
            statement = (
                update(Group)
                .where(Group.id == group)
                .values(next_image_id=Group.next_image_id + 1, picture_count=Group.picture_count + 1)
                .returning(Group.next_image_id - 1)
            )
            image_id = (await session.execute(statement)).scalar_one()
            row = Picture(
                **{
                    "group_id": group,
                    "image_id": image_id,
                    "position": float(image_id),
                    "name": f"picture-{image_id}.png",
                    "folder_name": "System",
                    "sha256": prepared.sha256,
                    "preview_sha256": preview,
                    "media_type": prepared.media_type.value,
                    "width": prepared.width,
                    "height": prepared.height,
                    "size": len(data),
                    "thumbhash": prepared.thumbhash,
                    "difference_hash": prepared.difference_hash,
                    "drive": "built-in",
                    "drive_item_id": "item",
                    "added_by": ADMIN_ID,
                    **columns,
                }
            )
            session.add(row)
            await session.flush()
            for size, small in ((Size.LOW, prepared.low), (Size.HIGH, prepared.high)):
                session.add(
                    SmallPicture(picture_id=row.id, size=size, media_type=small.media_type.value, data=small.data)
                )
            await revisions.changed(session, order=True)
            await session.refresh(row)
            return row
