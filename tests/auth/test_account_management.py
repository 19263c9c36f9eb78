"""Changes of accounts at the same time, and changes that the command line makes."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import text
from support.asgi import client_of, running
from support.auth_service import MakeSettings, services_of, set_passwords
from support.oauth import audited
from support.yelda import ADMIN_ID, ANONYMOUS_ID, MISSING_ID, PASSWORD, Lab, Person, said

from auth_service.accounts.changes import AccountChanges
from auth_service.accounts.errors import AccountNotFound, LastAdministrator
from auth_service.app import create_app
from auth_service.passwords.hashing import Passwords
from auth_service.request_source import COMMAND_LINE, COMMAND_LINE_SOURCE
from lightbox_shared.auth.principal import Authority

pytestmark = pytest.mark.real_hashes


@pytest.fixture
async def lab(make_settings: MakeSettings) -> AsyncIterator[Lab]:
    settings = make_settings(failed_logins_per_account=100, failed_logins_per_address=None)
    async with running(create_app(settings)) as app, client_of(app) as client:
        yield Lab(app, client)


@pytest.fixture
def changes(lab: Lab) -> AccountChanges:
    return services_of(lab.service).changes


async def hashed(lab: Lab, password: str) -> str:
    return await services_of(lab.service).passwords.hash(password)


async def at_once(*calls: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async with anyio.create_task_group() as tasks:
        for call in calls:
            tasks.start_soon(call)


async def administrators(lab: Lab) -> int:
    async with lab.database.reading() as session:
        statement = text("SELECT count(*) FROM accounts WHERE authority = 101")
        return int((await session.execute(statement)).scalar_one())


async def test_two_administrators_demote_each_other(lab: Lab) -> None:
    for _ in range(8):
        pair = [await lab.person(Authority.ADMIN) for _ in range(2)]
        answers: list[httpx.Response] = []

        async def demote(who: Person, whom: Person, answers: list[httpx.Response] = answers) -> None:
            body = {"authority": "none"}
            answers.append(await lab.http.put(f"/accounts/{whom.id}", json=body, headers=who.headers))

        await at_once(lambda: demote(pair[0], pair[1]), lambda: demote(pair[1], pair[0]))  # noqa: B023
        assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 1}
        assert said(max(answers, key=lambda each: each.status_code)) == (401, "用户未登录")
        alive = [each for each in pair if await lab.is_signed_in(each.headers)]
        assert len(alive) == 1


async def test_a_ring_of_administrators_leaves_one(lab: Lab) -> None:
    people = [await lab.admin(), *[await lab.person(Authority.ADMIN) for _ in range(7)]]
    statuses: list[int] = []

    async def demote(number: int) -> None:
        who, whom = people[number], people[(number + 1) % len(people)]
        answer = await lab.http.put(f"/accounts/{whom.id}", json={"authority": 102}, headers=who.headers)
        statuses.append(answer.status_code)

    async with anyio.create_task_group() as tasks:
        for number in range(len(people)):
            tasks.start_soon(demote, number)
    assert set(statuses) <= {200, 401}
    assert await administrators(lab) == len(people) - statuses.count(200) >= 1


async def test_the_command_line_keeps_the_last_administrator(lab: Lab, changes: AccountChanges) -> None:
    """Six transactions each demote or delete another administrator: five succeed, and the last administrator stays."""
    ids = [ADMIN_ID, *[await lab.account(Authority.ADMIN) for _ in range(5)]]
    outcomes: Counter[str] = Counter()

    async def take(number: int) -> None:
        try:
            async with lab.database.writing() as session:
                if number % 2:
                    await changes.delete(session, ids[number], COMMAND_LINE_SOURCE, actor=COMMAND_LINE)
                else:
                    await changes.set_authority(
                        session, ids[number], Authority.DOCTOR, COMMAND_LINE_SOURCE, actor=COMMAND_LINE
                    )
        except LastAdministrator:
            outcomes["refused"] += 1
        else:
            outcomes["done"] += 1

    async with anyio.create_task_group() as tasks:
        for number in range(len(ids)):
            tasks.start_soon(take, number)
    assert outcomes == {"done": 5, "refused": 1}
    assert await administrators(lab) == 1


async def test_the_command_line_and_an_administrator_at_the_same_time(lab: Lab, changes: AccountChanges) -> None:
    admin = await lab.admin()
    for _ in range(5):
        other = await lab.account(Authority.ADMIN)

        async def demote_other(other: int = other, admin: Person = admin) -> None:
            answer = await lab.http.put(f"/accounts/{other}", json={"authority": 102}, headers=admin.headers)
            assert answer.status_code in {200, 401}

        async def demote_admin() -> None:
            try:
                async with lab.database.writing() as session:
                    await changes.set_authority(
                        session, ADMIN_ID, Authority.DOCTOR, COMMAND_LINE_SOURCE, actor=COMMAND_LINE
                    )
            except LastAdministrator:
                return

        await at_once(demote_other, demote_admin)
        assert await administrators(lab) == 1
        async with lab.database.writing() as session:
            await changes.set_authority(session, ADMIN_ID, Authority.ADMIN, COMMAND_LINE_SOURCE, actor=COMMAND_LINE)
            await session.execute(text("UPDATE accounts SET authority = 102 WHERE id <> 2 AND authority = 101"))
        admin = await lab.admin()


async def test_a_demoted_administrator_finishes_nothing(lab: Lab, changes: AccountChanges) -> None:
    """The caller loses the authority between the beginning of the request and its transaction."""
    caller, target = await lab.person(Authority.ADMIN), await lab.account(Authority.DOCTOR)
    answers: list[httpx.Response] = []

    async def delete() -> None:
        answers.append(await lab.http.delete(f"/accounts/{target}", headers=caller.headers))

    async with anyio.create_task_group() as tasks, lab.database.writing() as session:
        await changes.lock_authorities(session)
        tasks.start_soon(delete)
        await anyio.sleep(0.3)
        assert answers == []
        await changes.set_authority(session, caller.id, Authority.DOCTOR, COMMAND_LINE_SOURCE, actor=COMMAND_LINE)
    assert said(answers[0]) == (401, "用户未登录")
    admin = await lab.admin()
    assert (await lab.http.get(f"/accounts/{target}", headers=admin.headers)).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_new_password_refuses_requests_in_progress(lab: Lab, changes: AccountChanges, method: str) -> None:
    """A stolen session is used to change or delete the account while its owner changes the password."""
    person = await lab.person(Authority.DOCTOR)
    answers: list[httpx.Response] = []

    async def act() -> None:
        body = {"password": "the thief's"}
        path = f"/accounts/{person.id}"
        answers.append(await lab.http.request(method, path, json=body, headers=person.headers))

    password_hash = await hashed(lab, "the owner's")
    async with anyio.create_task_group() as tasks, lab.database.writing() as session:
        await changes.set_password(session, person.id, password_hash, COMMAND_LINE_SOURCE, actor=COMMAND_LINE)
        tasks.start_soon(act)
        await anyio.sleep(0.5)
        assert answers == []
    assert said(answers[0]) == (401, "用户未登录")
    assert (await lab.authorize(person.username, "the owner's")).status_code == 201


async def test_many_rename_themselves_to_one_name(lab: Lab) -> None:
    people = [await lab.person(Authority.DOCTOR) for _ in range(6)]
    statuses: list[int] = []

    async def rename(person: Person) -> None:
        answer = await lab.http.put(f"/accounts/{person.id}", json={"username": "Yelda"}, headers=person.headers)
        statuses.append(answer.status_code)

    async with anyio.create_task_group() as tasks:
        for person in people:
            tasks.start_soon(rename, person)
    assert Counter(statuses) == {200: 1, 409: 5}


async def test_many_register_one_name(lab: Lab) -> None:
    statuses: list[int] = []

    async def register() -> None:
        answer = await lab.http.post("/accounts", json={"username": "yelda", "password": "x"})
        statuses.append(answer.status_code)

    await at_once(*[register] * 8)
    assert Counter(statuses) == {201: 1, 409: 7}


async def test_signing_in_while_the_password_changes(lab: Lab) -> None:
    """Sessions that were opened with the old password have ended when the change is committed."""
    person = await lab.person(Authority.DOCTOR)
    admin = await lab.admin()
    sessions: list[dict[str, str]] = []

    async def sign_in() -> None:
        answer = await lab.authorize(person.username, PASSWORD)
        if answer.status_code == 201:
            sessions.append({"Authorization": f"Bearer {answer.json()['access_token']}"})
        else:
            assert said(answer) == (401, "密码错误")

    async def change() -> None:
        body = {"password": "another one"}
        answer = await lab.http.put(f"/accounts/{person.id}", json=body, headers=admin.headers)
        assert answer.status_code == 200

    await at_once(*[sign_in] * 4, change, *[sign_in] * 4)
    assert [await lab.is_signed_in(each) for each in sessions] == [False] * len(sessions)


async def test_signing_in_while_the_account_is_deleted(lab: Lab) -> None:
    person = await lab.person(Authority.DOCTOR)
    admin = await lab.admin()
    statuses: list[int] = []

    async def sign_in() -> None:
        statuses.append((await lab.authorize(person.username, PASSWORD)).status_code)

    async def delete() -> None:
        statuses.append((await lab.http.delete(f"/accounts/{person.id}", headers=admin.headers)).status_code)

    await at_once(*[sign_in] * 4, delete, *[sign_in] * 4)
    assert set(statuses) <= {201, 204, 401}
    async with lab.database.reading() as session:
        left = "SELECT count(*) FROM sessions WHERE account_id = :id AND revoked_at IS NULL"
        assert (await session.execute(text(left), {"id": person.id})).scalar_one() == 0


async def test_totals_stay_right_under_concurrent_changes(lab: Lab) -> None:
    admin = await lab.admin()
    ids = [await lab.account(Authority.NONE) for _ in range(12)]

    async def shuffle(account_id: int) -> None:
        path = f"/accounts/{account_id}"
        for authority in ("doctor", "guest", "expert", "none", "doctor"):
            answer = await lab.http.put(path, json={"authority": authority}, headers=admin.headers)
            assert answer.status_code == 200
        if account_id % 2:
            assert (await lab.http.delete(path, headers=admin.headers)).status_code == 204

    async with anyio.create_task_group() as tasks:
        for account_id in ids:
            tasks.start_soon(shuffle, account_id)
    for authority, expected in (("none", 0), ("admin", 1), ("doctor", 6), ("expert", 0), ("guest", 0)):
        body = (await lab.http.get(f"/accounts?authority={authority}", headers=admin.headers)).json()
        assert (authority, body["total"], len(body["data"])) == (authority, expected, expected)
    assert (await lab.http.get("/accounts", headers=admin.headers)).json()["total"] == 7


class WatchesThePool(Passwords):
    """Records how many connections are in use while a password is hashed or verified."""

    in_use: list[int]
    lab: Lab

    async def hash(self, password: str) -> str:
        self.in_use.append(self.lab.database.engine.pool.checkedout())  # type: ignore[attr-defined]
        return await super().hash(password)

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        self.in_use.append(self.lab.database.engine.pool.checkedout())  # type: ignore[attr-defined]
        return await super().verify(password, stored)


async def test_no_connection_is_held_while_hashing(lab: Lab) -> None:
    person = await lab.person(Authority.DOCTOR)
    passwords = await WatchesThePool.start()
    passwords.lab, passwords.in_use = lab, []
    set_passwords(lab.service, passwords)
    answer = await lab.http.post("/accounts", json={"username": "new", "password": "x"}, headers=person.headers)
    assert answer.status_code == 201
    answer = await lab.http.put(f"/accounts/{person.id}", json={"password": "other"}, headers=person.headers)
    assert answer.status_code == 200
    assert passwords.in_use == [0, 0, 0]
    passwords.close()


async def test_one_caller_hashes_two_passwords_at_a_time(lab: Lab) -> None:
    person = await lab.person(Authority.DOCTOR)
    statuses: list[int] = []

    async def change(number: int) -> None:
        body = {"password": f"wanted {number}"}
        answer = await lab.http.put(f"/accounts/{person.id}", json=body, headers=person.headers)
        statuses.append(answer.status_code)
        if answer.status_code == 429:
            assert answer.headers["retry-after"] == "1"

    await at_once(*(partial(change, number) for number in range(20)))
    # Two requests may hash at a time. The second one to commit fails, since the first has ended its session.
    assert statuses.count(200) == 1
    assert statuses.count(429) >= 15
    assert set(statuses) <= {200, 401, 429}


async def test_what_is_refused_costs_no_hash(make_settings: MakeSettings) -> None:
    settings = make_settings(self_registration=False)
    async with running(create_app(settings)) as app, client_of(app) as client:
        lab = Lab(app, client)
        person, other, admin = (
            await lab.person(Authority.DOCTOR),
            await lab.account(Authority.DOCTOR),
            await lab.admin(),
        )
        passwords = await WatchesThePool.start()
        passwords.lab, passwords.in_use = lab, []
        set_passwords(app, passwords)
        for method, path, body, headers in [
            ("PUT", f"/accounts/{other}", {"password": "x"}, person.headers),
            ("PUT", f"/accounts/{person.id}", {"password": "x", "authority": "admin"}, person.headers),
            ("PUT", f"/accounts/{MISSING_ID}", {"password": "x"}, admin.headers),
            ("POST", "/accounts", {"username": "new", "password": "x"}, person.headers),
            ("POST", "/accounts", {"username": "new", "password": "x"}, {}),
            ("POST", "/accounts", {"username": "admin", "password": "x"}, admin.headers),
        ]:
            answer = await client.request(method, path, json=body, headers=headers)
            assert answer.status_code in {401, 403, 404, 409}
        assert passwords.in_use == []
        passwords.close()


async def test_changes_by_the_command_line(lab: Lab, changes: AccountChanges) -> None:
    person = await lab.person(Authority.NONE)
    async with lab.database.writing() as session:
        account = await changes.set_authority(
            session, person.id, Authority.ADMIN, COMMAND_LINE_SOURCE, actor=COMMAND_LINE
        )
        assert account.authority == Authority.ADMIN
    password_hash = await hashed(lab, "reset")
    async with lab.database.writing() as session:
        await changes.set_password(session, person.id, password_hash, COMMAND_LINE_SOURCE, actor=COMMAND_LINE)
    assert not await lab.is_signed_in(person.headers)
    assert (await lab.authorize(person.username, "reset")).json()["authority"] == 101
    async with lab.database.writing() as session:
        await changes.delete(session, person.id, COMMAND_LINE_SOURCE, actor=COMMAND_LINE)
    assert said(await lab.authorize(person.username, "reset")) == (401, "用户不存在")
    entries = await audited(lab.database, "authority-changed", "password-changed", "account-deleted")
    assert [(action, account, address) for action, account, address, _ in entries] == [
        ("authority-changed", person.id, None),
        ("password-changed", person.id, None),
        ("account-deleted", person.id, None),
    ]


@pytest.mark.parametrize("account_id", [ANONYMOUS_ID, MISSING_ID, 0, -1, 2**63])
async def test_accounts_that_can_not_be_changed(lab: Lab, changes: AccountChanges, account_id: int) -> None:
    source, password_hash = COMMAND_LINE_SOURCE, await hashed(lab, "x")
    with pytest.raises(AccountNotFound):
        async with lab.database.writing() as session:
            await changes.set_authority(session, account_id, Authority.DOCTOR, source, actor=COMMAND_LINE)
    with pytest.raises(AccountNotFound):
        async with lab.database.writing() as session:
            await changes.set_password(session, account_id, password_hash, source, actor=COMMAND_LINE)
    with pytest.raises(AccountNotFound):
        async with lab.database.writing() as session:
            await changes.delete(session, account_id, source, actor=COMMAND_LINE)
