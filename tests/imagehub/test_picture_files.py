"""/image/file/{id}: the whole picture without metadata, sizes, formats, conditions, ranges, and who sees it."""

import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO
from typing import Any

import anyio
import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from sqlalchemy import delete, event, update
from starlette.responses import Response
from support import pictures
from support.asgi import WithState, client_of, running
from support.gateway import Key
from support.imagehub import Hub, MakeHubSettings
from support.kit import verifier_of

from imagehub_service.app import create_app
from imagehub_service.gallery.pictures.models import Picture
from imagehub_service.gallery.revisions import repository as revisions
from imagehub_service.picture_files.formats import accepts_webp
from imagehub_service.picture_files.repository import Place
from imagehub_service.picture_files.watch import LARGEST_KEPT, LONGEST_SECONDS, GalleryWatch, Shown
from imagehub_service.renditions.fitting import Box, Fit, fitted
from imagehub_service.visibility import Visibility
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database
from lightbox_shared.images import MediaType

CHROMIUM = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
SECRET = b"PHANTOM^SYNTHETIC"


def photograph(orientation: int = 6, width: int = 400, height: int = 300) -> bytes:
    """A JPEG that is stored lying, with metadata."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = SECRET.decode()
    ramp = np.linspace(0, 255, width * height).reshape(height, width).astype(np.uint8)
    return pictures.encoded(Image.fromarray(ramp).convert("RGB"), "JPEG", exif=exif, comment=SECRET)


def opened(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(BytesIO(answer.content))


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements of requests that are sent until the end of the context."""
    seen: list[str] = []

    def record(*about: object) -> None:
        if "gallery_revisions" not in str(about[2]):
            seen.append(str(about[2]))

    event.listen(database.engine.sync_engine, "before_cursor_execute", record)
    yield seen
    event.remove(database.engine.sync_engine, "before_cursor_execute", record)


@asynccontextmanager
async def hub_with(make_settings: MakeHubSettings, key: Key, **changes: Any) -> AsyncIterator[Hub]:
    """A further process of the service, on the same database."""
    async with running(create_app(make_settings(**changes))) as app:
        service = WithState(app.app, {**app.state, "tokens": verifier_of(key)})
        async with client_of(service) as client:
            yield Hub(service, client, key)


async def remove(hub: Hub, picture: Picture) -> None:
    async with hub.database.writing() as session:
        await session.execute(delete(Picture).where(Picture.id == picture.id))
        await revisions.changed(session, order=True)


async def test_the_whole_picture_without_its_metadata(hub: Hub) -> None:
    data = photograph()
    picture = await hub.picture(await hub.group(), data)
    answer = await hub.http.get(f"/image/file/{picture.id}", headers={"Accept": CHROMIUM})
    shown = opened(answer)
    assert (answer.headers["content-type"], shown.size) == ("image/jpeg", (400, 300))
    assert SECRET in data
    assert SECRET not in answer.content
    np.testing.assert_array_equal(np.asarray(shown), np.asarray(Image.open(BytesIO(data))))
    assert ImageOps.exif_transpose(shown).size == (picture.width, picture.height) == (300, 400)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "vary" not in answer.headers


async def test_metadata_stay_if_the_setting_says_so(make_settings: MakeHubSettings, signing_key: Key) -> None:
    async with hub_with(make_settings, signing_key, keep_metadata=True) as hub:
        picture = await hub.picture(await hub.group(), photograph())
        assert (await hub.http.get(f"/image/file/{picture.id}")).content == photograph()


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (CHROMIUM, "image/webp"),
        ("image/webp", "image/webp"),
        ("*/*", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("image/webp;q=0.1, image/jpeg", "image/jpeg"),
        ("image/webp;q=0, */*", "image/jpeg"),
        ("text/html", "image/jpeg"),
        ("nonsense", "image/jpeg"),
    ],
)
async def test_the_format_is_negotiated(hub: Hub, accept: str, media_type: str) -> None:
    picture = await hub.picture(await hub.group(), photograph())
    for _ in range(2):  # once made, once from memory
        answer = await hub.http.get(f"/image/file/{picture.id}?w=150", headers={"Accept": accept})
        assert (answer.headers["content-type"], answer.headers["vary"]) == (media_type, "Accept")
        assert opened(answer).size == (150, 200)


async def test_without_a_preference_it_is_the_pictures_own_format(hub: Hub) -> None:
    assert not accepts_webp(None)
    group = await hub.group()
    for data, media_type in (
        (photograph(), "image/jpeg"),
        (pictures.png(), "image/png"),
        (pictures.gif(3), "image/png"),  # of an animation a preview was made
        (pictures.encoded(pictures.GREY, "GIF"), "image/gif"),
        (pictures.encoded(pictures.GREY, "BMP"), "image/bmp"),
        (pictures.encoded(pictures.GREY, "TIFF"), "image/png"),
        (pictures.dicom(), "image/png"),
    ):
        picture = await hub.picture(group, data)
        answer = await hub.http.get(f"/image/file/{picture.id}")
        assert answer.headers["content-type"] == media_type
        small = await hub.http.get(f"/image/file/{picture.id}?w=1")
        own = picture.media_type if media_type == "image/png" and picture.media_type == "image/gif" else media_type
        assert small.headers["content-type"] == own
        assert opened(small).width == 1


@pytest.mark.parametrize("query", ["w=0", "w=-1", "h=10001", "w=x", "w=1.5", "fit=crop", "w=", "h=1e3", "w=10&h=%00"])
async def test_a_wrong_size_is_named(hub: Hub, query: str) -> None:
    picture = await hub.picture(await hub.group())
    answer = await hub.http.get(f"/image/file/{picture.id}?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "query"


@pytest.mark.parametrize("picture_id", ["0", "-1", "x", str(2**63), "9" * 40, "%00"])
async def test_a_wrong_id(hub: Hub, picture_id: str) -> None:
    answer = await hub.http.get(f"/image/file/{picture_id}")
    assert answer.status_code == 422
    assert (await hub.http.get(f"/image/file/{2**63 - 1}")).status_code == 404


async def test_conditions_and_ranges(hub: Hub) -> None:
    picture = await hub.picture(await hub.group(), photograph())
    for path in (f"/image/file/{picture.id}", f"/image/file/{picture.id}?w=100"):
        whole = await hub.http.get(path)
        etag, size = whole.headers["etag"], len(whole.content)
        for headers in ({"If-None-Match": etag}, {"If-Modified-Since": whole.headers["last-modified"]}):
            for _ in range(2):
                answer = await hub.http.get(path, headers=headers)
                assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert (await hub.http.get(path, headers={"If-Match": '"x"'})).status_code == 412
        for header, start, stop in (("0-9", 0, 10), ("5-", 5, size), ("-7", size - 7, size), ("0-99999999", 0, size)):
            answer = await hub.http.get(path, headers={"Range": f"bytes={header}"})
            assert (answer.status_code, answer.content) == (206, whole.content[start:stop])
            assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert (await hub.http.get(path, headers={"Range": f"bytes={size}-"})).status_code == 416
        other = await hub.http.get(path, headers={"Range": "bytes=0-3", "If-Range": '"x"'})
        assert (other.status_code, other.content) == (200, whole.content)
        head = await hub.http.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(size)


async def test_no_rendition_is_made_for_a_client_that_has_it(hub: Hub) -> None:
    picture = await hub.picture(await hub.group(), photograph())
    first = await hub.http.get(f"/image/file/{picture.id}?w=99")
    hub.services.watch.responses.clear()
    decoded = hub.services.renditions.decoded.decoded
    answer = await hub.http.get(f"/image/file/{picture.id}?w=99", headers={"If-None-Match": first.headers["etag"]})
    assert (answer.status_code, hub.services.renditions.decoded.decoded) == (304, decoded)


async def test_a_large_picture_is_sent_in_chunks_and_without_its_metadata(hub: Hub) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (1500, 1200, 3), dtype=np.uint8)
    data = pictures.encoded(Image.fromarray(noise), "JPEG", quality=100, subsampling=0, comment=SECRET)
    assert len(data) > LARGEST_KEPT
    picture = await hub.picture(await hub.group(), data)
    answer = await hub.http.get(f"/image/file/{picture.id}")
    assert answer.headers["content-length"] == str(len(answer.content))
    assert SECRET not in answer.content
    np.testing.assert_array_equal(np.asarray(opened(answer)), np.asarray(Image.open(BytesIO(data))))
    part = await hub.http.get(f"/image/file/{picture.id}", headers={"Range": "bytes=7-"})
    assert part.content == answer.content[7:]


async def test_the_same_rendition_is_made_once_for_all(hub: Hub) -> None:
    picture = await hub.picture(await hub.group(), photograph())
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await hub.http.get(f"/image/file/{picture.id}?w=120"))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(ask)
    assert {each.status_code for each in answers} == {200}
    assert len({each.content for each in answers}) == 1
    assert hub.services.renditions.decoded.decoded == 1


async def test_what_is_asked_for_again_comes_from_memory(hub: Hub) -> None:
    picture = await hub.picture(await hub.group(), photograph())
    path = f"/image/file/{picture.id}?w=100"
    await hub.services.watch.verify()  # it has seen the new picture: what is read from now on may be kept
    first = await hub.http.get(path, headers={"Accept": CHROMIUM})
    with statements(hub.database) as sent:
        again = await hub.http.get(path, headers={"Accept": CHROMIUM})
        unchanged = await hub.http.get(path, headers={"Accept": CHROMIUM, "If-None-Match": first.headers["etag"]})
    assert sent == []
    assert again.content == first.content
    assert {**again.headers, "x-request-id": ""} == {**first.headers, "x-request-id": ""}
    assert (unchanged.status_code, unchanged.content) == (304, b"")


async def test_a_picture_that_is_deleted_here_is_gone_at_once(hub: Hub) -> None:
    gone, kept = [await hub.picture(await hub.group(), photograph()) for _ in range(2)]
    await hub.services.watch.verify()
    for picture in (gone, kept):
        assert (await hub.http.get(f"/image/file/{picture.id}?w=100")).status_code == 200
    await remove(hub, gone)
    await hub.http.post("/api/gallery/pictures/nothing", headers=hub.admin)  # any request that may change the gallery
    assert (await hub.http.get(f"/image/file/{gone.id}?w=100")).status_code == 404
    assert (await hub.http.get(f"/image/file/{gone.id}")).status_code == 404
    await hub.services.watch.verify()
    with statements(hub.database) as sent:
        assert (await hub.http.get(f"/image/file/{kept.id}?w=100")).status_code == 200
    assert sent == []


async def test_a_picture_that_another_process_deletes_is_gone_within_a_second(
    hub: Hub, make_settings: MakeHubSettings, signing_key: Key
) -> None:
    picture = await hub.picture(await hub.group(), photograph())
    path = f"/image/file/{picture.id}?w=100"
    async with hub_with(make_settings, signing_key) as other:
        for each in (hub, other):
            assert (await each.http.get(path)).status_code == 200
        await remove(other, picture)
        with anyio.fail_after(5):  # a second, and some time for a machine that is busy
            while (await hub.http.get(path)).status_code != 404:  # noqa: ASYNC110 - the clock decides
                await anyio.sleep(0.02)


async def test_without_a_look_at_the_gallery_nothing_comes_from_memory(hub: Hub) -> None:
    picture = await hub.picture(await hub.group(), photograph())
    await hub.http.get(f"/image/file/{picture.id}?w=100")
    hub.services.watch.doubt()
    assert hub.services.watch.responses.get(f"/image/file/{picture.id}?w=100".encode()) is None
    with statements(hub.database) as sent:
        assert (await hub.http.get(f"/image/file/{picture.id}?w=100")).status_code == 200
    assert sent


async def test_what_was_verified_too_long_ago_does_not_come_from_memory(hub: Hub) -> None:
    now = 0.0
    watch = GalleryWatch(hub.database, limit=100_000, clock=lambda: now)
    await watch.verify()
    shown = Shown(Place(1, 1), None)
    generation = watch.responses.generation
    watch.responses.store(b"/", shown, "etag", Response(b"x"), route="/", generation=generation)
    await hub.picture(await hub.group())  # number 1
    await watch.verify()
    now = LONGEST_SECONDS * 0.99
    assert watch.responses.get(b"/") is not None
    now = LONGEST_SECONDS
    assert watch.responses.get(b"/") is None
    await watch.verify()
    assert watch.responses.get(b"/") is not None
    await hub.group()
    async with hub.database.writing() as session:
        await session.execute(delete(Picture))
        await revisions.changed(session, order=True)
    await watch.verify()
    assert watch.responses.peek(b"/") is None
    watch.responses.store(b"/", shown, "etag", Response(b"x"), route="/", generation=generation)
    assert watch.responses.peek(b"/") is None  # it was read before the deletion


async def test_a_picture_that_has_moved_is_seen_by_those_who_see_its_group(hub: Hub) -> None:
    picture = await hub.picture(await hub.group(), photograph())
    await hub.http.get(f"/image/file/{picture.id}?w=100")
    other = await hub.group()
    async with hub.database.writing() as session:
        await session.execute(update(Picture).where(Picture.id == picture.id).values(group_id=other))
        await revisions.changed(session, order=True)
    await hub.services.watch.verify()
    assert {each.place.group_id for each in hub.services.watch.responses.subjects()} <= {other}


@pytest.mark.parametrize("visibility", [Visibility.ACCOUNTS, Visibility.APPROVED])
async def test_a_closed_gallery(make_settings: MakeHubSettings, signing_key: Key, visibility: Visibility) -> None:
    async with hub_with(make_settings, signing_key, gallery_visibility=visibility) as hub:
        picture = await hub.picture(await hub.group(), photograph())
        doctor, waiting = hub.headers(Authority.DOCTOR), hub.headers(Authority.NONE)
        allowed = 403 if visibility is Visibility.APPROVED else 200
        for path in (f"/image/file/{picture.id}", f"/image/file/{picture.id}?w=50", f"/iiif/3/{picture.id}/info.json"):
            for _ in range(2):  # the second time from memory
                answer = await hub.http.get(path, headers=doctor)
                assert answer.status_code == 200
                assert answer.headers["cache-control"].startswith("private")
                assert "access-control-allow-origin" not in answer.headers
                assert (await hub.http.get(path)).status_code == 401
                assert (await hub.http.get(path, headers={"Authorization": "Bearer x"})).status_code == 401
                assert (await hub.http.get(path, headers=waiting)).status_code == allowed
                wrong_scope = hub.headers(Authority.DOCTOR, scope="collect")
                assert (await hub.http.get(path, headers=wrong_scope)).status_code == 403


async def test_a_bad_token_is_refused_from_memory_too(hub: Hub) -> None:
    picture = await hub.picture(await hub.group(), photograph())
    for _ in range(2):
        assert (await hub.http.get(f"/image/file/{picture.id}")).status_code == 200
        bad = await hub.http.get(f"/image/file/{picture.id}", headers={"Authorization": "Bearer x"})
        assert bad.status_code == 401


async def test_the_original_for_administrators(hub: Hub) -> None:
    data = photograph()
    picture = await hub.picture(await hub.group(), data, name='a "picture" 图.jpg')
    path = f"/api/gallery/pictures/{picture.id}/original"
    answer = await hub.http.get(path, headers=hub.admin)
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-disposition"] == ("attachment; filename*=UTF-8''a%20%22picture%22%20%E5%9B%BE.jpg")
    assert (await hub.http.get(path)).status_code == 401
    assert (await hub.http.get(path, headers=hub.headers(Authority.EXPERT))).status_code == 403
    assert (await hub.http.get("/api/gallery/pictures/99/original", headers=hub.admin)).status_code == 404


async def test_the_original_for_other_services(hub: Hub) -> None:
    data = pictures.dicom()
    picture = await hub.picture(await hub.group(), data)
    service = {"Authorization": f"Bearer {hub.key.token(sub='service:annotation-service')}"}
    answer = await hub.http.get(f"/internal/pictures/{picture.id}", headers=service)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, data, "application/dicom")
    assert (await hub.http.get(f"/internal/pictures/{picture.id}")).status_code == 401
    assert (await hub.http.get(f"/internal/pictures/{picture.id}", headers=hub.admin)).status_code == 403


SIDES = st.integers(1, 5000)


@given(SIDES, SIDES, st.none() | st.integers(1, 10_000), st.none() | st.integers(1, 10_000), st.sampled_from(Fit))
def test_fitting(width: int, height: int, w: int | None, h: int | None, fit: Fit) -> None:
    made = fitted(width, height, Box(w, h, fit), MediaType.PNG)
    assert made.out_width <= min(made.width, w or made.width)
    assert made.out_height <= min(made.height, h or made.height)
    assert 0 <= made.left <= made.left + made.width <= width
    assert 0 <= made.top <= made.top + made.height <= height
    stretched = abs(made.out_width * made.height - made.out_height * made.width)
    if fit is not Fit.FILL or w is None or h is None:
        assert stretched <= max(made.width, made.height) / 2 + made.width + made.height  # of half a pixel
    if fit is Fit.COVER and w is not None and h is not None and w <= width and h <= height:
        assert (made.out_width, made.out_height) == (w, h)
        assert made.width == width or made.height == height
    if fit is Fit.FILL and w is not None and h is not None:
        assert (made.out_width, made.out_height) == (min(w, width), min(h, height))
    if fit is Fit.CONTAIN:
        assert (made.width, made.height) == (width, height)
        largest = w is None and h is None, made.out_width in {w, width}, made.out_height in {h, height}
        assert any(largest)


async def test_a_download_has_no_metadata_either(hub: Hub) -> None:
    picture = await hub.picture(await hub.group(), photograph())
    address = {"group_id": picture.group_id, "image_id": picture.image_id}
    answer = (await hub.http.get("/image/download", params=address)).json()
    media_type, _, text = answer["image"]["image"].partition(";base64,")
    assert media_type == "data:image/jpeg"
    assert base64.b64decode(text) == (await hub.http.get(f"/image/file/{picture.id}")).content
