"""What the tests of TheYelda's accounts share: accounts of every authority, and their sessions."""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database
from support.asgi import WithState
from support.auth_service import ADMIN_PASSWORD, bearer, make_account, services_of

AUTHORIZATION = "/authorization"
PASSWORD = "correct horse"
SELF_ID, ADMIN_ID, ANONYMOUS_ID, MISSING_ID = 0, 2, 1, 10**6
ERROR_TYPE = "application/json"


def said(answer: httpx.Response) -> tuple[int, str]:
    """The status and the message of an answer whose body has a message only."""
    assert answer.headers["content-type"] == ERROR_TYPE
    body = answer.json()
    assert set(body) == {"message"}, body
    return answer.status_code, body["message"]


def invalid(answer: httpx.Response) -> str:
    """The sentence of an answer to a request that is not valid."""
    body = answer.json()
    assert (answer.status_code, set(body), body["message"]) == (400, {"message", "detail"}, "请求非法"), body
    return str(body["detail"])


@dataclass
class Person:
    """An account and one session of it."""

    id: int
    username: str
    headers: dict[str, str]


@dataclass
class Lab:
    """A running service, and accounts in it."""

    service: WithState
    http: httpx.AsyncClient
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def database(self) -> Database:
        found: Database = self.service.state["database"]
        return found

    async def account(self, authority: Authority, username: str | None = None) -> int:
        """A new account with `PASSWORD`; its id."""
        name = username or f"{authority.name.lower()}-{next(self.numbers)}"
        return await make_account(services_of(self.service), name, PASSWORD, authority)

    async def person(self, authority: Authority, username: str | None = None) -> Person:
        """A new account, signed in with CheXRay's login, which accounts that wait for approval may use."""
        name = username or f"{authority.name.lower()}-{next(self.numbers)}"
        account_id = await self.account(authority, name)
        return Person(account_id, name, await self.sign_in(name))

    async def admin(self) -> Person:
        """The first administrator, signed in."""
        return Person(ADMIN_ID, "admin", await self.sign_in("admin", ADMIN_PASSWORD))

    async def sign_in(self, username: str, password: str = PASSWORD) -> dict[str, str]:
        """The header of a new session."""
        answer = await self.http.post("/api/chexray/login", json={"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        return bearer(answer.json()["token"])

    async def authorize(self, username: object, password: object, **options: Any) -> httpx.Response:
        """Sign in the way that TheYelda's clients do."""
        # In ASCII, in which JSON can express half of a surrogate pair.
        content = json.dumps({"username": username, "password": password})
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        return await self.http.post(AUTHORIZATION, content=content, headers=headers, **options)

    async def is_signed_in(self, headers: dict[str, str]) -> bool:
        """Whether a session has not ended."""
        return (await self.http.get("/self", headers=headers)).status_code == 200
