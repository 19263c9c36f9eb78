"""The pictures of predictions: as browsers show them, through windows and in viewports, and what viewers learn."""

import asyncio
from dataclasses import replace
from io import BytesIO
from typing import Any

import anyio
import httpx
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from sqlalchemy import func, select
from support import pictures
from support.asgi import WithState, client_of
from support.gateway import Key, until
from support.inference import WITH_MAPS, account_headers, service_headers

from inference_service.predictions.account_turns import TURNS, AccountTurns
from inference_service.renditions.models import Rendition
from lightbox_shared.concurrency.decoding import DecodingBudget, DecodingThreads
from lightbox_shared.database import Database

RAMP = pictures.ramp(64, 48, 4095)


@pytest.fixture
async def http(client: httpx.AsyncClient, key: Key) -> httpx.AsyncClient:
    client.headers.update(account_headers(key, 7))
    return client


async def path_of(http: httpx.AsyncClient, data: bytes) -> str:
    """The path to the picture of a new prediction."""
    answer = await http.post("/api/predictions", data={"model": WITH_MAPS}, files={"file": ("x", data)})
    assert answer.status_code == 201, answer.text
    return f"/api/predictions/{answer.json()['id']}/picture"


def chest() -> bytes:
    dataset = pictures.dicom_dataset(RAMP)
    dataset.RescaleSlope, dataset.RescaleIntercept = "1", "-1024"
    dataset.WindowCenter, dataset.WindowWidth = ["40", "-600"], ["400", "1500"]
    dataset.WindowCenterWidthExplanation = ["MEDIASTINUM", "LUNG"]
    return pictures.dicom_bytes(dataset)


def pixels(answer: httpx.Response) -> npt.NDArray[Any]:
    assert answer.status_code == 200, answer.text
    with Image.open(BytesIO(answer.content)) as image:
        assert Image.MIME[image.format or ""] == answer.headers["content-type"]
        return np.asarray(image).astype(np.int64)


async def test_through_a_window(http: httpx.AsyncClient) -> None:
    path = await path_of(http, chest())
    by_default = pixels(await http.get(path))
    for window, center, width in (("-600,1500,linear-exact", -600, 1500), ("40,400,linear-exact", 40, 400)):
        grey = np.clip((RAMP - 1024.0 - center) / width + 0.5, 0, 1) * 255
        assert np.abs(pixels(await http.get(path, params={"window": window})) - grey).max() <= 1
    assert np.abs(pixels(await http.get(path, params={"window": "40,400,linear"})) - by_default).max() == 0


async def test_in_a_viewport(http: httpx.AsyncClient) -> None:
    path = await path_of(http, chest())
    assert pixels(await http.get(path, params={"viewport": "16,1000"})).shape == (12, 16)
    assert pixels(await http.get(path, params={"viewport": "16,1000", "window": "0,9,sigmoid"})).shape == (12, 16)
    assert pixels(await http.get(path, params={"viewport": "4000,4000"})).shape == RAMP.shape


@pytest.mark.parametrize(
    ("name", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("BMP", "image/bmp")]
)
async def test_what_browsers_show_comes_as_it_is(http: httpx.AsyncClient, name: str, media_type: str) -> None:
    data = pictures.encoded(Image.effect_noise((64, 48), 60), name)
    path = await path_of(http, data)
    answer = await http.get(path)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, data, media_type)
    small = pixels(await http.get(path, params={"viewport": "8,8"}))
    assert small.shape[:2] == (6, 8)


async def test_etags_and_caching(http: httpx.AsyncClient) -> None:
    path = await path_of(http, chest())
    queries: list[dict[str, str]] = [
        {}, {"window": "1,2,linear"}, {"window": "1,2,sigmoid"}, {"viewport": "9,9"},
        {"window": "1,2,linear", "viewport": "9,9"},
    ]  # fmt: skip
    answers = [await http.get(path, params=query) for query in queries]
    assert len({each.headers["etag"] for each in answers}) == len(queries)
    for query, answer in zip(queries, answers, strict=True):
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        known = await http.get(path, params=query, headers={"If-None-Match": answer.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
    same = await http.get(path, params={"window": " 1.0 ,2e0,linear"})
    assert same.headers["etag"] == answers[1].headers["etag"]


async def test_a_browser_asks_again_whether_its_user_may_see_it(http: httpx.AsyncClient, key: Key) -> None:
    """The next user of a browser has the cache of the last one. A key in an address is what opens a link."""
    path = await path_of(http, chest())
    for part in ("", "/values", "/../heatmap"):
        answer = await http.get(path + part)
        known = {"If-None-Match": answer.headers["etag"]}
        again = await http.get(path + part, headers=known)
        assert (answer.status_code, again.status_code, again.content) == (200, 304, b"")
        assert {each.headers["cache-control"] for each in (answer, again)} == {"private, no-cache"}
        assert (await http.get(path + part, headers={**known, **account_headers(key, 8)})).status_code == 404
    xray = (await http.post("/api/chexray/upload", data={"title": "PA"}, files={"image": ("x", chest())})).json()
    for link in ("image", "heatmap_image"):
        assert (await http.get(xray[link])).headers["cache-control"] == "private, max-age=3600"


async def test_only_the_whole_picture_is_kept(http: httpx.AsyncClient, database: Database) -> None:
    path = await path_of(http, chest())
    for query in ({}, {"window": "1,2,linear"}, {"viewport": "9,9"}, {}):
        assert (await http.get(path, params=query)).status_code == 200
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Rendition)) == 1


REFUSED = [
    ({"window": "40,400"}, "window: It takes three parts: center,width,function, such as 40,400,linear."),
    ({"window": ""}, "window: It takes three parts: center,width,function, such as 40,400,linear."),
    ({"window": "40,0,linear"}, "window: The width must be at least 1 for linear."),
    ({"window": "40,-1,sigmoid"}, "window: The width must be greater than 0 for sigmoid."),
    ({"window": "NaN,400,linear"}, "window: The center must be a finite decimal number, such as 40 or -0.5."),
    ({"window": "40,inf,linear"}, "window: The width must be a finite decimal number, such as 40 or -0.5."),
    ({"window": "40,4,cubic"}, "window: The function must be one of linear, linear-exact, sigmoid."),
    ({"viewport": "40"}, "viewport: It takes two parts: width,height, such as 800,600."),
    ({"viewport": "40,30,0,0,9,9"}, "viewport: It takes two parts: width,height, such as 800,600."),
    ({"viewport": "0,30"}, "viewport: The width must be a whole number from 1 to 65535."),
    ({"viewport": "40,65536"}, "viewport: The height must be a whole number from 1 to 65535."),
    ({"viewport": "40,-3"}, "viewport: The height must be a whole number from 1 to 65535."),
    ({"viewport": "4.5,\u0663"}, "viewport: The width must be a whole number from 1 to 65535."),
]


@pytest.mark.parametrize(("query", "detail"), REFUSED, ids=[str(query) for query, _ in REFUSED])
async def test_what_is_wrong_is_named(http: httpx.AsyncClient, query: dict[str, str], detail: str) -> None:
    refused = await http.get("/api/predictions/1/picture", params=query)
    assert (refused.status_code, refused.json()["detail"]) == (400, detail)
    assert refused.json()["type"] == "/problems/invalid-rendering"


async def test_a_window_that_does_not_apply_is_refused(http: httpx.AsyncClient) -> None:
    colours = pictures.encoded(Image.new("RGB", (64, 48)), "PNG")
    for data, why in ((pictures.png(), "has 8 bits a sample"), (colours, "has 8 bits a sample")):
        path = await path_of(http, data)
        refused = await http.get(path, params={"window": "40,400,linear"})
        assert refused.status_code == 400
        assert refused.json()["detail"] == f"window: The picture {why}, to which no window applies."
        values = await http.get(f"{path}/values")
        assert values.json() == {
            "columns": 64, "rows": 48, "windowed": False, "lowest": None, "highest": None, "shown": None, "windows": []
        }  # fmt: skip


async def test_what_a_viewer_learns(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{await path_of(http, chest())}/values")
    assert answer.headers["cache-control"] == "private, no-cache"
    soft = {"center": 40, "width": 400, "function": "linear", "explanation": "MEDIASTINUM"}
    lung = {"center": -600, "width": 1500, "function": "linear", "explanation": "LUNG"}
    assert answer.json() == {
        "columns": 64, "rows": 48, "windowed": True, "lowest": -1024, "highest": 3071,
        "shown": {**soft, "explanation": ""}, "windows": [soft, lung],
    }  # fmt: skip
    deep = pictures.encoded(Image.fromarray(RAMP), "PNG")
    found = (await http.get(f"{await path_of(http, deep)}/values")).json()
    whole = {"center": 32767.5, "width": 65535, "function": "linear-exact", "explanation": ""}
    assert (found["lowest"], found["highest"], found["shown"], found["windows"]) == (0, 4095, whole, [])


@pytest.mark.parametrize(
    ("slope", "intercept"),
    [("4e303", "0"), ("2e303", "1.1e308"), ("1e-300", "1")],
    ids=["infinitely wide", "infinitely far", "of no width"],
)
async def test_a_range_that_no_window_can_have(http: httpx.AsyncClient, slope: str, intercept: str) -> None:
    dataset = pictures.dicom_dataset(np.zeros((9, 12), np.uint16))
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 15, 1
    dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
    answer = await http.get(f"{await path_of(http, pictures.dicom_bytes(dataset))}/values")
    assert (answer.status_code, answer.json()["windowed"], answer.json()["shown"]) == (200, True, None)
    assert answer.json()["lowest"] == answer.json()["highest"] == float(intercept)


@pytest.mark.parametrize("part", ["", "/values"])
async def test_predictions_of_others_are_not_there(http: httpx.AsyncClient, key: Key, part: str) -> None:
    path = await path_of(http, chest()) + part
    refused = await http.get(path, headers=account_headers(key, 8))
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/not-found")
    assert (await http.get(f"/api/predictions/999999/picture{part}")).status_code == 404
    assert (await http.get(path, headers={"Authorization": ""})).status_code == 401
    assert (await http.get(path, headers=account_headers(key, 7, scope="devices"))).status_code == 403


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("", "picture-not-kept"),
        ("?window=40,400,linear", "picture-not-kept"),
        ("?viewport=9,9", "picture-not-kept"),
        ("/values", "picture-not-kept"),
        ("/../heatmap", "no-heatmap"),
    ],
)
async def test_a_picture_that_is_not_kept(http: httpx.AsyncClient, key: Key, part: str, code: str) -> None:
    """Also where somebody else has stored the same bytes, and whatever the client says it knows."""
    fields = {"model": WITH_MAPS, "account_id": "7"}
    files = {"file": ("x.dcm", pictures.dicom(pictures.ramp(33, 9, 4095)))}
    made = await http.post("/internal/predictions", data=fields, files=files, headers=service_headers(key))
    for others_have_it in (False, True):
        if others_have_it:
            sent = {"image": files["file"]}
            await http.post("/api/chexray/upload", files=sent, headers=account_headers(key, 8))
        refused = await http.get(f"/api/predictions/{made.json()['id']}/picture{part}", headers={"If-None-Match": "*"})
        assert (refused.status_code, refused.json()["type"]) == (404, f"/problems/{code}")
        assert refused.json()["detail"] == "The picture of this prediction is not kept here."


async def test_an_xray_names_its_prediction(http: httpx.AsyncClient) -> None:
    sent = {"image": ("x", chest())}
    made = await http.post("/api/chexray/upload", data={"title": "PA"}, files=sent)
    link = made.links["via"]["url"]
    again = await http.post("/api/chexray/xray", json={"xray_id": made.json()["id"]})
    assert (again.links["via"]["url"], again.links["describedby"]) == (link, made.links["describedby"])
    assert (await http.get(link)).json()["media_type"] == "application/dicom"
    assert (await http.get(f"{link}/picture")).content == (await http.get(made.json()["image"])).content
    anonymous = await http.post("/api/chexray/anonupload", data={"title": "PA"}, files=sent)
    assert set(anonymous.links) == {"describedby"}


async def test_without_memory_for_decoding(service: WithState, http: httpx.AsyncClient, key: Key) -> None:
    path = await path_of(http, chest())
    services, budget = service.state["services"], DecodingBudget(1000, max_waiting=0)
    threads = DecodingThreads(budget, 1, max_pixels=10_000)
    app = WithState(service.app, {**service.state, "services": replace(services, windows=threads)})
    async with budget.reserve(1000), client_of(app, headers=account_headers(key, 7)) as busy:
        for part in ("?window=40,400,linear", "?viewport=9,9", "/values"):
            refused = await busy.get(path + part)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")


async def test_who_has_left_keeps_no_place_in_the_queue(service: WithState, http: httpx.AsyncClient) -> None:
    path = await path_of(http, chest())
    windows: DecodingThreads = service.state["services"].windows
    async with windows.turn():
        asked = asyncio.create_task(http.get(path, params={"window": "40,400,linear"}))
        await asyncio.sleep(0.05)
        assert not asked.done()
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
    assert pixels(await http.get(path, params={"window": "40,400,linear"})).shape == RAMP.shape


async def test_windows_keep_nobody_elses_picture_waiting(service: WithState, http: httpx.AsyncClient, key: Key) -> None:
    """One account asks for many: whole pictures come meanwhile, and another account's window is made between them."""
    path = await path_of(http, chest())
    other = account_headers(key, 8)
    xray = (await http.post("/api/chexray/upload", files={"image": ("x", chest())}, headers=other)).json()
    again = await http.post(
        "/api/predictions", data={"model": WITH_MAPS}, files={"file": ("x", chest())}, headers=other
    )
    others_path = f"/api/predictions/{again.json()['id']}/picture"
    ended: list[int] = []

    async def ask(account_id: int, at: str, width: int) -> None:
        headers = account_headers(key, account_id)
        pixels(await http.get(at, params={"window": f"40,{width},linear"}, headers=headers))
        ended.append(account_id)

    windows: DecodingThreads = service.state["services"].windows
    async with asyncio.TaskGroup() as tasks, windows.turn():
        for number in range(18):
            tasks.create_task(ask(7, path, 400 + number))
        await asyncio.sleep(0.05)
        tasks.create_task(ask(8, others_path, 400))
        await asyncio.sleep(0.05)
        assert (await http.get(xray["image"])).status_code == 200
        assert (await http.get(others_path, headers=other)).status_code == 200
        assert ended == []
    assert len(ended) == 19
    assert ended.index(8) <= TURNS


async def test_an_account_that_asks_for_too_many_windows_is_told(
    service: WithState, http: httpx.AsyncClient, key: Key
) -> None:
    path = await path_of(http, chest())
    services = service.state["services"]
    turns = AccountTurns(1, max_waiting=1, max_wait=60)
    app = WithState(service.app, {**service.state, "services": replace(services, window_turns=turns)})

    def ask(width: int) -> asyncio.Task[httpx.Response]:
        return asyncio.create_task(busy.get(path, params={"viewport": f"{width},9"}))

    def in_use() -> tuple[int, int]:
        found = turns._of_account.get(7)
        return (0, 0) if found is None else (found.borrowed_tokens, found.statistics().tasks_waiting)

    async with client_of(app, headers=account_headers(key, 7)) as busy:
        async with services.windows.turn():
            asked = [ask(7)]
            await until(lambda: in_use() == (1, 0))
            asked.append(ask(8))
            await until(lambda: in_use() == (1, 1))
            for part in ("?window=40,400,linear", "?viewport=9,9", "/values"):
                refused = await busy.get(path + part)
                assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
                assert refused.json()["type"] == "/problems/too-many-windows"
            assert (await busy.get(path, headers=account_headers(key, 8))).status_code == 404
        assert [pixels(await each).shape for each in asked] == [(5, 7), (6, 8)]
        assert pixels(await busy.get(path, params={"viewport": "16,12"})).shape == (12, 16)


async def test_an_account_whose_window_waits_for_too_long_is_told(
    service: WithState, http: httpx.AsyncClient, key: Key
) -> None:
    path = await path_of(http, chest())
    turns = AccountTurns(1, max_wait=0.1)
    app = WithState(service.app, {**service.state, "services": replace(service.state["services"], window_turns=turns)})
    async with client_of(app, headers=account_headers(key, 7)) as busy:
        async with turns.turn(7):
            has_waited = await busy.get(path, params={"viewport": "7,9"})
        assert (has_waited.status_code, has_waited.headers["retry-after"]) == (429, "2")
        async with service.state["services"].windows.turn():  # which it would wait for after its own
            refused = await busy.get(path, params={"viewport": "7,9"})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")


async def test_the_wait_for_the_turn_of_all_has_what_the_first_wait_has_left() -> None:
    started = anyio.current_time()
    async with AccountTurns(max_wait=7).turn(7) as deadline:
        assert started + 7 <= deadline <= anyio.current_time() + 7
