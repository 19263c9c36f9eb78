"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-06): a POST that is sent again does its work once.

The answer is stored under the key in the transaction that does the work, so that either both are durable or neither.
The same request with the same key gets the stored answer for a day. A key belongs to one account and one path. Another
request with the same key is refused with 422, and one that comes while the first is still running with 409. Refusals
are not stored: they are found out again.
"""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from starlette.requests import Request
from starlette.responses import Response

from lightbox_shared.database import WriteSession, try_lock
from lightbox_shared.errors import Conflict, InvalidRequest, LightboxError

HEADER: Final = "Idempotency-Key"
LIFETIME_HOURS: Final = 24
_KEY: Final = re.compile(r'"([\x20-\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')
_NOT_REPLAYED: Final = frozenset({"content-length", "content-type"})


class KeyInUse(Conflict):
    """A request with this key is still running."""

    code = "idempotency-key-in-use"
    default_detail = "A request with this Idempotency-Key is still running. Send it again in a moment."
    verbatim = True


class KeyReused(LightboxError):
    """Another request was sent with this key."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "idempotency-key-reused"
    default_detail = "Another request was sent with this Idempotency-Key before."
    verbatim = True


def idempotency_table(metadata: MetaData) -> Table:
    """The table of a service's keys."""
    return Table(
        "idempotency_keys",
        metadata,
        Column("account_id", BigInteger, primary_key=True),
        Column("path", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("fingerprint", LargeBinary, nullable=False),
        Column("status", SmallInteger, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("media_type", Text),
        Column("body", LargeBinary, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now(), index=True),
    )


def idempotency_key(request: Request) -> str | None:
    """The key of a request, which may come quoted, as the draft has it, or not. Raises `InvalidRequest`."""
    value = request.headers.get(HEADER)
    if value is None:
        return None
    found = _KEY.fullmatch(value.strip())
    if found is None:
        raise InvalidRequest.of(HEADER, "1 to 255 visible ASCII characters.", "header")
    return found[1] or found[2]


class IdempotencyKeys:
    """The keys of a service, in `table`, which it has made by `idempotency_table`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def once(
        self,
        session: WriteSession,
        request: Request,
        account_id: int,
        body: BaseModel,
        work: Callable[[], Awaitable[Response]],
    ) -> Response:
        """The answer of `work`, or the stored one where the request has a key that was used before.

        A request is the same if its query and its body, as it was read, are the same. Raises `KeyInUse`, `KeyReused`,
        `InvalidRequest` for a key that is not valid, and what `work` raises.
        """
        key = idempotency_key(request)
        if key is None:
            return await work()
        path = request.url.path.rstrip("/")
        payload = json.dumps(body.model_dump(mode="json"), sort_keys=True)
        fingerprint = hashlib.sha256(f"{request.url.query}\0{payload}".encode()).digest()
        if not await try_lock(session, _lock(account_id, path, key)):
            raise KeyInUse
        table = self._table.c
        same = (table.account_id == account_id, table.path == path, table.key == key)
        stored = (await session.execute(select(self._table).where(*same))).one_or_none()
        if stored is not None:
            if stored.fingerprint != fingerprint:
                raise KeyReused
            return Response(stored.body, stored.status, dict(stored.headers), media_type=stored.media_type)
        response = await work()
        row = {
            "account_id": account_id,
            "path": path,
            "key": key,
            "fingerprint": fingerprint,
            "status": response.status_code,
            "headers": {name: value for name, value in response.headers.items() if name not in _NOT_REPLAYED},
            "media_type": response.media_type,
            "body": bytes(response.body),
        }
        await session.execute(insert(self._table).values(row))
        return response

    async def forget_old(self, session: WriteSession) -> None:
        """Delete the keys that are older than `LIFETIME_HOURS`."""
        age = text(f"interval '{LIFETIME_HOURS} hours'")
        await session.execute(delete(self._table).where(self._table.c.created_at < func.now() - age))


def _lock(account_id: int, path: str, key: str) -> int:
    """The number of an advisory lock (64 bits, signed)."""
    digest = hashlib.sha256(f"{account_id}\0{path}\0{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
