"""Photos of accounts: small, square, without metadata, and known to auth-service."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

import httpx
import pytest
import stamina
from PIL import Image as PillowImage
from sqlalchemy import func, select
from support import pictures
from support.annotation import Lab, invalid, said
from support.annotation_peers import change_services, tokens_signed_by

from annotation_service.clients.account_photos import AuthServicePhotos
from annotation_service.photos.models import Photo
from annotation_service.photos.rendering import SIDE
from annotation_service.photos.service import KEPT, Photos
from lightbox_shared.auth.principal import Authority
from lightbox_shared.concurrency.decoding import DecodingBudget, DecodingThreads

PHOTOS = "/uploads/photos"


@dataclass
class Accounts:
    """auth-service's endpoint for photos."""

    status: int = 204
    photos: dict[str, str] = field(default_factory=dict)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.method == "PUT"
        assert request.headers["authorization"].startswith("Bearer ")
        body = json.loads(request.content)
        assert set(body) == {"photo"}
        if self.status < 300:
            self.photos[request.url.path] = body["photo"]
        return httpx.Response(self.status)


@pytest.fixture(autouse=True)
def no_waits() -> Iterator[None]:
    """Retries without the pauses between them."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def accounts(lab: Lab) -> Accounts:
    made = Accounts()
    http = httpx.AsyncClient(transport=httpx.MockTransport(made), base_url="http://auth")
    client = AuthServicePhotos(http, tokens_signed_by(lab.key))
    threads = DecodingThreads(DecodingBudget(2**30), 1, max_pixels=1_000_000)
    change_services(lab, photos=Photos(lab.database, client, threads=threads, max_pixels=1_000_000))
    return made


async def upload(lab: Lab, data: bytes, headers: dict[str, str], path: str = PHOTOS) -> httpx.Response:
    return await lab.http.post(path, files={"file": ("me.png", data)}, headers=headers)


async def number_of_photos(lab: Lab) -> int:
    async with lab.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(Photo)) or 0


def exif_picture() -> bytes:
    exif = PillowImage.Exif()
    exif[0x0112], exif[0x010E] = 6, "PHANTOM^SYNTHETIC"
    wide = PillowImage.new("RGB", (600, 300), (255, 0, 0))
    wide.paste((0, 0, 255), (150, 0, 450, 300))  # the square in the middle
    return pictures.encoded(wide, "JPEG", exif=exif)


@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_a_photo_is_stored_and_told_to_auth_service(lab: Lab, accounts: Accounts, prefix: str) -> None:
    guest = await lab.person(Authority.GUEST)
    answer = await upload(lab, exif_picture(), guest.headers, f"{prefix}{PHOTOS}/")
    body = answer.json()
    path = f"{prefix}{PHOTOS}/{body['photo']}"
    assert (answer.status_code, answer.headers["location"]) == (201, path)
    expected = {"message": "头像上传成功", "photo": body["photo"], "url": path, "_links": {"self": {"href": path}}}
    assert body == expected
    assert accounts.photos == {f"/internal/accounts/{guest.id}/photo": body["photo"]}
    doctor = await lab.doctor()
    shown = await lab.http.get(f"{path}/?t=123", headers=doctor.headers)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert shown.headers["cache-control"].startswith("private, max-age=")
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert b"PHANTOM" not in shown.content
    image = PillowImage.open(BytesIO(shown.content))
    assert image.size == (SIDE, SIDE)
    for corner in ((2, 2), (SIDE - 3, SIDE - 3)):
        red, _, blue = image.convert("RGB").getpixel(corner)  # type: ignore[misc]
        assert red < 30
        assert blue > 220
    again = await lab.http.get(path, headers={**doctor.headers, "If-None-Match": shown.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_transparent_photo_stays_transparent(lab: Lab, accounts: Accounts) -> None:
    doctor = await lab.doctor()
    body = (await upload(lab, pictures.encoded(PillowImage.new("RGBA", (9, 5)), "PNG"), doctor.headers)).json()
    assert accounts.photos
    shown = await lab.http.get(body["url"], headers=doctor.headers)
    assert (shown.headers["content-type"], PillowImage.open(BytesIO(shown.content)).mode) == ("image/png", "RGBA")


async def test_the_default_photo_exists(lab: Lab) -> None:
    doctor = await lab.doctor()
    for path in (f"{PHOTOS}/default.png", f"/api{PHOTOS}/default.png/"):
        answer = await lab.http.get(path, headers=doctor.headers)
        image = PillowImage.open(BytesIO(answer.content))
        assert (answer.headers["content-type"], image.format, image.size) == ("image/png", "PNG", (SIDE, SIDE))
    assert said(await lab.http.get(f"{PHOTOS}/default.png")) == (401, "用户未登录")


@pytest.mark.parametrize("name", ["none.png", "default.jpg", "%00", "%ed%a0%80", "..%2f..", "x" * 3000])
async def test_a_name_that_there_is_not(lab: Lab, name: str) -> None:
    doctor = await lab.doctor()
    assert said(await lab.http.get(f"{PHOTOS}/{name}", headers=doctor.headers)) == (404, "资源不存在")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "file: The submitted file is empty."),
        (b"no picture", "file: This is not a picture"),
        (pictures.png()[:-30], "file: The PNG picture is damaged"),
        (pictures.png_claiming(60_000, 60_000), "file: The picture has 60000 x 60000 pixels"),
    ],
)
async def test_what_is_no_picture(lab: Lab, accounts: Accounts, data: bytes, sentence: str) -> None:
    doctor = await lab.doctor()
    assert invalid(await upload(lab, data, doctor.headers)).startswith(sentence)
    missing = await lab.http.post(PHOTOS, headers=doctor.headers)
    assert invalid(missing) == "file: No file was submitted."
    assert accounts.photos == {}


async def test_the_newest_photos_stay(lab: Lab, accounts: Accounts) -> None:
    doctor, other = await lab.doctor(), await lab.doctor()
    await upload(lab, pictures.png(), other.headers)
    names = [
        (await upload(lab, pictures.png(8 + number, 8), doctor.headers)).json()["photo"] for number in range(KEPT + 2)
    ]
    assert await number_of_photos(lab) == KEPT + 1
    statuses = [(await lab.http.get(f"{PHOTOS}/{name}", headers=doctor.headers)).status_code for name in names]
    assert statuses == [404] * 2 + [200] * KEPT
    assert accounts.photos[f"/internal/accounts/{doctor.id}/photo"] == names[-1]


@pytest.mark.parametrize(("status", "answered"), [(404, 404), (503, 503), (500, 503), (403, 503)])
async def test_auth_service_does_not_take_it(lab: Lab, accounts: Accounts, status: int, answered: int) -> None:
    doctor = await lab.doctor()
    accounts.status = status
    answer = await upload(lab, pictures.png(), doctor.headers)
    assert answer.status_code == answered
    assert set(answer.json()) == {"message"}
    assert await number_of_photos(lab) == 0


async def test_a_limited_token_does_not_change_an_account(lab: Lab, accounts: Accounts) -> None:
    headers = lab.headers(7, Authority.DOCTOR, scope="annotate read")
    assert said(await upload(lab, pictures.png(), headers)) == (403, "用户没有权限")
    assert said(await upload(lab, pictures.png(), {})) == (401, "用户未登录")
    assert accounts.photos == {}
    for scope in ("annotate", "read"):
        scoped = lab.headers(7, Authority.DOCTOR, scope=scope)
        assert (await lab.http.get(f"{PHOTOS}/default.png", headers=scoped)).status_code == 200
