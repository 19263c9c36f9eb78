"""What the tests of annotation-service share besides their fixtures: people with tokens, images, and answers."""

import hashlib
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from annotation_service.accounts.models import Account
from annotation_service.config import AnnotationSettings
from annotation_service.pictures.models import Picture
from annotation_service.state import Services
from annotation_service.workflow.models import Image
from lightbox_shared.audit import Actor, Detail
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database
from lightbox_shared.errors import Unavailable
from support import pictures
from support.asgi import WithState
from support.gateway import Key

SECRET_KEY = "a secret of the tests, with 32 characters or more"
ADMIN_ID = 2
SEED_LABEL: dict[str, Any] = {
    "quality": True,
    "dr": False,
    "stage": "2",
    "dme": True,
    "hr": "1",
    "age_dme": "1",
    "rvo": True,
    "crao": True,
    "myopia": True,
    "od": True,
    "glaucoma": True,
    "others": True,
    "comment": "1",
}

MakeAnnotationSettings = Callable[..., AnnotationSettings]
"""Settings on the test's database; keyword arguments replace what the tests have in common."""


def said(answer: httpx.Response) -> tuple[int, str]:
    """The status and the message of an answer whose body has a message only."""
    body = answer.json()
    assert set(body) == {"message"}, body
    return answer.status_code, body["message"]


def invalid(answer: httpx.Response) -> str:
    """The sentence of an answer to a request that is not valid."""
    body = answer.json()
    assert (answer.status_code, set(body), body["message"]) == (400, {"message", "detail"}, "请求非法"), body
    return str(body["detail"])


@dataclass(frozen=True)
class Person:
    """An account that is known to the service, and the header of its token."""

    id: int
    headers: dict[str, str]


@dataclass
class KeptAudit:
    """An audit trail in memory, which can be out of reach."""

    entries: list[tuple[str, Actor, str | None, dict[str, Detail]]] = field(default_factory=list)
    is_down: bool = False
    meanwhile: Callable[[], Awaitable[object]] | None = None
    """Happens while an entry is written."""

    async def record(self, action: str, actor: Actor, address: str | None, details: Mapping[str, Detail]) -> None:
        if self.is_down:
            raise Unavailable
        self.entries.append((action, actor, address, dict(details)))
        if self.meanwhile is not None:
            await self.meanwhile()


@dataclass
class Lab:
    """A running annotation-service, and people and images in it."""

    service: WithState
    http: httpx.AsyncClient
    key: Key
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(100))

    @property
    def services(self) -> Services:
        found: Services = self.service.state["services"]
        return found

    @property
    def database(self) -> Database:
        found: Database = self.service.state["database"]
        return found

    def headers(self, account_id: int, authority: Authority, **claims: Any) -> dict[str, str]:
        """The header of a token of this account."""
        token = self.key.token(sub=f"account:{account_id}", authority=int(authority), **claims)
        return {"Authorization": f"Bearer {token}"}

    @property
    def audit(self) -> "KeptAudit":
        """What was written to the audit trail."""
        found: KeptAudit = self.service.state["audit"]
        return found

    async def person(self, authority: Authority, nickname: str | None = None, **columns: Any) -> Person:
        """A new account of this authority."""
        account_id = next(self.numbers)
        async with self.database.writing() as session:
            known = {"username": f"{authority.name.lower()}-{account_id}", "nickname": nickname, "deleted": False}
            session.add(Account(id=account_id, authority=int(authority), **{**known, **columns}))
        return Person(account_id, self.headers(account_id, authority))

    async def doctor(self, nickname: str | None = None) -> Person:
        return await self.person(Authority.DOCTOR, nickname)

    async def admin(self) -> Person:
        return await self.person(Authority.ADMIN)

    async def picture(self, data: bytes | None = None, **columns: Any) -> int:
        """The id of a picture that is stored, by default a small PNG."""
        data = pictures.png() if data is None else data
        number = next(self.numbers)
        blobs = self.services.blobs
        async with self.database.writing() as session:
            digest = await blobs.put(session, data, hashlib.sha256(data).digest())
            row = Picture(
                **{
                    "url": f"{number}.png",
                    "filename": f"{number}.png",
                    "source": "test",
                    "sha256": digest,
                    "media_type": "image/png",
                    "width": 1,
                    "height": 1,
                    "size": len(data),
                    "created_by": ADMIN_ID,
                    **columns,
                }
            )
            session.add(row)
            await session.flush()
            return row.id

    async def image(self, picture_id: int | None = None, **columns: Any) -> int:
        """The id of an image that waits for its first job."""
        picture_id = await self.picture() if picture_id is None else picture_id
        async with self.database.writing() as session:
            row = Image(picture_id=picture_id, created_by=ADMIN_ID, **columns)
            session.add(row)
            await session.flush()
            return row.id
