"""What the tests of `/api/gallery` share: pictures without pixels, which are made quickly, and an audit trail in
memory."""

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

import httpx
from sqlalchemy import text

from imagehub_service.gallery.arranging.service import Arranging
from imagehub_service.gallery.shares.passwords import SharePasswords
from imagehub_service.gallery.shares.service import KEY_PURPOSE, Shares
from imagehub_service.state import Services
from lightbox_shared.audit import Actor, Detail
from lightbox_shared.auth.passwords import HashingThreads
from lightbox_shared.auth.signed_links import SignedLinks
from lightbox_shared.errors import Unavailable
from support.asgi import WithState
from support.imagehub import SECRET_KEY, Hub

_COUNT = """
UPDATE groups SET next_image_id = next_image_id + 1, picture_count = picture_count + 1 WHERE id = :group_id
RETURNING next_image_id - 1
"""
_BLOB = "INSERT INTO blobs (sha256, size, data) VALUES (:sha256, 1, '') ON CONFLICT DO NOTHING"
_PICTURE = """
INSERT INTO pictures (group_id, image_id, position, name, folder_name, title, caption, tags, sha256, media_type, width,
                      height, size, thumbhash, difference_hash, drive, drive_item_id, added_by, created_at)
VALUES (:group_id, :image_id, CAST(:image_id AS int), :name, 'System', :title, :caption, :tags, :sha256,
        :media_type, 4000, 3000, 1, '', :difference_hash, 'built-in', 'item', 2,
        coalesce(CAST(:created_at AS timestamptz), now()))
RETURNING id
"""
_RESET = """
TRUNCATE pictures, groups, blobs, small_pictures, shares CASCADE;
UPDATE gallery_revisions SET next_group = 1
"""


@dataclass
class KeptAudit:
    """An audit trail in memory, which can be out of reach."""

    entries: list[tuple[str, Actor, str | None, dict[str, Detail]]] = field(default_factory=list)
    is_down: bool = False

    async def record(self, action: str, actor: Actor, address: str | None, details: Mapping[str, Detail]) -> None:
        if self.is_down:
            raise Unavailable
        self.entries.append((action, actor, address, dict(details)))


@dataclass
class Clock:
    """Seconds since the epoch, which a test sets."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Gallery:
    """A running imagehub-service, what is in its gallery, and what it has told the audit trail."""

    hub: Hub
    audit: KeptAudit
    clock: Clock
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def of(cls, hub: Hub) -> Self:
        """That of a hub, from now on with an audit trail and a clock of the test."""
        audit, clock = KeptAudit(), Clock()
        hub.service.state = {**hub.service.state, "services": with_audit(hub.services, audit, clock)}
        return cls(hub, audit, clock)

    @property
    def service(self) -> WithState:
        return self.hub.service

    async def call(self, method: str, path: str, body: object = None, **options: Any) -> httpx.Response:
        """A request of an administrator to a path below `/api/gallery`."""
        headers = {**self.hub.admin, **options.pop("headers", {})}
        return await self.hub.http.request(method, f"/api/gallery{path}", json=body, headers=headers, **options)

    async def ok(self, method: str, path: str, body: object = None, **options: Any) -> Any:
        """The body of the answer, which has to be a success."""
        answer = await self.call(method, path, body, **options)
        assert answer.is_success, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def group(self, **fields: Any) -> int:
        """The number of a new group."""
        made: int = (await self.ok("POST", "/groups", fields))["id"]
        return made

    async def picture(
        self, group: int, *, tags: Sequence[str] = (), created_at: str | None = None, **columns: Any
    ) -> int:
        """The id of a new picture, which is only a row."""
        number = next(self.numbers)
        values = {
            "group_id": group,
            "name": f"picture-{number}.jpg",
            "title": None,
            "caption": None,
            "tags": list(tags),
            "sha256": hashlib.sha256(str(number).encode()).digest(),
            "media_type": "image/jpeg",
            "difference_hash": int.from_bytes(hashlib.sha256(str(number).encode()).digest()[:8], "big", signed=True),
            "created_at": None if created_at is None else datetime.fromisoformat(created_at),
            **columns,
        }
        async with self.hub.database.writing() as session:
            values["image_id"] = (await session.execute(text(_COUNT), {"group_id": group})).scalar_one()
            await session.execute(text(_BLOB), {"sha256": values["sha256"]})
            made: int = (await session.execute(text(_PICTURE), values)).scalar_one()
        return made

    async def filled(self, pictures: int, **fields: Any) -> int:
        """The number of a new group with so many pictures."""
        group = await self.group(**fields)
        for _ in range(pictures):
            await self.picture(group)
        return group

    async def listed(self, path: str, member: str, **parameters: Any) -> list[dict[str, Any]]:
        """All rows of a list, page after page."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            body = await self.ok("GET", path, params={**parameters, **cursor})
            found += body[member]
            if body["next_cursor"] is None:
                return found
            cursor = {"cursor": body["next_cursor"]}

    async def order(self, group: int | None = None) -> list[int]:
        """The ids of the pictures of a group in their order; the numbers of all groups without one."""
        if group is None:
            return [each["id"] for each in await self.listed("/groups", "groups", limit=7)]
        return [each["id"] for each in await self.listed("/pictures", "pictures", group=group, limit=7)]

    async def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """What a statement selects."""
        async with self.hub.database.reading() as session:
            return [tuple(row) for row in await session.execute(text(statement), values)]

    async def execute(self, statements: str, **values: Any) -> None:
        """Run statements that change something."""
        async with self.hub.database.writing() as session:
            for each in statements.split(";"):
                await session.execute(text(each), values)

    async def reset(self) -> None:
        """Empty the gallery."""
        await self.execute(_RESET)

    async def revision(self) -> tuple[int, int]:
        """The counters of the gallery: contents, order."""
        [(contents, order)] = await self.rows('SELECT contents, "order" FROM gallery_revisions')
        return contents, order

    async def check_counters(self) -> None:
        """The counters of each group are what its pictures say, and all positions are where they have to be."""
        wrong = await self.rows(
            """
            SELECT groups.id, picture_count, next_image_id, count(pictures.id), max(image_id)
              FROM groups LEFT JOIN pictures ON group_id = groups.id GROUP BY groups.id
            HAVING picture_count <> count(pictures.id) OR next_image_id <= coalesce(max(image_id), 0)
                OR min(pictures.position) <= 0 OR max(pictures.position) >= next_image_id
                OR count(DISTINCT pictures.position) < count(pictures.id)
            """
        )
        assert wrong == []
        [[outside]] = await self.rows(
            "SELECT count(*) FROM groups, gallery_revisions WHERE position <= 0 OR position >= next_group"
        )
        [[covers]] = await self.rows(
            "SELECT count(*) FROM groups LEFT JOIN pictures ON pictures.id = cover_id"
            " WHERE cover_id IS NOT NULL AND group_id IS DISTINCT FROM groups.id"
        )
        assert (outside, covers) == (0, 0)


def with_audit(services: Services, audit: KeptAudit, clock: Callable[[], float]) -> Services:
    """The objects of a service, of which those that write to the audit trail write to this one."""
    database = services.database
    threads = HashingThreads(most_waiting=8, busy="Busy.")
    shares = Shares(
        database,
        links=SignedLinks(SECRET_KEY, KEY_PURPOSE, clock=clock),
        passwords=SharePasswords(database, threads, clock),
        audit=audit,
        clock=clock,
    )
    return replace(services, arranging=Arranging(database, audit), shares=shares, audit=audit)
