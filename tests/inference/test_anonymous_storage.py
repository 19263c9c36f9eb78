"""What visitors without an account may store: so much, and for some days."""

import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import anyio
import httpx
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.dialects import postgresql
from support import pictures
from support.asgi import WithState, client_of
from support.databases import FreshDatabase
from support.gateway import Key
from support.inference import account_headers, running_inference

from inference_service.blob_references import BLOB_REFERENCES
from inference_service.orm import ANONYMOUS, BLOBS
from inference_service.predictions.models import Prediction
from inference_service.renditions.models import Rendition
from inference_service.retention.repository import counted_anonymous
from inference_service.retention.service import AnonymousRetention, Expired
from inference_service.runtime.model_session import OnnxModelSession
from inference_service.state import Services
from inference_service.xrays.models import XRay
from lightbox_shared.anonymous_storage.repository import Stored
from lightbox_shared.anonymous_storage.service import ROW_BYTES
from lightbox_shared.database import Database
from lightbox_shared.storage.unused_blobs import UnusedBlobs

PNG = pictures.png(300, 200)
COUNTED = len(PNG) + ROW_BYTES
ANONYMOUSLY = "/api/chexray/anonupload"


class Visit(Protocol):
    """Starts the service with settings, on the database of the test; yields it and a client."""

    def __call__(
        self, *, chexray_model: str = "means", **settings: Any
    ) -> AbstractAsyncContextManager[tuple[WithState, httpx.AsyncClient]]: ...


@pytest.fixture
def visit(fresh_database: FreshDatabase, tmp_path: Path, key: Key) -> Visit:
    url = fresh_database("inference_service")
    numbers = itertools.count()

    @asynccontextmanager
    async def start(
        *, chexray_model: str = "means", **settings: Any
    ) -> AsyncIterator[tuple[WithState, httpx.AsyncClient]]:
        async with (
            running_inference(url, tmp_path / str(next(numbers)), key, chexray_model, **settings) as app,
            client_of(app) as client,
        ):
            yield app, client

    return start


def parts(app: WithState) -> Services:
    found: Services = app.state["services"]
    return found


async def upload(
    http: httpx.AsyncClient, data: bytes = PNG, address: str = "192.0.2.1", account: dict[str, str] | None = None
) -> httpx.Response:
    """Upload a picture, as an account if its header is given."""
    path = "/api/chexray/upload" if account else ANONYMOUSLY
    headers = {"X-Forwarded-For": address, **(account or {})}
    return await http.post(path, data={"title": "PA"}, files={"image": ("x", data)}, headers=headers)


async def predict(http: httpx.AsyncClient, address: str = "192.0.2.1") -> httpx.Response:
    return await http.post("/predict", files={"file": ("x", PNG)}, headers={"X-Forwarded-For": address})


async def rows(database: Database, table: Any) -> int:
    async with database.reading() as session:
        return int(await session.scalar(select(func.count()).select_from(table)) or 0)


async def total(app: WithState) -> Stored:
    async with parts(app).database.reading() as session:
        return await parts(app).anonymous.stored(session)


async def true_total(app: WithState) -> int:
    """The sum of what the rows say."""
    async with parts(app).database.reading() as session:
        sums = [await session.scalar(select(func.sum(kind.anonymous_bytes))) or 0 for kind in (XRay, Prediction)]
        return int(sum(sums))


async def make_older(database: Database, days: float) -> None:
    async with database.writing() as session:
        for table, column in (("xrays", "posted_at"), ("predictions", "created_at")):
            await session.execute(text(f"UPDATE {table} SET {column} = {column} - interval '{days} days'"))  # noqa: S608


async def expire(app: WithState, days: int = 7) -> Expired:
    services = parts(app)
    return await AnonymousRetention(services.database, services.anonymous, days=days, batch=2).delete()


async def sweep(app: WithState) -> int:
    services = parts(app)
    return (await UnusedBlobs(services.database, services.blobs, BLOB_REFERENCES).delete()).blobs


async def test_an_address_uploads_so_much_in_a_day(visit: Visit, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    async with visit(anonymous_pictures_per_day=2) as (app, http):
        assert [(await upload(http)).status_code, (await predict(http)).status_code] == [201, 200]
        monkeypatch.setattr(OnnxModelSession, "run", None)  # it must not run
        other = pictures.png(301, 200)
        refused = await upload(http, other)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 86_400
        assert refused.json() == {
            "detail": "Without an approved account at most 2 pictures and 209,715,200 bytes are stored for one address "
            "in a day (UTC)."
        }
        as_covid19 = await predict(http)
        assert (as_covid19.status_code, as_covid19.json()["ERROR"]) == (429, refused.json()["detail"])
        assert await rows(parts(app).database, BLOBS) == 1  # the second picture was not stored
        monkeypatch.undo()
        assert (await upload(http, other, "192.0.2.2")).status_code == 201
        for _ in range(3):  # accounts have no such limit
            assert (await upload(http, account=account_headers(key, 7))).status_code == 201
        assert await total(app) == Stored(3, COUNTED + ROW_BYTES + len(other) + ROW_BYTES)
        assert await true_total(app) == (await total(app)).bytes


async def test_all_visitors_store_so_much_together(visit: Visit, key: Key) -> None:
    async with visit(anonymous_total_bytes=2 * COUNTED) as (app, http):
        for number in range(2):
            assert (await upload(http, address=f"192.0.2.{number}")).status_code == 201
        refused = await upload(http, address="192.0.2.9")
        sentence = "There is no room for pictures without an approved account at the moment. Please try later."
        assert (refused.status_code, refused.json()) == (507, {"detail": sentence})
        as_covid19 = await predict(http)
        assert (as_covid19.status_code, as_covid19.json()) == (507, {"ERROR": sentence})
        assert (await upload(http, account=account_headers(key, 7))).status_code == 201
        await make_older(parts(app).database, 8)
        await expire(app)
        assert await total(app) == Stored(0, 0)
        assert (await upload(http, address="192.0.2.9")).status_code == 201


async def test_what_is_no_picture_counts_for_nothing(visit: Visit) -> None:
    async with visit(anonymous_pictures_per_day=1) as (app, http):
        for _ in range(3):
            assert (await upload(http, b"nothing of that kind")).status_code == 400
            assert (await http.post("/predict", files={"file": ("x", b"text")})).status_code == 400
        assert await total(app) == Stored(0, 0)
        assert (await upload(http)).status_code == 201


async def test_two_replicas_count_together_and_a_restart_forgets_nothing(visit: Visit) -> None:
    limits: dict[str, Any] = {"anonymous_pictures_per_day": 6}
    outcomes: Counter[int] = Counter()

    async def one(http: httpx.AsyncClient, number: int) -> None:
        answer = await (upload(http, pictures.png(64 + number)) if number % 2 else predict(http))
        outcomes[answer.status_code] += 1

    async with visit(**limits) as (app, http), visit(**limits) as (_, other):
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(one, (http, other)[number // 2 % 2], number)
        assert outcomes[429] == 14
        assert outcomes[200] + outcomes[201] == 6
        assert (await total(app)).bytes == await true_total(app)
        assert await rows(parts(app).database, ANONYMOUS.reservations) == 0
        assert await rows(parts(app).database, BLOBS) == outcomes[201]  # not even bytes of the others
    async with visit(**limits) as (_, http):
        assert (await predict(http)).status_code == 429


async def test_anonymous_pictures_expire(visit: Visit, key: Key) -> None:
    async with visit(chexray_model="maps") as (app, http):
        database = parts(app).database
        dicom = pictures.dicom()
        old = [(await upload(http, data)).json() for data in (PNG, dicom, PNG)]
        await predict(http)
        for body in old:
            for link in ("image", "heatmap_image"):
                assert (await http.get(body[link])).status_code == 200
        assert await rows(database, Rendition) == 3  # a PNG of the DICOM file, and two heatmaps
        assert await true_total(app) == (await total(app)).bytes
        right = await total(app)
        async with database.writing() as session:
            await session.execute(text("UPDATE anonymous_total SET pictures = 1, bytes = 0"))
        await parts(app).anonymous.correct(counted_anonymous())
        assert await total(app) == right
        mine = (await upload(http, dicom, account=account_headers(key, 7))).json()
        await make_older(database, 8)
        new = (await upload(http)).json()
        assert await expire(app, days=0) == Expired(0, 0)
        assert await expire(app, days=9) == Expired(0, 0)
        assert await expire(app) == Expired(3, 4)
        for body in old:
            for link in ("image", "heatmap_image"):
                gone = await http.get(body[link])
                assert (gone.status_code, gone.json()) == (404, {"detail": "Not found."})
        for body in (mine, new):
            assert (await http.get(body["image"])).status_code == 200
        assert await total(app) == Stored(1, await true_total(app))
        assert await sweep(app) == 0  # an account has the DICOM file, and another visitor the PNG
        await make_older(database, 8)
        assert await expire(app) == Expired(1, 1)
        assert await sweep(app) == 2  # the PNG, and its heatmap
        assert (await http.get(mine["image"])).status_code == 200
        assert await total(app) == Stored(0, 0)
        assert (await rows(database, XRay), await rows(database, Prediction)) == (1, 1)


async def test_predictions_that_somebody_refers_to_stay(visit: Visit) -> None:
    async with visit() as (app, http):
        database = parts(app).database
        await upload(http)
        await predict(http)
        async with database.writing() as session:
            await session.execute(text("UPDATE xrays SET account_id = 7"))
        await make_older(database, 8)
        assert await expire(app) == Expired(0, 1)
        assert await rows(database, Prediction) == 1


async def test_what_is_made_of_anonymous_pictures_is_kept_while_there_is_room(visit: Visit) -> None:
    dicom = pictures.dicom()
    async with visit(anonymous_total_bytes=len(dicom) + ROW_BYTES) as (app, http):
        body = (await upload(http, dicom)).json()
        for _ in range(2):
            shown = await http.get(body["image"])
            assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
        assert await rows(parts(app).database, Rendition) == 0
        assert await rows(parts(app).database, BLOBS) == 1
        assert (await total(app)).bytes == len(dicom) + ROW_BYTES


@pytest.mark.parametrize("path", [ANONYMOUSLY, "/api/predictions"])
async def test_a_picture_that_is_uploaded_is_not_deleted_as_unused(
    visit: Visit, key: Key, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """It is stored while the model runs, and nothing refers to it until that has ended."""
    async with visit() as (app, http):
        model = parts(app).predictor
        original = model.predict
        swept: list[int] = []

        async def slow(*arguments: Any) -> Any:
            result = await original(*arguments)
            swept.append(await sweep(app))
            return result

        monkeypatch.setattr(type(model), "predict", staticmethod(slow))
        field = "image" if path == ANONYMOUSLY else "file"
        fields = {"title": "PA"} if path == ANONYMOUSLY else {"model": "maps"}
        headers = account_headers(key, 7)
        answer = await http.post(path, data=fields, files={field: ("x", PNG)}, headers=headers)
        assert (answer.status_code, swept) == (201, [1])
        assert await sweep(app) == 0
        if path == ANONYMOUSLY:
            assert (await http.get(answer.json()["image"])).content == PNG
        else:
            heatmap = await http.get(f"/api/predictions/{answer.json()['id']}/heatmap", headers=headers)
            assert heatmap.status_code == 200


async def test_the_same_picture_comes_and_goes_at_once(visit: Visit) -> None:
    """Uploads and views of the same bytes, their end, and the removal of unused blobs side by side: no request fails,
    every X-ray that is there has its bytes, and the total is right."""
    async with visit(chexray_model="maps", anonymous_pictures_per_day=0) as (app, http):
        database = parts(app).database
        statuses: Counter[int] = Counter()

        async def come() -> None:
            for _ in range(5):
                answer = await upload(http, pictures.dicom())
                statuses[answer.status_code] += 1
                shown = [await http.get(answer.json()[link]) for link in ("image", "heatmap_image")]
                statuses.update(each.status_code for each in shown)

        async def go() -> None:
            while True:
                await make_older(database, 8)
                await expire(app)
                await sweep(app)

        async with anyio.create_task_group() as going:
            going.start_soon(go)
            async with anyio.create_task_group() as coming:
                for _ in range(4):
                    coming.start_soon(come)
            going.cancel_scope.cancel()
        assert set(statuses) <= {200, 201, 404}
        assert statuses[201] == 20
        last = (await upload(http, pictures.dicom())).json()
        assert (await http.get(last["image"])).status_code == 200
        assert await true_total(app) == (await total(app)).bytes


FILL = """
INSERT INTO blobs (sha256, size, data) VALUES ('a', 1, 'x');
INSERT INTO predictions (account_id, input_sha256, media_type, model_name, model_version, model_sha256,
                         preprocessing_version, thresholds, scores, anonymous_bytes)
SELECT account, 'a', 'image/png', 'm', 1, 'h', '1', '{}', '{}', CASE account WHEN 1 THEN 10 END
  FROM (SELECT CASE WHEN n % 1000 = 0 THEN 1 ELSE 7 END AS account FROM generate_series(1, 20000) AS n) AS made;
INSERT INTO xrays (account_id, picture_sha256, media_type, findings, prediction_id, anonymous_bytes)
SELECT account_id, 'a', 'image/png', '{}', id, anonymous_bytes FROM predictions;
UPDATE anonymous_total SET pictures = 40, bytes = 400;
ANALYZE predictions, xrays
"""


async def test_a_total_that_is_right_is_counted_beside_uploads(visit: Visit) -> None:
    """Without its lock, for which they would wait, and without reading the rows of accounts."""
    async with visit() as (app, _):
        database, anonymous = parts(app).database, parts(app).anonymous
        async with database.writing() as session:
            for statement in FILL.split(";"):
                await session.execute(text(statement))
        async with database.writing() as session:
            await session.execute(text("SELECT FROM anonymous_total FOR UPDATE"))
            with anyio.fail_after(10):
                await anonymous.correct(counted_anonymous())
        assert await total(app) == Stored(40, 400)
        dialect = postgresql.dialect()  # type: ignore[no-untyped-call] # the library has no types here
        counted = counted_anonymous().compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        async with database.reading() as session:
            plan = "\n".join((await session.scalars(text(f"EXPLAIN {counted}"))).all())
        assert "Seq Scan" not in plan
        assert "ix_xrays_anonymous_posted_at" in plan
        assert "ix_predictions_counted" in plan
