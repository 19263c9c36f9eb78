"""What accounts that nobody has approved may store: as much as visitors without one, since anybody may sign up."""

import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import anyio
import httpx
import pytest
from sqlalchemy import func, select
from support import pictures
from support.asgi import WithState, client_of
from support.databases import FreshDatabase
from support.gateway import Key
from support.inference import MODEL, WITH_MAPS, account_headers, running_inference, service_headers

from inference_service.orm import ANONYMOUS, BLOBS
from inference_service.predictions import quotas
from inference_service.predictions.models import Prediction
from inference_service.renditions.models import Rendition
from inference_service.retention.repository import counted_anonymous
from inference_service.retention.service import AnonymousRetention, Expired
from inference_service.runtime.model_session import OnnxModelSession
from inference_service.state import Services
from inference_service.xrays.models import XRay
from lightbox_shared.anonymous_storage.repository import Stored
from lightbox_shared.anonymous_storage.service import ROW_BYTES
from lightbox_shared.auth.principal import Authority

PNG = pictures.png(300, 200)
OTHER_DICOM = pictures.dicom(pictures.ramp(top=2000))
COUNTED = len(PNG) + ROW_BYTES
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
APPROVED = [Authority.ADMIN, Authority.DOCTOR, Authority.GUEST, Authority.EXPERT]


class Visit(Protocol):
    """Starts the service with settings, on the database of the test; yields it and a client."""

    def __call__(self, **settings: Any) -> AbstractAsyncContextManager[tuple[WithState, httpx.AsyncClient]]: ...


@pytest.fixture
def visit(fresh_database: FreshDatabase, tmp_path: Path, key: Key) -> Visit:
    url = fresh_database("inference_service")
    numbers = itertools.count()

    @asynccontextmanager
    async def start(**settings: Any) -> AsyncIterator[tuple[WithState, httpx.AsyncClient]]:
        folder = tmp_path / str(next(numbers))
        async with running_inference(url, folder, key, "maps", **settings) as app, client_of(app) as http:
            yield app, http
            await check_total(app)

    return start


def parts(app: WithState) -> Services:
    found: Services = app.state["services"]
    return found


async def total(app: WithState) -> Stored:
    async with parts(app).database.reading() as session:
        return await parts(app).anonymous.stored(session)


async def check_total(app: WithState) -> None:
    """The total is what the rows say, and nothing is reserved."""
    right = 0
    async with parts(app).database.reading() as session:
        for kind in (XRay, Prediction):
            right += int(await session.scalar(select(func.sum(kind.anonymous_bytes))) or 0)
        assert await session.scalar(select(func.count()).select_from(ANONYMOUS.reservations)) == 0
    before = await total(app)
    assert before.bytes == right
    await parts(app).anonymous.correct(counted_anonymous())
    assert await total(app) == before


async def count(app: WithState, table: Any) -> int:
    async with parts(app).database.reading() as session:
        return int(await session.scalar(select(func.count()).select_from(table)) or 0)


def waiting(key: Key, account_id: int = 7, **claims: Any) -> dict[str, str]:
    return account_headers(key, account_id, authority=int(Authority.NONE), **claims)


async def predict(
    http: httpx.AsyncClient, account: dict[str, str], data: bytes = PNG, address: str = HERE, model: str = WITH_MAPS
) -> httpx.Response:
    headers = {"X-Forwarded-For": address, **account}
    return await http.post("/api/predictions", data={"model": model}, files={"file": ("x", data)}, headers=headers)


async def upload(
    http: httpx.AsyncClient, account: dict[str, str] | None, data: bytes = PNG, address: str = HERE
) -> httpx.Response:
    path = "/api/chexray/anonupload" if account is None else "/api/chexray/upload"
    headers = {"X-Forwarded-For": address, **(account or {})}
    return await http.post(path, data={"title": "PA"}, files={"image": ("x", data)}, headers=headers)


async def test_visitors_and_their_accounts_store_so_much_from_one_address(
    visit: Visit, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another account, or another path, does not begin a new day."""
    async with visit(anonymous_pictures_per_day=3) as (app, http):
        for answer in (
            await upload(http, None),
            await upload(http, waiting(key)),
            await predict(http, waiting(key, 8)),
        ):
            assert answer.status_code == 201
        assert await total(app) == Stored(3, 3 * COUNTED)
        monkeypatch.setattr(OnnxModelSession, "run", None)  # it must not run
        other = pictures.png(301, 200)
        sentence = "Without an approved account at most 3 pictures and 209,715,200 bytes are stored for one address"
        for each in (waiting(key), waiting(key, 9), waiting(key, scope="predict")):
            refused = await predict(http, each, other)
            assert (refused.status_code, refused.json()["type"]) == (429, "/problems/anonymous-quota-reached")
            assert 0 < int(refused.headers["retry-after"]) <= 86_400
            of_chexray = await upload(http, each, other)
            assert (of_chexray.status_code, list(of_chexray.json())) == (429, ["detail"])
            assert of_chexray.json()["detail"].startswith(sentence)
        assert (await upload(http, None, other)).status_code == 429
        assert await count(app, BLOBS) == 1  # no byte of the others
        monkeypatch.undo()
        assert (await predict(http, waiting(key), other, ELSEWHERE)).status_code == 201
        for authority in APPROVED:
            approved = account_headers(key, 20, authority=int(authority))
            assert (await predict(http, approved)).status_code == 201
            assert (await upload(http, approved)).status_code == 201
        assert await total(app) == Stored(4, 3 * COUNTED + len(other) + ROW_BYTES)


async def test_all_of_them_store_so_much_together(visit: Visit, key: Key) -> None:
    async with visit(anonymous_total_bytes=2 * COUNTED) as (app, http):
        kept = (await predict(http, waiting(key))).json()
        assert (await upload(http, waiting(key, 8), address=ELSEWHERE)).status_code == 201
        refused = await predict(http, waiting(key), address="192.0.2.3")
        assert (refused.status_code, refused.json()["type"]) == (507, "/problems/anonymous-storage-full")
        assert (await upload(http, waiting(key, 9), address="192.0.2.4")).status_code == 507
        assert (await upload(http, None, address="192.0.2.5")).status_code == 507
        assert (await predict(http, account_headers(key, 20))).status_code == 201
        deleted = await http.delete(f"/api/predictions/{kept['id']}", headers=waiting(key))
        assert deleted.status_code == 204
        assert await total(app) == Stored(1, COUNTED)
        assert (await predict(http, waiting(key), address="192.0.2.3")).status_code == 201


async def test_requests_at_once_never_store_more(visit: Visit, key: Key) -> None:
    outcomes: Counter[int] = Counter()

    async def one(http: httpx.AsyncClient, number: int) -> None:
        data, account = pictures.png(64 + number), waiting(key, 7 + number)
        answer = await (upload(http, account, data) if number % 2 else predict(http, account, data, model=MODEL))
        outcomes[answer.status_code] += 1

    async with visit(anonymous_pictures_per_day=5) as (app, http):
        async with anyio.create_task_group() as tasks:
            for number in range(16):
                tasks.start_soon(one, http, number)
        assert outcomes == {201: 5, 429: 11}
        assert await count(app, BLOBS) == 5


async def test_what_fails_counts_for_nothing(visit: Visit, key: Key) -> None:
    async with visit(anonymous_pictures_per_day=1, anonymous_bytes_per_day=2 * COUNTED) as (app, http):
        for _ in range(3):
            assert (await predict(http, waiting(key), b"nothing of that kind")).status_code == 422
            assert (await predict(http, waiting(key), model="unknown")).status_code == 422
            assert (await upload(http, waiting(key), b"nothing of that kind")).status_code == 400
        too_large = await predict(http, waiting(key), bytes(3 * COUNTED))
        assert (too_large.status_code, too_large.json()["type"]) == (413, "/problems/larger-than-the-quota")
        assert await total(app) == Stored(0, 0)
        assert (await predict(http, waiting(key))).status_code == 201


async def test_its_history_does_not_expire(visit: Visit, key: Key) -> None:
    async with visit() as (app, http):
        await upload(http, waiting(key))
        await predict(http, waiting(key))
        await anyio.sleep(0.01)
        services = parts(app)
        retention = AnonymousRetention(services.database, services.anonymous, days=1)
        retention._age = type(retention._age)(microseconds=1)  # everything is older than that
        assert await retention.delete() == Expired(0, 0)
        listed = (await http.get("/api/predictions", headers=waiting(key))).json()["predictions"]
        assert len(listed) == 2
        assert await total(app) == Stored(2, 2 * COUNTED)


async def test_what_is_made_of_its_pictures_counts_and_is_kept_while_there_is_room(visit: Visit, key: Key) -> None:
    dicom = pictures.dicom()
    size = len(dicom) + ROW_BYTES
    async with visit(anonymous_total_bytes=size) as (app, http):
        body = (await predict(http, waiting(key), dicom)).json()
        for path in ("picture", "heatmap"):
            assert (await http.get(body[path], headers=waiting(key))).status_code == 200
        assert await count(app, Rendition) == 0
    async with visit() as (app, http):
        xray = (await upload(http, waiting(key, 8), OTHER_DICOM)).json()
        for path in (body["picture"], body["heatmap"], xray["image"], xray["heatmap_image"]):
            for _ in range(2):
                assert (await http.get(path, headers=waiting(key))).status_code == 200
        assert await count(app, Rendition) == 4
        assert (await total(app)).bytes > size + len(OTHER_DICOM) + ROW_BYTES
        await http.delete(f"/api/predictions/{body['id']}", headers=waiting(key))
        assert (await total(app)).pictures == 1


async def test_who_is_approved_counts_no_more(visit: Visit, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the next upload on; what visitors and other accounts have stored goes on counting."""
    monkeypatch.setattr(quotas, "APPROVED_AT_ONCE", 2)
    async with visit(anonymous_pictures_per_day=6) as (app, http):
        first = (await predict(http, waiting(key), pictures.dicom())).json()
        for _ in range(2):
            await upload(http, waiting(key))
        await predict(http, waiting(key, 8))
        await upload(http, None)
        assert (await total(app)).pictures == 5
        # Another service, which keeps its pictures itself, tells of an account and not of its approval.
        told = {"model": MODEL, "account_id": "7"}
        answer = await http.post(
            "/internal/predictions", data=told, files={"file": ("x", PNG)}, headers=service_headers(key)
        )
        assert (answer.status_code, (await total(app)).pictures) == (201, 5)
        assert (await predict(http, account_headers(key, 7))).status_code == 201
        assert (await total(app)).pictures == 3
        assert (await upload(http, account_headers(key, 7))).status_code == 201
        assert await total(app) == Stored(2, 2 * COUNTED)
        assert (await http.get(first["picture"], headers=account_headers(key, 7))).status_code == 200
        assert await count(app, Rendition) == 1
        assert await total(app) == Stored(2, 2 * COUNTED)


async def test_an_account_is_approved_while_it_uploads_and_deletes(visit: Visit, key: Key) -> None:
    """No request fails, and the total is right after that."""
    statuses: Counter[int] = Counter()

    async def come(http: httpx.AsyncClient, account: dict[str, str]) -> None:
        for _ in range(4):
            made = await predict(http, account)
            statuses[made.status_code] += 1
            shown = await http.get(made.json()["heatmap"], headers=account)
            gone = await http.delete(f"/api/predictions/{made.json()['id']}", headers=account)
            statuses.update((shown.status_code, gone.status_code))
            statuses[(await upload(http, account)).status_code] += 1

    async with visit(anonymous_pictures_per_day=0) as (_, http):
        async with anyio.create_task_group() as tasks:
            for each in (waiting(key), account_headers(key, 7), waiting(key), account_headers(key, 7)):
                tasks.start_soon(come, http, each)
        assert set(statuses) == {200, 201, 204}
