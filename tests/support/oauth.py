"""What the tests of the OAuth endpoints share."""

from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import text

from auth_service.state import Services
from lightbox_shared.database import Database
from support import auth_service

TOKEN, REVOKE, INTROSPECT = "/oauth/token", "/oauth/revoke", "/oauth/introspect"
ISSUER = "http://127.0.0.1:8000"
PASSWORD = "correct horse"
SERVICE = ("inference-service", "with%3Acolons")
"""A service of `support.auth_service.SERVICE_SECRETS`, encoded as RFC 6749 section 2.3.1 has it."""

WRONG_GRANT = {"error": "invalid_grant", "error_description": "The credentials or the token are not valid."}
INACTIVE = {"active": False}


@dataclass
class Clock:
    """A clock that a test can put forward. Seconds since the epoch."""

    now: float

    def __call__(self) -> float:
        return self.now


@dataclass
class OAuth:
    """A client of the endpoints; each method is one request."""

    http: httpx.AsyncClient
    client_id: str = "lightbox"

    async def token(self, **fields: str) -> httpx.Response:
        return await self.http.post(TOKEN, data={"client_id": self.client_id, **fields})

    async def log_in(self, username: str = "ada", **fields: str) -> dict[str, Any]:
        answer = await self.token(grant_type="password", username=username, password=PASSWORD, **fields)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def refresh(self, token: str, **fields: str) -> httpx.Response:
        return await self.token(grant_type="refresh_token", refresh_token=token, **fields)

    async def refreshed(self, token: str, **fields: str) -> dict[str, Any]:
        answer = await self.refresh(token, **fields)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def revoke(self, token: str, **fields: str) -> httpx.Response:
        return await self.http.post(REVOKE, data={"client_id": self.client_id, "token": token, **fields})

    async def introspect(self, token: str, **fields: str) -> dict[str, Any]:
        answer = await self.http.post(INTROSPECT, data={"token": token, **fields}, auth=SERVICE)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


async def make_account(services: Services, username: str = "ada") -> int:
    """An account with `PASSWORD`; its id."""
    return await auth_service.make_account(services, username, PASSWORD)


async def audited(database: Database, *actions: str) -> list[tuple[str, int | None, str | None, dict[str, Any]]]:
    """The entries of some actions in the audit trail: action, account, address, details."""
    statement = text(
        "SELECT action, account_id, entry::jsonb ->> 'address', entry::jsonb -> 'details' FROM audit_entries"
        " WHERE action = ANY(:actions) ORDER BY sequence"
    )
    async with database.reading() as session:
        rows = (await session.execute(statement, {"actions": list(actions)})).all()
    return [(row[0], row[1], row[2], row[3]) for row in rows]
