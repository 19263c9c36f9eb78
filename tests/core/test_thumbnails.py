"""Thumbnails: their size, colours and format, and how often they are rendered."""

import asyncio
import threading
from dataclasses import replace
from io import BytesIO
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from support import pictures
from support.asgi import WithState, client_of
from support.collection import AT, IMAGES, TIMESTAMP, send
from support.gateway import until

from core_collection_service.pictures.storage.service import QUICK_BYTES
from core_collection_service.pictures.thumbnails.rendering import Box, render_thumbnail
from core_collection_service.pictures.thumbnails.service import Thumbnails
from core_collection_service.state import Services
from lightbox_shared.concurrency.decoding import BUSY, DecodingBudget, DecodingThreads

SIZE = (400, 200)


def colours(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """Red on the left, blue on the right; transparent in the lower half if the mode has transparency."""
    image = Image.new("RGBA", size, (255, 0, 0, 255))
    image.paste((0, 0, 255, 255), (size[0] // 2, 0, *size))
    if mode in {"RGBA", "LA"}:
        image.paste((0, 0, 0, 0), (0, size[1] // 2, *size))
    if mode == "RGBA":
        return image
    return image.convert("RGB").convert(mode) if mode in {"P", "1", "CMYK"} else image.convert(mode)


def oriented(orientation: int) -> bytes:
    """A JPEG with an orientation (EXIF 4.6.5)."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a maker"
    return pictures.encoded(colours(), "JPEG", exif=exif)


def opened(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    image = Image.open(BytesIO(answer.content))
    assert answer.headers["content-type"] == Image.MIME[str(image.format)]
    image.load()
    return image


def thumbnails_of(core: WithState) -> Thumbnails:
    thumbnails: Thumbnails = core.state["services"].thumbnails
    return thumbnails


DEEP = Image.fromarray(np.tile(np.linspace(0, 65535, 400).astype(np.uint16), (200, 1)))
KINDS: list[tuple[bytes, str, str]] = [
    (pictures.encoded(colours(), "JPEG"), "JPEG", "RGB"),
    (pictures.encoded(colours("L"), "JPEG"), "JPEG", "L"),
    (pictures.encoded(colours("CMYK"), "JPEG"), "JPEG", "RGB"),
    (pictures.encoded(colours(), "JPEG", progressive=True), "JPEG", "RGB"),
    (pictures.encoded(colours(), "PNG"), "PNG", "RGB"),
    (pictures.encoded(colours("RGBA"), "PNG"), "PNG", "RGBA"),
    (pictures.encoded(colours("LA"), "PNG"), "PNG", "LA"),
    (pictures.encoded(colours("P"), "PNG"), "PNG", "RGB"),
    (pictures.encoded(colours("1"), "PNG"), "PNG", "L"),
    (pictures.encoded(colours("P"), "PNG", transparency=0), "PNG", "RGBA"),
    (pictures.encoded(DEEP, "PNG"), "PNG", "L"),
    (pictures.encoded(colours(), "WEBP", lossless=True), "JPEG", "RGB"),
    (pictures.encoded(colours("RGBA"), "WEBP", lossless=True), "PNG", "RGBA"),
    (pictures.encoded(colours(), "TIFF"), "PNG", "RGB"),
    (pictures.encoded(colours("CMYK"), "TIFF", compression="tiff_lzw"), "PNG", "RGB"),
    (pictures.encoded(DEEP, "TIFF"), "PNG", "L"),
    (pictures.encoded(colours(), "BMP"), "PNG", "RGB"),
    (pictures.dicom(pictures.ramp(400, 200, 4095)), "PNG", "L"),
]


async def test_every_kind(client: httpx.AsyncClient) -> None:
    for number, (data, format_name, mode) in enumerate(KINDS):
        body = await send(client, data, device=f"{number}")
        thumbnail = opened(await client.get(f"{body['href']}?w=100&h=100"))
        found = (number, thumbnail.size, thumbnail.format, thumbnail.mode)
        assert found == (number, (100, 50), format_name, "RGBA" if mode == "LA" else mode)
        left, right = (thumbnail.convert("RGB").getpixel((x, 10)) for x in (10, 90))
        assert isinstance(left, tuple)
        assert isinstance(right, tuple)
        if mode.startswith("RGB"):
            assert left[0] - left[2] > 150
            assert right[2] - right[0] > 150
        if mode in {"RGBA", "LA"} and "transparency" not in Image.open(BytesIO(data)).info:
            assert thumbnail.getchannel("A").getextrema() == (0, 255)


async def test_radiographs_get_brighter_from_left_to_right(client: httpx.AsyncClient) -> None:
    for device, data in (("deep", pictures.encoded(DEEP, "PNG")), ("dicom", pictures.dicom())):
        body = await send(client, data, device=device)
        row = np.asarray(opened(await client.get(f"{body['href']}?w=32")))[0]
        assert row[0] < 10
        assert row[-1] > 245
        assert (np.diff(row.astype(int)) >= 0).all()


async def test_boxes(client: httpx.AsyncClient) -> None:
    href = (await send(client, pictures.encoded(colours(), "PNG")))["href"]
    for query, size in {
        "w=100&h=100": (100, 50),
        "w=100": (100, 50),
        "h=100": (200, 100),
        "w=300&h=10": (20, 10),
        "w=1&h=1": (1, 1),
        "w=400&h=200": SIZE,
        "w=2048&h=2048": SIZE,
        "w=2048": SIZE,
    }.items():
        assert opened(await client.get(f"{href}?{query}")).size == size, query
    for path in (IMAGES, f"{IMAGES}/latest"):
        assert opened(await client.get(path, params={**AT, "w": "40"})).size == (40, 20)


async def test_upright(client: httpx.AsyncClient) -> None:
    upright = {1: (100, 50), 3: (100, 50), 6: (50, 100), 8: (50, 100)}
    for orientation, size in upright.items():
        body = await send(client, oriented(orientation), device=f"{orientation}")
        href = body["href"]
        thumbnail = opened(await client.get(f"{href}?w=100&h=100"))
        assert thumbnail.size == size
        assert (body["width"], body["height"]) == (4 * size[0], 4 * size[1])  # as stored, of the upright picture
        assert not thumbnail.getexif()
        first = thumbnail.getpixel((5, 5))
        assert isinstance(first, tuple)
        assert first[0 if orientation in {1, 6} else 2] > 200, orientation


@pytest.mark.parametrize("name", ["w", "h"])
async def test_invalid_boxes(client: httpx.AsyncClient, name: str) -> None:
    href = (await send(client))["href"]
    for value in ("0", "-1", "2049", "1.5", "1e2", "", "a", "9" * 5000, "١"):
        answer = await client.get(href, params={"w": "10", "h": "10", name: value})
        assert (answer.status_code, answer.json()["detail"]) == (400, f"{name}: Not a number of pixels from 1 to 2048.")
    answer = await client.get(f"{href}?{name}=1&{name}=2")
    assert (answer.status_code, answer.json()["detail"]) == (400, f"{name}: It stands more than once.")


async def test_a_thumbnail_is_rendered_once(core: WithState, client: httpx.AsyncClient) -> None:
    href = (await send(client))["href"]
    answers = await asyncio.gather(*(client.get(f"{href}?w=20&h=20") for _ in range(8)))
    assert len({answer.content for answer in answers}) == 1
    assert thumbnails_of(core).rendered <= 2  # as many as there are threads may have started together
    made = thumbnails_of(core).rendered
    etag = answers[0].headers["etag"]
    assert etag != (await client.get(href)).headers["etag"]
    assert etag != (await client.get(f"{href}?w=21&h=20")).headers["etag"]
    assert (await client.get(f"{href}?w=20&h=20")).content == answers[0].content
    assert thumbnails_of(core).rendered == made + 1
    assert (await client.delete(href)).status_code == 401
    assert thumbnails_of(core).cached_bytes > 0


async def test_304_without_rendering(core: WithState, client: httpx.AsyncClient) -> None:
    href = (await send(client))["href"]
    etag = (await client.get(f"{href}?w=20")).headers["etag"]
    for _ in range(2):
        answer = await client.get(f"{href}?w=20", headers={"If-None-Match": etag})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    tags = etag.replace("20x2048", "30x2048")
    assert (await client.get(f"{href}?w=30", headers={"If-None-Match": tags})).status_code == 304
    assert thumbnails_of(core).rendered == 1


async def test_the_cache_is_bounded(core: WithState, client: httpx.AsyncClient) -> None:
    await send(client)
    services: Services = core.state["services"]
    record = await services.pictures.find_by_id("images", 1)
    threads = DecodingThreads(DecodingBudget(10**6), 1, max_pixels=10_000)
    small = Thumbnails(services.storage, threads=threads, max_pixels=10_000, cache_bytes=300)
    for width in range(1, 30):
        thumbnail = await small.get(record, Box(width, 48))
        assert Image.open(BytesIO(thumbnail.data)).width == width
        assert 0 <= small.cached_bytes <= 300
    assert small.rendered == 29
    await small.get(record, Box(29, 48))
    assert small.rendered == 29


async def test_pictures_without_a_thumbnail(client: httpx.AsyncClient) -> None:
    jpeg = pictures.encoded(pictures.GREY, "JPEG")
    broken = {
        "cut": jpeg[:-100],
        "float": pictures.encoded(Image.new("F", (8, 8)), "TIFF"),
        "bomb": pictures.tiff_with_bomb(6000),
        "frames": _dicom_with_frames(),
    }
    for device, data in broken.items():
        body = await send(client, data, device=device)
        answer = await client.get(IMAGES, params={"deviceId": device, "timestamp": TIMESTAMP, "w": "10"})
        assert (device, answer.status_code) == (device, 422)
        assert answer.json()["type"] == "/problems/no-thumbnail"
        assert answer.json()["detail"].startswith("The picture has no thumbnail. ")
        assert (await client.get(body["href"])).content == data


def _dicom_with_frames() -> bytes:
    dataset = pictures.dicom_dataset(pictures.ramp(top=4095))
    dataset.NumberOfFrames = 2
    dataset.PixelData *= 2
    return pictures.dicom_bytes(dataset)


async def test_readers_of_large_pictures_do_not_keep_uploads_waiting(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uploads and thumbnails have threads of their own; a picture above 128 KiB is prepared in one."""
    href = (await send(client))["href"]
    begun, go_on, rendered = threading.Event(), threading.Event(), render_thumbnail

    def held(*arguments: Any, **options: Any) -> Any:
        begun.set()
        assert go_on.wait(30)
        return rendered(*arguments, **options)

    monkeypatch.setattr("core_collection_service.pictures.thumbnails.service.render_thumbnail", held)
    looking = [asyncio.create_task(client.get(f"{href}?w={width}")) for width in range(10, 26)]
    await until(begun.is_set)
    large = pictures.encoded(Image.effect_noise((600, 600), 100), "PNG")
    assert len(large) > QUICK_BYTES
    sent = await asyncio.wait_for(send(client, large, device="another"), 20)
    assert sent["size"] == len(large)
    assert not any(each.done() for each in looking)
    go_on.set()
    assert {each.status_code for each in await asyncio.gather(*looking)} == {200}


async def test_a_thumbnail_is_rendered_once_for_all_who_ask_at_once(core: WithState, client: httpx.AsyncClient) -> None:
    href = (await send(client))["href"]
    answers = await asyncio.gather(*(client.get(f"{href}?w=33") for _ in range(16)))
    assert {each.status_code for each in answers} == {200}
    assert thumbnails_of(core).rendered == 1


async def test_too_many_thumbnails_are_refused(core: WithState, client: httpx.AsyncClient) -> None:
    href = (await send(client))["href"]
    services: Services = core.state["services"]
    budget = DecodingBudget(1000, max_waiting=0)
    thumbnails = Thumbnails(services.storage, threads=DecodingThreads(budget, 1, max_pixels=10_000), max_pixels=10_000)
    app = WithState(core.app, {**core.state, "services": replace(services, thumbnails=thumbnails)})
    async with budget.reserve(1000), client_of(app) as http:
        answer = await http.get(f"{href}?w=20")
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["detail"]) == (503, "2", BUSY)
    assert answer.headers["content-type"] == "application/problem+json"
