"""What senders without a credential may store in open collections, over HTTP and CoAP together."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol

import anyio
import httpx
import pytest
from aiocoap.numbers.codes import Code
from sqlalchemy import func, select, text
from support.asgi import WithState, client_of, running
from support.coap import JSON, OCTETS, PNG, coap_of, device, noise, problem
from support.collection import IMAGES, MakeCoreSettings, document, trusting
from support.collection_audit import KeptAudit, with_audit
from support.gateway import Key
from support.rows import row

from core_collection_service.app import create_app
from core_collection_service.author import Author
from core_collection_service.devices.models import Device
from core_collection_service.orm import ANONYMOUS
from core_collection_service.pictures.models import NewPicture, Picture
from core_collection_service.pictures.submit import repository
from core_collection_service.pictures.submit.writer import PictureWriter
from core_collection_service.retention.anonymous import AnonymousRetention, ExpiredPictures
from core_collection_service.retention.repository import EVERY_DEVICE, Rule, counted_anonymous, put_rule
from core_collection_service.state import Services
from lightbox_shared.anonymous_storage import repository as anonymous_storage
from lightbox_shared.anonymous_storage.repository import Stored
from lightbox_shared.anonymous_storage.service import ROW_BYTES, AnonymousLimits, AnonymousStorage, Reservation
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database
from lightbox_shared.errors import Unavailable

DATA = noise(16)
COUNTED = len(DATA) + ROW_BYTES
DAY = 86_400


class Serve(Protocol):
    """Starts the service with settings, on the database of the test; yields it and a client."""

    def __call__(self, **settings: Any) -> AbstractAsyncContextManager[tuple[WithState, httpx.AsyncClient]]: ...


@pytest.fixture
def serve(make_core_settings: MakeCoreSettings) -> Serve:
    @asynccontextmanager
    async def start(**settings: Any) -> AsyncIterator[tuple[WithState, httpx.AsyncClient]]:
        async with running(create_app(make_core_settings(**settings))) as app, client_of(app) as client:
            yield app, client

    return start


def at(second: int) -> str:
    return f"2024-08-18T02:04:{second:02}Z"


def from_address(address: str) -> dict[str, str]:
    """The header by which the gateway names a client's address."""
    return {"X-Forwarded-For": address}


async def send(
    http: httpx.AsyncClient, second: int, data: bytes = DATA, headers: dict[str, str] | None = None
) -> httpx.Response:
    """Send the picture of a second."""
    return await http.post(IMAGES, json=document(data, timestamp=at(second)), headers=headers)


async def total(database: Database) -> Stored:
    async with database.reading() as session:
        return await anonymous_storage.stored(session, ANONYMOUS)


async def true_total(database: Database) -> Stored:
    """What the rows say."""
    size: Any = func.coalesce(func.sum(Picture.anonymous_bytes), 0)
    sums = select(func.count(Picture.anonymous_bytes), size)
    async with database.reading() as session:
        count, counted = (await session.execute(sums)).one()
        assert await session.scalar(select(func.count()).select_from(ANONYMOUS.reservations)) == 0
    return Stored(count, int(counted))


async def test_an_address_sends_so_much_in_a_day(serve: Serve) -> None:
    async with serve(anonymous_pictures_per_day=2) as (app, http):
        database: Database = app.state["database"]
        assert [(await send(http, second)).status_code for second in (1, 2)] == [201, 201]
        refused = await send(http, 3)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= DAY
        body = refused.json()
        assert (body["type"], body["status"]) == ("/problems/anonymous-quota-reached", 429)
        assert body["detail"].startswith("Without an approved account at most 2 pictures and ")
        assert (await http.get(IMAGES, params={"deviceId": "12345", "timestamp": at(3)})).status_code == 404
        # A device that did not get its answer sends again, and another picture is still refused as that.
        assert (await send(http, 1)).status_code == 200
        assert (await send(http, 1, noise(17))).status_code == 409
        assert (await send(http, 3, headers=from_address("192.0.2.9"))).status_code == 201
        assert await total(database) == await true_total(database) == Stored(3, 3 * COUNTED)


async def test_sending_again_takes_no_room(serve: Serve) -> None:
    async with serve(anonymous_pictures_per_day=3) as (app, http):
        assert [(await send(http, 1)).status_code for _ in range(6)] == [201, 200, 200, 200, 200, 200]
        assert (await send(http, 1, noise(17))).status_code == 409
        assert await total(app.state["database"]) == Stored(1, COUNTED)
        assert [(await send(http, second)).status_code for second in (2, 3, 4)] == [201, 201, 429]


async def test_an_account_that_waits_for_approval_is_a_stranger(serve: Serve) -> None:
    """Anybody may sign up, so a token of such an account must be worth no more than none. Its pictures expire too."""
    key = Key()
    async with serve(anonymous_pictures_per_day=2) as (app, _), client_of(trusting(app, key)) as http:
        database: Database = app.state["database"]
        tokens = [key.token(sub=f"account:{each}", authority=int(Authority.NONE)) for each in (7, 8)]
        tokens.append(key.token(authority=int(Authority.NONE), scope="collect", device_id="12345"))
        waiting = [{"Authorization": f"Bearer {token}"} for token in tokens]
        assert (await send(http, 1, headers=waiting[0])).status_code == 201
        assert (await send(http, 2)).status_code == 201
        for second, headers in enumerate(waiting, start=3):
            assert (await send(http, second, headers=headers)).status_code == 429
        other = {**waiting[0], **from_address("192.0.2.9")}
        assert (await send(http, 3, headers=other)).status_code == 201
        guest = {"Authorization": f"Bearer {key.token(authority=int(Authority.GUEST))}"}
        assert (await send(http, 4, headers=guest)).status_code == 201
        assert await total(database) == await true_total(database) == Stored(3, 3 * COUNTED)


async def test_a_credential_has_no_such_limit(serve: Serve) -> None:
    key = Key()
    async with serve(anonymous_pictures_per_day=1) as (app, _), client_of(trusting(app, key)) as http:
        token = key.token(scope="collect", device_id="12345")
        for second in range(3):
            assert (await send(http, second, headers={"Authorization": f"Bearer {token}"})).status_code == 201
        assert await total(app.state["database"]) == Stored(0, 0)


async def test_all_together_store_so_much_and_deleting_makes_room(serve: Serve) -> None:
    async with serve(anonymous_total_bytes=2 * COUNTED) as (app, http):
        for second in (1, 2):
            assert (await send(http, second, headers=from_address(f"192.0.2.{second}"))).status_code == 201
        full = await send(http, 3, headers={"Accept": "application/cbor"})
        assert (full.status_code, full.headers["content-type"]) == (507, "application/concise-problem-details+cbor")
        async with coap_of(app.state["services"]) as port, device(port) as camera:
            answer = await camera.post(DATA, OCTETS, "deviceId=12345", f"timestamp={at(3)}")
            assert answer.code is Code.SERVICE_UNAVAILABLE  # CoAP has no 5.07
            assert problem(answer)[-2].startswith("There is no room for pictures without an approved account")
        services: Services = with_audit(app, KeptAudit()).state["services"]
        await services.deletions.delete_by_id("images", 1, Author(7, "127.0.0.1"))
        assert await total(app.state["database"]) == Stored(1, COUNTED)
        assert (await send(http, 3)).status_code == 201


async def test_coap_and_http_count_together(serve: Serve) -> None:
    async with serve(anonymous_pictures_per_day=3) as (app, http), coap_of(app.state["services"]) as port:
        assert (await send(http, 1, headers=from_address("127.0.0.1"))).status_code == 201
        async with device(port, "127.0.0.1") as camera, device(port, "127.0.0.1") as other:
            query = "deviceId=camera"
            assert (await camera.post(DATA, PNG, query, f"timestamp={at(1)}")).code is Code.CREATED
            sent = await other.ask(
                Code.POST,
                IMAGES,
                payload=httpx.Request("POST", "http://x", json=document(DATA)).content,
                content_format=JSON,
            )
            assert sent.code is Code.CREATED
            refused = await camera.post(noise(60), PNG, query, f"timestamp={at(2)}")  # in blocks
            assert refused.code is Code.TOO_MANY_REQUESTS  # RFC 8516
            assert 0 < refused.opt.max_age <= DAY
            assert "3 pictures" in problem(refused)[-2]
            assert (await camera.post(DATA, PNG, query, f"timestamp={at(1)}")).code is Code.CHANGED
        assert (await send(http, 9, headers=from_address("127.0.0.1"))).status_code == 429


async def test_parallel_uploads_do_not_exceed_the_quota(serve: Serve) -> None:
    """On two replicas, with the same pictures sent again at the same time, in batches that several requests share."""
    outcomes: Counter[int] = Counter()

    async def one(http: httpx.AsyncClient, second: int) -> None:
        outcomes[(await send(http, second)).status_code] += 1

    limits: dict[str, Any] = {"anonymous_pictures_per_day": 9}
    async with serve(**limits) as (app, http), serve(**limits) as (_, other):
        async with anyio.create_task_group() as tasks:
            for number in range(80):
                tasks.start_soon(one, (http, other)[number % 2], number // 4)
        assert outcomes[201] <= 9
        assert set(outcomes) <= {200, 201, 429}
        database: Database = app.state["database"]
        assert await total(database) == await true_total(database) == Stored(outcomes[201], outcomes[201] * COUNTED)
        for second in range(30, 50):  # what was reserved for pictures that came twice was given back
            await one(http, second)
        assert (await total(database)).pictures == outcomes[201] == 9


async def test_of_two_in_one_batch_the_room_of_the_one_that_is_added_is_settled(core: WithState) -> None:
    database: Database = core.state["database"]
    anonymous = AnonymousStorage(database, ANONYMOUS, AnonymousLimits())
    async with anonymous.reserved("192.0.2.1", 10) as first, anonymous.reserved("192.0.2.1", 20) as second:
        rows = [
            replace(row(), sha256=bytes([number]) * 32, anonymous_bytes=room.bytes, reservation_id=room.id)
            for number, room in enumerate((first, second))
        ]
        async with database.autocommit() as connection:
            (added,) = await repository.add(connection, rows)
        assert added.sha256 == rows[0].sha256
        async with database.reading() as session:
            assert (await session.scalars(select(ANONYMOUS.reservations.c.id))).all() == [second.id]
        await anonymous.release(second)
    assert await total(database) == await true_total(database) == Stored(1, first.bytes)


async def a_row(database: Database, address: str, size: int) -> tuple[AnonymousStorage, Reservation, NewPicture]:
    """A picture for which room has been reserved, by a process that may end at any moment."""
    anonymous = AnonymousStorage(database, ANONYMOUS, AnonymousLimits())
    room = await anonymous._reserve(address, size + ROW_BYTES)
    return anonymous, room, replace(row(), anonymous_bytes=room.bytes, reservation_id=room.id)


async def test_a_picture_whose_room_was_given_back_is_not_added(core: WithState) -> None:
    """Its client has gone, or the service has been stopped, between the reservation and the batch."""
    database: Database = core.state["database"]
    anonymous, room, new = await a_row(database, "192.0.2.1", 10)
    _, other_room, other = await a_row(database, "192.0.2.2", 20)
    known = replace(row(), device_id="known", anonymous_bytes=None, reservation_id=None)
    await anonymous.release(room)
    async with database.autocommit() as connection:
        # `other` has the same key, and takes the place.
        added = await repository.add(connection, [new, replace(other, sha256=b"o" * 32), known])
    assert {each.sha256 for each in added} == {b"o" * 32, known.sha256}
    assert await total(database) == await true_total(database) == Stored(1, other_room.bytes)
    with pytest.raises(Unavailable, match="took too long"):
        async with PictureWriter(database).running() as writer:
            await writer.write(replace(new, device_id="another"))


async def test_a_batch_waits_for_a_release_and_a_release_for_a_batch(core: WithState) -> None:
    database: Database = core.state["database"]
    anonymous, room, new = await a_row(database, "192.0.2.1", 10)
    async with anyio.create_task_group() as tasks, database.writing() as session:
        await anonymous_storage.release(session, reservation_id=room.id)
        added: list[object] = []

        async def add() -> None:
            async with database.autocommit() as connection:
                added.append(await repository.add(connection, [new]))

        tasks.start_soon(add)
        await anyio.sleep(0.3)
        assert added == []
    assert added == [[]]
    assert await total(database) == await true_total(database) == Stored(0, 0)
    anonymous, room, new = await a_row(database, "192.0.2.1", 10)
    async with anyio.create_task_group() as tasks, database.engine.begin() as connection:
        assert len(await repository.add(connection, [new])) == 1
        tasks.start_soon(anonymous.release, room)
        await anyio.sleep(0.3)
    assert await total(database) == await true_total(database) == Stored(1, room.bytes)


async def test_a_batch_whose_process_dies_before_the_commit_counts_for_nothing(core: WithState) -> None:
    database: Database = core.state["database"]
    anonymous, room, new = await a_row(database, "192.0.2.1", 10)
    async with database.engine.connect() as connection:
        own_id = await connection.scalar(text("SELECT pg_backend_pid()"))
        assert len(await repository.add(connection, [new])) == 1
        async with database.autocommit() as other:
            await other.execute(text(f"SELECT pg_terminate_backend({own_id}, 5000)"))
        await connection.invalidate()
    assert await total(database) == Stored(1, room.bytes)  # until it is released
    await anonymous.release(room)
    assert await total(database) == await true_total(database) == Stored(0, 0)


async def test_a_total_that_is_wrong_is_corrected(serve: Serve) -> None:
    async with serve() as (app, http):
        database: Database = app.state["database"]
        for second in range(3):
            assert (await send(http, second)).status_code == 201
        anonymous, room, _ = await a_row(database, "192.0.2.1", 10)
        async with database.writing() as session:
            await session.execute(text("UPDATE anonymous_total SET pictures = 1, bytes = -5"))
        await anonymous.correct(counted_anonymous())
        assert await total(database) == Stored(4, 3 * COUNTED + room.bytes)
        await anonymous.release(room)
        assert await total(database) == await true_total(database) == Stored(3, 3 * COUNTED)


async def test_a_total_that_is_right_stays_right_while_it_is_corrected(serve: Serve) -> None:
    async with serve() as (app, http):
        database: Database = app.state["database"]
        anonymous = AnonymousStorage(database, ANONYMOUS, AnonymousLimits())

        async def correct() -> None:
            for _ in range(20):
                await anonymous.correct(counted_anonymous())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(correct)
            for second in range(40):
                tasks.start_soon(send, http, second % 30)
        assert await total(database) == await true_total(database) == Stored(30, 30 * COUNTED)


async def test_a_total_that_is_right_is_looked_at_without_its_lock(serve: Serve) -> None:
    async with serve() as (app, http):
        database: Database = app.state["database"]
        assert (await send(http, 1)).status_code == 201
        anonymous, room, _ = await a_row(database, "192.0.2.1", 10)
        async with database.writing() as session:
            # As an upload that is being counted.
            await session.execute(text("SELECT id FROM anonymous_total FOR UPDATE"))
            with anyio.fail_after(5):
                await anonymous.correct(counted_anonymous())
        assert await total(database) == Stored(2, COUNTED + room.bytes)


async def older(database: Database, days: float) -> None:
    async with database.writing() as session:
        for table, column in (("pictures", "received_at"), ("devices", "first_seen_at")):
            await session.execute(text(f"UPDATE {table} SET {column} = {column} - interval '{days} days'"))  # noqa: S608


async def expire(database: Database, days: int = 7) -> ExpiredPictures:
    return await AnonymousRetention(database, None, days=days, batch=2).delete()


async def devices(database: Database) -> dict[str, int]:
    async with database.reading() as session:
        found = await session.execute(select(Device.device_id, Device.pictures))
        return {device_id: count for device_id, count in found}  # noqa: C416 - rows are no pairs for mypy


async def test_anonymous_pictures_expire_where_no_rule_says_otherwise(serve: Serve) -> None:
    key = Key()
    async with serve() as (app, _), client_of(trusting(app, key)) as http:
        database: Database = app.state["database"]

        async def keep(device_id: str, seconds: Sequence[int], **headers: str) -> None:
            for second in seconds:
                sent = await http.post(IMAGES, json=document(DATA, device_id, at(second)), headers=headers)
                assert sent.status_code == 201

        own = {"Authorization": f"Bearer {key.token(scope='collect')}"}
        await keep("open", range(5))
        await keep("ruled", range(3))
        await keep("both", range(2))
        await keep("both", range(2, 4), **own)
        await keep("known", range(2), **own)
        async with database.writing() as session:
            await put_rule(session, Rule("images", "ruled", None, 10**9))
        await older(database, 8)
        await keep("open", [50])
        assert await expire(database, days=0) == await expire(database, days=9) == ExpiredPictures(0, 0, 0)
        assert await expire(database) == ExpiredPictures(2, 7, 7 * len(DATA))
        assert await devices(database) == {"open": 1, "ruled": 3, "both": 2, "known": 2}
        assert await total(database) == await true_total(database) == Stored(4, 4 * COUNTED)
        await older(database, 8)
        async with database.writing() as session:
            await put_rule(session, Rule("images", EVERY_DEVICE, 365 * DAY, None))
        assert await expire(database) == ExpiredPictures(0, 0, 0)
        assert await devices(database) == {"open": 1, "ruled": 3, "both": 2, "known": 2}
