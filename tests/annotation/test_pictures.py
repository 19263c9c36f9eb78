"""The pictures of images: what browsers get of them, and who gets the original."""

from io import BytesIO

import httpx
import numpy as np
import pytest
from PIL import Image as PillowImage
from sqlalchemy import func, select
from support import pictures
from support.annotation import Lab, invalid, said
from support.annotation_peers import change_services
from support.pictures import sha256_hex

from annotation_service.pictures.models import GreenChannel
from annotation_service.pictures.representations import Representations
from lightbox_shared.auth.principal import Authority
from lightbox_shared.concurrency.decoding import DecodingBudget, DecodingThreads

UPLOADS = "/uploads/medical-images"
EYE = PillowImage.merge("RGB", [pictures.GREY, pictures.GREY.rotate(180), PillowImage.new("L", (64, 48), 7)])


def turned() -> bytes:
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    return pictures.encoded(EYE, "JPEG", quality=97, exif=exif)


class Uploaded:
    """A picture that was uploaded, and a doctor who looks at it."""

    def __init__(self, lab: Lab, path: str, headers: dict[str, str]) -> None:
        self.lab, self.path, self.headers = lab, path, headers

    async def get(self, query: str = "", **headers: str) -> httpx.Response:
        return await self.lab.http.get(self.path + query, headers={**self.headers, **headers})


async def uploaded(lab: Lab, data: bytes, name: str = "a.png") -> Uploaded:
    admin, doctor = await lab.admin(), await lab.doctor()
    answer = await lab.http.post(UPLOADS, files={"file": (name, data)}, headers=admin.headers)
    assert answer.status_code == 201, answer.text
    return Uploaded(lab, f"{UPLOADS}/{answer.json()['url']}", doctor.headers)


def shown(answer: httpx.Response) -> PillowImage.Image:
    assert answer.status_code == 200
    image = PillowImage.open(BytesIO(answer.content))
    assert image.get_format_mimetype() == answer.headers["content-type"]
    image.load()
    return image


@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_browsers_get_the_bytes_that_they_show(lab: Lab, prefix: str) -> None:
    data = pictures.encoded(EYE, "PNG")
    picture = await uploaded(lab, data)
    picture.path = f"{prefix}{picture.path}/"
    answer = await picture.get("?any=query")
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["etag"] == f'"{sha256_hex(data)}"'
    assert answer.headers["cache-control"] == "private, max-age=604800, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["accept-ranges"] == "bytes"
    assert "content-disposition" not in answer.headers


async def test_what_they_do_not_show_is_a_png(lab: Lab) -> None:
    for data, mode in [(pictures.dicom(), "L"), (pictures.encoded(EYE, "TIFF"), "RGB")]:
        image = shown(await (await uploaded(lab, data)).get())
        assert (image.format, image.mode, image.size) == ("PNG", mode, (64, 48))
        if mode == "RGB":
            np.testing.assert_array_equal(np.asarray(image), np.asarray(EYE))


async def test_a_turned_picture_is_upright(lab: Lab) -> None:
    image = shown(await (await uploaded(lab, turned())).get())
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (48, 64))


async def test_the_green_channel_is_made_once(lab: Lab) -> None:
    picture = await uploaded(lab, pictures.encoded(EYE, "PNG"))
    first = await picture.get("?green_channel=true")
    np.testing.assert_array_equal(np.asarray(shown(first)), np.asarray(EYE.getchannel("G")))
    full = DecodingThreads(DecodingBudget(2**30), 1, max_pixels=100, max_waiting=0, busy="No work is done.")
    max_pixels = lab.services.settings.max_picture_pixels
    kept = Representations(lab.database, lab.services.blobs, threads=full, max_pixels=max_pixels)
    change_services(lab, representations=kept)
    again = await picture.get("?green_channel=true")
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert first.headers["etag"] != (await picture.get()).headers["etag"]
    async with lab.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(GreenChannel)) == 1


async def test_too_many_pictures_at_once(lab: Lab) -> None:
    picture = await uploaded(lab, pictures.encoded(EYE, "PNG"))
    full = DecodingThreads(DecodingBudget(2**30), 1, max_pixels=100, max_waiting=0, busy="Too many.")
    kept = Representations(lab.database, lab.services.blobs, threads=full, max_pixels=100)
    change_services(lab, representations=kept)
    answer = await picture.get("?green_channel=true")
    assert (said(answer), answer.headers["retry-after"]) == ((503, "Too many."), "1")
    assert (await picture.get()).status_code == 200


async def test_of_a_turned_picture_the_green_channel_is_upright(lab: Lab) -> None:
    image = shown(await (await uploaded(lab, turned())).get("?green_channel=true"))
    assert (image.format, image.mode, image.size) == ("PNG", "L", (48, 64))


async def test_of_a_grey_picture_it_is_the_picture_itself(lab: Lab) -> None:
    picture = await uploaded(lab, pictures.dicom())
    for _ in range(2):
        assert (await picture.get("?green_channel=true")).content == (await picture.get()).content


async def test_ranges_and_conditions(lab: Lab) -> None:
    data = pictures.encoded(EYE, "PNG")
    picture = await uploaded(lab, data)
    part = await picture.get(Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, data[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(data)}"
    assert (await picture.get(Range="bytes=-5")).content == data[-5:]
    assert (await picture.get(Range="bytes=5-")).content == data[5:]
    beyond = await picture.get(Range=f"bytes={len(data)}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")
    etag = part.headers["etag"]
    for condition in ({"If-None-Match": etag}, {"If-Modified-Since": part.headers["last-modified"]}):
        answer = await picture.get(**condition)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert (await picture.get(**{"If-Match": '"other"'})).status_code == 412
    head = await lab.http.head(picture.path, headers=picture.headers)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(data)))


async def test_the_original_is_for_administrators(lab: Lab) -> None:
    data = turned()
    picture = await uploaded(lab, data, "左眼 1.jpg")
    assert said(await picture.get("?original=true")) == (403, "用户没有权限")
    admin = await lab.admin()
    answer = await lab.http.get(picture.path + "?original=true", headers=admin.headers)
    assert answer.content == data
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''%E5%B7%A6%E7%9C%BC%201.jpg"
    both = await lab.http.get(picture.path + "?original=true&green_channel=true", headers=admin.headers)
    assert invalid(both).startswith("original: ")


@pytest.mark.parametrize("query", ["green_channel=maybe", "original=2", "green_channel="])
async def test_a_query_that_makes_no_sense(lab: Lab, query: str) -> None:
    picture = await uploaded(lab, pictures.png())
    assert invalid(await picture.get("?" + query)).startswith(query.partition("=")[0])


@pytest.mark.parametrize("url", ["none.png", "%00", "%2e%2e", "x" * 3000, "%ed%a0%80", "眼"])
async def test_a_name_that_there_is_not(lab: Lab, url: str) -> None:
    doctor = await lab.doctor()
    for query in ("", "?green_channel=true"):
        answer = await lab.http.get(f"{UPLOADS}/{url}{query}", headers=doctor.headers)
        assert said(answer) == (404, "资源不存在")


async def test_who_may_look(lab: Lab) -> None:
    picture = await uploaded(lab, pictures.png())
    for authority in (Authority.DOCTOR, Authority.EXPERT, Authority.GUEST, Authority.ADMIN):
        person = await lab.person(authority)
        assert (await lab.http.get(picture.path, headers=person.headers)).status_code == 200
    waiting = await lab.person(Authority.NONE)
    assert said(await lab.http.get(picture.path, headers=waiting.headers)) == (403, "用户没有权限")
    assert said(await lab.http.get(picture.path)) == (401, "用户未登录")
    for scope, status in [("annotate", 200), ("read", 200), ("collect", 403)]:
        headers = lab.headers(2, Authority.DOCTOR, scope=scope)
        assert (await lab.http.get(picture.path, headers=headers)).status_code == status
