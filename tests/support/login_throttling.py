"""A running service with sign-ins from several addresses, for the tests of login throttling."""

import secrets
from typing import Any

import httpx
from sqlalchemy import text

from lightbox_shared.database import Database

SIGN_UP = "/api/chexray/signup"
LOG_IN = "/api/chexray/login"
PASSWORD = "correct horse"
WRONG = {"non_field_errors": ["Unable to log in with provided credentials."]}
SLOW_DOWN = {"detail": "Too many failed sign-ins. Please try again later."}
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.1"
LIMIT = 2
"""The limit of failed sign-ins in the tests, so that few attempts reach it."""


class Lab:
    """A running service, with clients at several addresses."""

    def __init__(self, client: httpx.AsyncClient, database: Database, app: Any = None) -> None:
        self.client = client
        self.app = app
        self.database = database

    async def sign_up(self, address: str = HOME) -> str:
        name = f"user-{secrets.token_hex(4)}"
        await self._post(SIGN_UP, name, PASSWORD, address)
        return name

    async def log_in(self, name: str, password: str = PASSWORD, address: str = HOME) -> httpx.Response:
        return await self._post(LOG_IN, name, password, address)

    async def fail(self, name: str, address: str = ELSEWHERE, times: int = LIMIT) -> list[int]:
        """Send wrong passwords one after the other, and return the statuses."""
        return [(await self.log_in(name, f"guess {number}", address)).status_code for number in range(times)]

    async def pass_time(self, seconds: float) -> None:
        """Move the buckets into the past."""
        await self.execute("UPDATE guesses SET changed_at = changed_at - make_interval(secs => :s)", s=seconds)

    async def execute(self, statement: str, **values: object) -> None:
        async with self.database.writing() as session:
            await session.execute(text(statement), values)

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        async with self.database.reading() as session:
            return [tuple(row) for row in await session.execute(text(statement))]

    async def _post(self, path: str, name: str, password: str, address: str) -> httpx.Response:
        fields = {"username": name, "password": password}
        return await self.client.post(path, json=fields, headers={"X-Forwarded-For": address})
