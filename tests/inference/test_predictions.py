"""`/api/predictions`: titles, the pictures that are kept, and the search among the predictions of an account."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import event, func, select, text, update
from sqlalchemy.dialects import postgresql
from support import pictures
from support.asgi import WithState
from support.gateway import Key
from support.inference import MODEL, WITH_MAPS, account_headers, service_headers

from inference_service.blob_references import BLOB_REFERENCES
from inference_service.predictions import repository
from inference_service.predictions.models import Prediction, PredictionLabel
from inference_service.predictions.repository import PredictionFilter
from inference_service.retention.service import AnonymousRetention
from lightbox_shared.database import Database
from lightbox_shared.responses.pagination import PageRequest
from lightbox_shared.storage.blobs import sha256
from lightbox_shared.storage.unused_blobs import UnusedBlobs

LONGEST = "\u202e片" + "x" * 253
PLAIN_MODEL = f"{WITH_MAPS}/1"


@pytest.fixture
async def http(client: httpx.AsyncClient, key: Key) -> httpx.AsyncClient:
    client.headers.update(account_headers(key, 7))
    return client


@pytest.fixture
def database(service: WithState) -> Database:
    found: Database = service.state["database"]
    return found


async def predict(http: httpx.AsyncClient, title: str | None = None, model: str = MODEL, data: bytes = b"") -> Any:
    fields = {"model": model} if title is None else {"model": model, "title": title}
    answer = await http.post("/api/predictions", data=fields, files={"file": ("x", data or pictures.png())})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def upload(http: httpx.AsyncClient, title: str, path: str = "upload") -> Any:
    answer = await http.post(f"/api/chexray/{path}", data={"title": title}, files={"image": ("x", pictures.png())})
    assert answer.status_code == 201
    return answer.json()


async def titles(http: httpx.AsyncClient, **query: Any) -> list[str]:
    """The titles on all pages of a list, in their order."""
    found: list[str] = []
    while True:
        answer = await http.get("/api/predictions", params=query)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        found += [each["title"] for each in body["predictions"]]
        if body["next_cursor"] is None:
            return found
        query["cursor"] = body["next_cursor"]


async def test_a_prediction_has_its_title_and_says_where_its_pictures_are(http: httpx.AsyncClient) -> None:
    for title in (None, "", LONGEST, "<b>x</b>"):
        made = await predict(http, title, WITH_MAPS)
        assert made["title"] == (title or "")
        path = f"/api/predictions/{made['id']}"
        assert (made["picture"], made["heatmap"]) == (f"{path}/picture", f"{path}/heatmap")
        assert (await http.get(path)).json() == made
        assert (await http.get("/api/predictions")).json()["predictions"][0] == made
        assert (await http.get(made["heatmap"])).status_code == 200
    assert (await predict(http))["heatmap"] is None


@pytest.mark.parametrize("title", ["x" * 256, "bell\x07", "nul\0", "line\nend", "\x85"])
async def test_a_title_that_can_not_be(http: httpx.AsyncClient, title: str) -> None:
    answer = await http.post(
        "/api/predictions", data={"model": MODEL, "title": title}, files={"file": ("x", pictures.png())}
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "title")
    answer = await http.get("/api/predictions", params={"title": title})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "title")
    assert await titles(http) == []


@pytest.mark.parametrize(
    ("files", "sentence"), [(None, "No picture was sent."), (b"", "The file that was sent is empty.")]
)
async def test_a_file_that_is_not_there(http: httpx.AsyncClient, files: bytes | None, sentence: str) -> None:
    sent = {"other": ("x", b"x")} if files is None else {"file": ("x", files)}
    answer = await http.post("/api/predictions", data={"model": MODEL}, files=sent)
    assert (answer.status_code, answer.json()["errors"][0]["detail"]) == (422, sentence)


@pytest.mark.parametrize("model", [MODEL, PLAIN_MODEL])
async def test_the_picture_is_kept_as_it_was_sent(
    http: httpx.AsyncClient, service: WithState, database: Database, model: str
) -> None:
    data = pictures.png() + b"\n"
    await predict(http, "x", model, data)
    services = service.state["services"]
    assert (await UnusedBlobs(database, services.blobs, BLOB_REFERENCES).delete()).blobs == 0
    async with database.reading() as session:
        digest = await session.scalar(select(Prediction.picture_sha256))
        assert digest == sha256(data)
        assert await services.blobs.get(session, digest) == data


async def test_what_another_service_asks_for_has_neither(http: httpx.AsyncClient, key: Key) -> None:
    fields = {"model": WITH_MAPS, "account_id": "7", "title": "not a field"}
    files = {"file": ("x.png", pictures.png())}
    made = await http.post("/internal/predictions", data=fields, files=files, headers=service_headers(key))
    assert [made.json()[each] for each in ("title", "picture", "heatmap")] == ["", None, None]


async def test_a_model_that_is_gone_makes_no_heatmap(http: httpx.AsyncClient, database: Database) -> None:
    made = await predict(http, "x", WITH_MAPS)
    async with database.writing() as session:
        await session.execute(update(Prediction).values(model_sha256=bytes(32)))
    shown = (await http.get(f"/api/predictions/{made['id']}")).json()
    assert (shown["heatmap"], shown["picture"]) == (None, made["picture"])


async def test_xrays_are_in_the_list_with_their_titles(http: httpx.AsyncClient, key: Key) -> None:
    xray = await upload(http, "chest PA")
    await predict(http, "knee")
    assert await titles(http) == ["knee", "chest PA"]
    (found,) = (await http.get("/api/predictions", params={"title": "chest"})).json()["predictions"]
    assert found["picture"] == f"/api/predictions/{found['id']}/picture"
    assert (await http.post("/api/chexray/xray", json={"xray_id": xray["id"]})).json()["title"] == "chest PA"
    assert await titles(http, title="") == ["knee", "chest PA"]
    http.headers.update(account_headers(key, 8))
    assert await titles(http) == []


FOUND = ["50% off", "a_b", "axb", "ÉTÉ", "ﬁbula", "C:\\x", "胸部", "ΣΑΣ", "<img>", LONGEST]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("%", ["50% off"]),
        ("_", ["a_b"]),
        ("A_B", ["a_b"]),
        ("été", ["ÉTÉ"]),
        ("FIB", ["ﬁbula"]),
        ("\\", ["C:\\x"]),
        ("\\x", ["C:\\x"]),
        ("胸", ["胸部"]),
        ("5０％", ["50% off"]),
        ("<IMG", ["<img>"]),
        (LONGEST.upper(), [LONGEST]),
        ("%%", []),
        ("'; --", []),
    ],
)
async def test_a_part_of_the_title_is_searched(http: httpx.AsyncClient, part: str, expected: list[str]) -> None:
    for title in FOUND:
        await predict(http, title)
    assert await titles(http, title=part) == expected


async def test_pages_of_what_is_found(http: httpx.AsyncClient) -> None:
    for number in range(7):
        await predict(http, f"chest {number}", MODEL if number % 2 else WITH_MAPS)
        await predict(http, f"knee {number}")
    assert await titles(http, title="CHEST", limit=2) == [f"chest {number}" for number in range(6, -1, -1)]
    assert await titles(http, title="chest", model="maps", limit=2) == ["chest 6", "chest 4", "chest 2", "chest 0"]
    assert await titles(http, model="maps/1", limit=3) == ["chest 6", "chest 4", "chest 2", "chest 0"]
    assert await titles(http, model="maps/2") == []
    assert await titles(http, model="gone") == []


@pytest.mark.parametrize(
    "model", ["", "/", "maps/", "/1", "maps/x", "maps/1/2", f"maps/{2**63}", "maps/¹", "a\0b", "maps/1\0"]
)
async def test_a_model_that_can_not_be_searched(http: httpx.AsyncClient, model: str) -> None:
    answer = await http.get("/api/predictions", params={"model": model})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "model")


@pytest.mark.parametrize("has_label", [True, False])
async def test_the_title_of_an_anonymous_xray_goes_with_it(
    http: httpx.AsyncClient, service: WithState, database: Database, has_label: bool
) -> None:
    """And so does the picture, also where a label keeps the prediction."""
    await upload(http, "a name", "anonupload")
    await upload(http, "of an account")
    services = service.state["services"]
    async with database.writing() as session:
        for table, column in (("xrays", "posted_at"), ("predictions", "created_at")):
            await session.execute(text(f"UPDATE {table} SET {column} = {column} - interval '8 days'"))  # noqa: S608
        if has_label:
            first = await session.scalar(select(func.min(Prediction.id)))
            label = {"fields": {}, "scheme": "x/1", "source": "x", "source_id": 1, "labelled_at": func.now()}
            session.add(PredictionLabel(prediction_id=first, **label))
    await AnonymousRetention(database, services.anonymous, days=7).delete()
    async with database.reading() as session:
        rows = await session.execute(select(Prediction.title, Prediction.picture_sha256).order_by(Prediction.id))
        kept = [(row.title, row.picture_sha256) for row in rows]
    account = ("of an account", sha256(pictures.png()))
    assert kept == ([("", None), account] if has_label else [account])


BY_ACCOUNT = {"ix_predictions_account_id_id", "ix_predictions_account_id_model_name_id"}
FILL = """
INSERT INTO predictions (account_id, title, folded_title, input_sha256, media_type, model_name, model_version,
                         model_sha256, preprocessing_version, thresholds, scores)
SELECT CASE WHEN n % 1000 = 0 THEN 7 ELSE 100 + n % 50 END, 'chest ' || n, 'chest ' || n, 'a', 'image/png',
       'maps', 1, 'h', '3', '{}', '{}' FROM generate_series(1, 20000) AS n
"""


@pytest.mark.parametrize("wanted", [PredictionFilter("chest"), PredictionFilter("chest", "maps", 1)])
async def test_the_predictions_of_others_are_not_read(database: Database, wanted: PredictionFilter) -> None:
    """Of 20,000 predictions, 20 are the account's: an index that begins with the account finds them."""
    async with database.writing() as session:
        await session.execute(text(FILL))
        await session.execute(text("ANALYZE predictions"))
    statements: list[Any] = []
    async with database.reading() as session:
        event.listen(session.sync_session, "do_orm_execute", lambda state: statements.append(state.statement))
        assert len(await repository.page_of_account(session, 7, PageRequest(50, None), wanted)) == 20
        dialect = postgresql.dialect()  # type: ignore[no-untyped-call] # the library has no types here
        compiled = statements[0].compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        driver = (await (await session.connection()).get_raw_connection()).driver_connection
        assert driver is not None
        plan = (await driver.fetchval(f"EXPLAIN (FORMAT JSON, ANALYZE, TIMING OFF) {compiled}"))[0]["Plan"]
    scans = list(_scans(plan))
    assert {each["Index Name"] for each in scans if "Index Name" in each} <= BY_ACCOUNT
    assert sum(each["Actual Rows"] + each.get("Rows Removed by Filter", 0) for each in scans) <= 2 * 20


def _scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Scan" in node["Node Type"]:
        yield node
    for each in node.get("Plans", []):
        yield from _scans(each)
