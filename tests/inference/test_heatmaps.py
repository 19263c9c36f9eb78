"""Links to pictures and heatmaps in CheXRay, and heatmaps of predictions."""

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import imagecodecs
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select, update
from support import pictures
from support.asgi import BASE_URL, WithState, client_of
from support.databases import FreshDatabase
from support.gateway import Key
from support.inference import MODEL, WITH_MAPS, account_headers, running_inference, service_headers

from inference_service.predictions.models import Prediction
from inference_service.predictions.service import Predictor
from inference_service.renditions.models import Rendition
from inference_service.renditions.service import LoadPicture
from lightbox_shared.database import Database

FINDINGS = ("atelectasis", "cardiomegaly", "consolidation", "edema", "pleural_effusion")
LABELS = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion")


@pytest.fixture
async def service(fresh_database: FreshDatabase, tmp_path: Path, key: Key) -> AsyncIterator[WithState]:
    """CheXRay is answered by a model with maps here."""
    database = fresh_database("inference_service")
    async with running_inference(database, tmp_path, key, chexray_model=WITH_MAPS) as app:
        yield app


@pytest.fixture
async def http(client: httpx.AsyncClient, key: Key) -> httpx.AsyncClient:
    client.headers.update(account_headers(key, 7))
    return client


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The labels for which heatmaps are really made, in order."""
    made: list[str] = []
    original = Predictor.heatmap

    async def counted(self: Predictor, load: LoadPicture, model: Any, legend: Any) -> bytes:
        made.append(legend.label)
        return await original(self, load, model, legend)

    monkeypatch.setattr(Predictor, "heatmap", counted)
    return made


def spot(width: int, height: int, x: float, y: float) -> Image.Image:
    """A dark picture with a bright square of a fifth of the shorter edge around a place (0 to 1)."""
    values = np.full((height, width), 10, dtype=np.uint8)
    reach = min(width, height) // 10
    at_x, at_y = int(x * width), int(y * height)
    values[max(at_y - reach, 0) : at_y + reach, max(at_x - reach, 0) : at_x + reach] = 250
    return Image.fromarray(values)


async def upload(http: httpx.AsyncClient, data: bytes, path: str = "upload") -> dict[str, Any]:
    sent = {"image": ("x", data)}
    answer = await http.post(f"/api/chexray/{path}", data={"title": "PA"}, files=sent)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def predict(http: httpx.AsyncClient, data: bytes, model: str = WITH_MAPS) -> dict[str, Any]:
    answer = await http.post("/api/predictions", data={"model": model}, files={"file": ("x", data)})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def pixels(png: bytes) -> np.ndarray:
    with Image.open(BytesIO(png), formats=["PNG"]) as image:
        return np.asarray(image.convert("RGB")).astype(np.int16)


def hottest(png: bytes) -> tuple[float, float]:
    """Where the colours are strongest below the legend, as shares of width and height."""
    drawn = pixels(png)
    colour = np.ptp(drawn, axis=2).astype(float)
    colour[:26] = 0
    y, x = np.nonzero(colour >= 0.8 * colour.max())
    return float(x.mean() + 0.5) / drawn.shape[1], float(y.mean() + 0.5) / drawn.shape[0]


@pytest.mark.parametrize("path", ["upload", "anonupload"])
async def test_the_published_client_writes_host_and_path(http: httpx.AsyncClient, path: str) -> None:
    """`<img src=HOST + image>`, and the same for the heatmap, without a header."""
    body = await upload(http, pictures.png(300, 200), path)
    bodies = [body]
    if path == "upload":
        bodies.append((await http.post("/api/chexray/xray", json={"xray_id": body["id"]})).json())
    for each in bodies:
        assert each["image"].startswith(f"/api/chexray/media/{body['id']}?key=")
        assert each["image_url"] == BASE_URL + each["image"]
        assert each["heatmap_image"].startswith(f"/api/chexray/media/{body['id']}/heatmap?key=")
        for link in (each["image"], each["image_url"], each["heatmap_image"]):
            shown = await http.get(link, headers={"Authorization": ""})
            assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
            with Image.open(BytesIO(shown.content)) as image:
                assert image.size == (300, 200)


async def test_hosts_in_the_address_are_those_that_the_client_sees(http: httpx.AsyncClient) -> None:
    http.headers.update({"X-Forwarded-Proto": "https", "X-Forwarded-Host": "lab.example.org:8443"})
    body = await upload(http, pictures.png())
    assert body["image_url"] == "https://lab.example.org:8443" + body["image"]


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (900, 700), (120, 90), (3000, 2500)])
async def test_the_map_lies_where_the_model_saw_something(http: httpx.AsyncClient, size: tuple[int, int]) -> None:
    for place in [(0.5, 0.2), (0.5, 0.8), (0.35, 0.5), (0.65, 0.5)]:
        body = await upload(http, pictures.encoded(spot(*size, *place), "PNG", compress_level=1))
        heatmap = (await http.get(body["heatmap_image"])).content
        height, width, _ = pixels(heatmap).shape
        assert (width, height) == size or abs(width / height - size[0] / size[1]) < 0.01
        cell = 0.3 * min(size) / np.array(size)
        assert np.all(np.abs(np.array(hottest(heatmap)) - place) < cell)


@pytest.mark.parametrize("size", [(300, 200), (2400, 1600)])
@pytest.mark.parametrize(
    ("orientation", "back"),
    [
        (1, None),
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_90),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_270),
    ],
)
async def test_the_map_is_upright_as_the_picture_is_shown(
    http: httpx.AsyncClient, orientation: int, back: Image.Transpose | None, size: tuple[int, int]
) -> None:
    """The file is turned so that, with its orientation (EXIF 4.6.5), the spot is shown where it was drawn."""
    upright = spot(*size, 0.6, 0.25)
    turned = upright if back is None else upright.transpose(back)
    exif = Image.Exif()
    exif[0x0112] = orientation
    body = await upload(http, pictures.encoded(turned, "JPEG", quality=95, exif=exif))
    heatmap = (await http.get(body["heatmap_image"])).content
    height, width, _ = pixels(heatmap).shape
    assert abs(width / height - 1.5) < 0.01
    assert np.allclose(hottest(heatmap), (0.6, 0.25), atol=0.2)
    if max(size) <= 448:
        assert (width, height) == size


async def test_dicom_and_tiff_have_one_too(http: httpx.AsyncClient) -> None:
    stored = np.asarray(spot(400, 300, 0.5, 0.7)).astype(np.uint16) * 16
    for data in (
        pictures.dicom(stored),
        pictures.dicom(4095 - stored, photometric="MONOCHROME1"),
        pictures.encoded(spot(400, 300, 0.5, 0.7), "TIFF"),
    ):
        heatmap = (await http.get((await upload(http, data))["heatmap_image"])).content
        assert pixels(heatmap).shape == (300, 400, 3)
        assert np.allclose(hottest(heatmap), (0.5, 0.7), atol=0.15)


async def test_the_finding_is_chosen_and_by_default_the_likeliest(http: httpx.AsyncClient, runs: list[str]) -> None:
    body = await upload(http, pictures.png(300, 200))
    likeliest = max(FINDINGS, key=body.__getitem__)
    assert likeliest == "pleural_effusion"
    by_default = (await http.get(body["heatmap_image"])).content
    assert runs == ["Effusion"]
    drawn = {}
    for finding, label in zip(FINDINGS, LABELS, strict=True):
        by_field = await http.get(body["heatmap_image"], params={"key": key_of(body), "finding": finding})
        by_label = await http.get(body["heatmap_image"], params={"key": key_of(body), "finding": label})
        assert by_field.content == by_label.content
        drawn[finding] = by_field.content
    assert len(set(drawn.values())) == len(FINDINGS)
    assert drawn[likeliest] == by_default


def key_of(body: dict[str, Any]) -> str:
    return str(body["image"].partition("key=")[2])


@pytest.mark.parametrize("finding", ["", "Normal", "edema ", "x" * 201, "\0", "眼", "-1"])
async def test_a_finding_that_there_is_not(http: httpx.AsyncClient, finding: str) -> None:
    body = await upload(http, pictures.png())
    refused = await http.get(body["heatmap_image"], params={"key": key_of(body), "finding": finding})
    assert (refused.status_code, set(refused.json())) == (400, {"finding"})
    prediction = await predict(http, pictures.png())
    refused = await http.get(f"/api/predictions/{prediction['id']}/heatmap", params={"finding": finding})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "finding")


async def test_it_is_made_once(http: httpx.AsyncClient, runs: list[str], database: Database) -> None:
    body = await upload(http, pictures.png(300, 200))
    assert runs == []  # the link costs nothing
    first = await http.get(body["heatmap_image"])
    second = await http.get(body["heatmap_image"])
    assert (first.content, first.headers["etag"]) == (second.content, second.headers["etag"])
    again = await upload(http, pictures.png(300, 200))  # the same picture, of which it was made already
    assert (await http.get(again["heatmap_image"])).content == first.content
    assert runs == ["Effusion"]
    known = await http.get(body["heatmap_image"], headers={"If-None-Match": first.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Rendition)) == 1


async def test_a_client_that_knows_it_costs_no_run(http: httpx.AsyncClient, runs: list[str]) -> None:
    body = await upload(http, pictures.png(300, 200))
    shown = await http.get(body["heatmap_image"], headers={"If-None-Match": "*"})
    assert (shown.status_code, runs) == (304, [])


async def test_a_prediction_has_the_same(http: httpx.AsyncClient, key: Key, runs: list[str]) -> None:
    picture = pictures.png(300, 200)
    prediction = await predict(http, picture)
    path = f"/api/predictions/{prediction['id']}/heatmap"
    shown = await http.get(path)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    assert shown.headers["link"] == f'</api/models/{prediction["model"]}>; rel="describedby"'
    assert "no medical device" in shown.headers["lightbox-notice"]
    assert shown.headers["x-content-type-options"] == "nosniff"
    body = await upload(http, picture)
    assert (await http.get(body["heatmap_image"])).content == shown.content
    assert runs == ["Effusion"]
    for label in LABELS:
        assert (await http.get(path, params={"finding": label})).status_code == 200
    assert (await http.get(path, headers=account_headers(key, 8))).status_code == 404
    assert (await http.get(path, headers={"Authorization": ""})).status_code == 401
    assert (await http.get("/api/predictions/999999/heatmap")).status_code == 404


async def test_the_prediction_of_an_xray_has_it_by_its_id(http: httpx.AsyncClient) -> None:
    body = await upload(http, pictures.png(300, 200))
    (record,) = (await http.get("/api/predictions")).json()["predictions"]
    shown = await http.get(f"/api/predictions/{record['id']}/heatmap")
    assert shown.content == (await http.get(body["heatmap_image"])).content


async def test_a_link_opens_its_own_picture_only(http: httpx.AsyncClient) -> None:
    one, another = [await upload(http, pictures.png(300, 200), "anonupload") for _ in range(2)]
    for wrong in (key_of(another), "", "x", key_of(one)[:-1], "眼"):
        refused = await http.get(f"/api/chexray/media/{one['id']}/heatmap", params={"key": wrong})
        assert (refused.status_code, refused.json()) == (404, {"detail": "Not found."})


async def test_predictions_without_a_picture_here_say_so(http: httpx.AsyncClient, key: Key) -> None:
    fields = {"model": WITH_MAPS, "account_id": "7"}
    files = {"file": ("x.png", pictures.png(99, 99))}
    made = await http.post("/internal/predictions", data=fields, files=files, headers=service_headers(key))
    refused = await http.get(f"/api/predictions/{made.json()['id']}/heatmap")
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/no-heatmap")
    assert refused.json()["detail"] == "The picture of this prediction is not kept here."


async def test_models_without_maps_say_so(http: httpx.AsyncClient) -> None:
    prediction = await predict(http, pictures.png(), MODEL)
    refused = await http.get(f"/api/predictions/{prediction['id']}/heatmap")
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/no-heatmap")
    assert refused.json()["detail"] == f"The model {MODEL} has no class-activation output."


async def test_a_model_that_was_replaced_says_so(http: httpx.AsyncClient, database: Database) -> None:
    body = await upload(http, pictures.png(300, 200))
    prediction = await predict(http, pictures.png(300, 200))
    for change in ({"model_sha256": bytes(32)}, {"model_name": "gone"}):
        async with database.writing() as session:
            await session.execute(update(Prediction).values(change))
        refused = await http.get(f"/api/predictions/{prediction['id']}/heatmap")
        assert (refused.status_code, refused.json()["type"]) == (404, "/problems/no-heatmap")
        assert "not installed any more" in refused.json()["detail"]
        assert (await http.get(body["heatmap_image"])).content == pictures.png(300, 200)


@pytest.mark.parametrize("data", [pictures.png(300, 200), pictures.dicom()], ids=["png", "dicom"])
async def test_without_maps_chexray_shows_the_picture_itself(
    fresh_database: FreshDatabase, tmp_path: Path, key: Key, data: bytes
) -> None:
    database = fresh_database("inference_service")
    async with (
        running_inference(database, tmp_path / "without", key) as app,
        client_of(app, headers=account_headers(key, 7)) as http,
    ):
        body = await upload(http, data)
        for query in ("", "&finding=edema"):
            picture, heatmap = await http.get(body["image"]), await http.get(body["heatmap_image"] + query)
            assert (heatmap.status_code, heatmap.headers["content-type"]) == (200, "image/png")
            assert heatmap.content == picture.content


NOT_SHOWN = {
    "dicom": pictures.dicom(),
    "TIFF": pictures.encoded(pictures.GREY, "TIFF"),
    "JPEG": bytes(imagecodecs.jpeg8_encode(pictures.ramp(top=4095), bitspersample=12)),
}


@pytest.mark.parametrize("format_name", NOT_SHOWN)
async def test_what_browsers_do_not_show_is_converted_once(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, database: Database, format_name: str
) -> None:
    data = NOT_SHOWN[format_name]
    body = await upload(http, data)
    first = await http.get(body["image"])
    assert first.headers["content-type"] == ("image/jpeg" if format_name == "JPEG" else "image/png")
    assert Image.open(BytesIO(first.content)).size == (64, 48)
    monkeypatch.setattr("inference_service.renditions.for_browsers.render", None)  # can't be called again
    again = [await http.get(body["image"]) for _ in range(3)]
    assert {(each.status_code, each.content, each.headers["etag"]) for each in [first, *again]} == {
        (200, first.content, first.headers["etag"])
    }
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Rendition)) == 1
