"""The public pages of the gallery, and ImageHub's lists and deletions."""

import base64
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import text
from support.additions import colour_of, coloured, gallery_of
from support.gallery_pages import delete, get, groups_of
from support.imagehub import Hub
from support.pictures import encoded

from imagehub_service.gallery.revisions import repository as revisions

NOT_POSITIVE = {"code": -1, "hint": "positive invalid page.. dont try this again"}
EMPTY = {"code": 0, "hint": "database_empty"}
NO_GROUP = {"status": 0, "data": "invalid group.. dont try this again"}
NOT_FOUND = {"code": 0, "hint": "image_not_found"}
LINKS = {"src", "srcset", "width", "height", "thumbhash", "iiif"}


def size_of(data_url: str) -> tuple[int, int]:
    return Image.open(BytesIO(base64.b64decode(data_url.partition(",")[2]))).size


async def test_an_empty_gallery(hub: Hub) -> None:
    await hub.group()  # without pictures, it is not shown
    assert await get(hub, "/image/page") == EMPTY
    assert await get(hub, "/image/group") == NO_GROUP
    assert await get(hub, "/image", group=1, image_id=1) == NOT_FOUND
    assert await get(hub, "/image/download", group_id=1, image_id=1) == NOT_FOUND
    assert await get(hub, "/image/total-page") == {"totalPage": 0}
    for path, body in {
        "/admin/groups": {"data": []},
        "/admin/groups/images": {"code": 0, "hint": "empty_database"},
        "/admin/image?group_id=1": {"code": 0, "hint": "couldn't_get_image"},
    }.items():
        assert (await hub.http.get(path, headers=hub.admin)).json() == body


async def test_every_answer_about_a_picture(hub: Hub) -> None:
    group = await hub.group(title="Views", caption="From all sides")
    jpeg = encoded(Image.new("RGB", (1000, 400), (200, 30, 30)), "JPEG", quality=95)
    picture = await hub.picture(group, jpeg, name="a.jpg", title="Front", caption="From before")
    await hub.picture(group, coloured(7), name="b.png")
    links = {
        "src": f"/image/file/{picture.id}?w=700",
        "srcset": ", ".join(f"/image/file/{picture.id}?w={w} {w}w" for w in (180, 360, 700, 1000)),
        "width": 1000,
        "height": 400,
        "thumbhash": base64.b64encode(picture.thumbhash).decode(),
        "iiif": f"http://testserver/iiif/3/{picture.id}",
    }
    body = await get(hub, "/image/page")
    assert (body["code"], body["hint"], len(body["data"])) == (1, "got_images", 1)
    image = body["data"][0].pop("image")
    assert image.startswith("data:image/jpeg;base64,")
    assert size_of(image) == (180, 115)
    shown = {"group": 1, "image_name": "a.jpg", "title": "Views", "caption": "From all sides", "imageID": 1}
    assert body["data"][0] == {**links, **shown}

    body = await get(hub, "/image/group", group=group)
    assert (body["status"], [each["imageID"] for each in body["data"]]) == (1, [1, 2])
    assert size_of(body["data"][0].pop("image")) == (180, 115)
    own = {"group": 1, "imageID": 1, "imageName": "a.jpg", "title": "Front", "caption": "From before"}
    assert body["data"][0] == {**links, **own}
    assert body["data"][1]["image"].startswith("data:image/png;base64,")

    body = await get(hub, "/image", group=group, image_id=1)
    assert (body["code"], body["hint"]) == (1, "image_found")
    assert size_of(body["data"].pop("image")) == (700, 525)
    assert body["data"] == {**links, **own}
    assert (await get(hub, "/image", group=group, image_id=2))["data"]["title"] == "b.png"

    body = await get(hub, "/image/download", group_id=group, image_id=1)
    assert set(body) == {"code", "image", "hint"}
    assert (body["code"], body["hint"], body["image"]["image_name"]) == (1, "image_found", "a.jpg")
    assert size_of(body["image"]["image"]) == (1000, 400)

    answer = await hub.http.get("/admin/groups", headers=hub.admin)
    assert answer.json() == {"data": [1]}
    answer = await hub.http.get("/admin/groups/images", headers=hub.admin)
    names = [("a.jpg", 1), ("b.png", 2)]
    listed = [{"folder_name": "System", "image_id": number, "image_name": name} for name, number in names]
    assert answer.json() == {"code": 1, "data": {"1": {"images": listed}}}
    for query, colour in {"": (200, 30, 30), "&image_id=2": (7, 0, 128)}.items():
        answer = await hub.http.get(f"/admin/image?group_id=1{query}", headers=hub.admin)
        assert (answer.json()["code"], answer.json()["hint"]) == (1, "got_image")
        found = colour_of(answer.json()["image"])
        assert max(abs(one - other) for one, other in zip(found, colour, strict=True)) < 6


async def test_a_download_is_what_browsers_show(hub: Hub) -> None:
    """The preview where there is one, and never the metadata."""
    exif = Image.Exif()
    exif[0x010E] = "taken at a secret place"
    photograph = encoded(Image.new("RGB", (90, 60)), "JPEG", exif=exif, comment=b"a secret comment")
    picture = await hub.picture(await hub.group(), photograph, name='a "quoted" näme.jpg')
    body = await get(hub, "/image/download", group_id=1, image_id=1)
    assert body["image"]["image_name"] == 'a "quoted" näme.jpg'
    assert body["image"]["image"].startswith("data:image/jpeg;base64,")
    assert size_of(body["image"]["image"]) == (90, 60)
    sent = base64.b64decode(body["image"]["image"].partition(",")[2])
    assert (b"secret" in photograph, b"secret" in sent) == (True, False)
    async with hub.database.writing() as session:
        preview = await hub.services.blobs.put(session, coloured(9, (30, 20)))
        statement = text("UPDATE pictures SET preview_sha256 = :preview WHERE id = :id")
        await session.execute(statement, {"preview": preview, "id": picture.id})
    body = await get(hub, "/image/download", group_id=1, image_id=1)
    assert body["image"]["image"].startswith("data:image/png;base64,")
    assert size_of(body["image"]["image"]) == (30, 20)


async def test_a_large_picture_is_sent_in_pieces(hub: Hub) -> None:
    noise = encoded(Image.effect_noise((1500, 1200), 90), "PNG")
    assert len(noise) > 1_500_000
    await hub.picture(await hub.group(), noise)
    body = await get(hub, "/image/download", group_id=1, image_id=1)
    assert base64.b64decode(body["image"]["image"].partition(",")[2], validate=True) == noise


async def test_pages_of_twelve_in_the_order_of_positions(hub: Hub) -> None:
    numbers = [await hub.group() for _ in range(30)]
    for number in numbers:
        if number != 5:
            await hub.picture(number)
    shown = [number for number in numbers if number != 5]
    assert [await groups_of(hub, page) for page in (1, 2, 3, 4)] == [shown[:12], shown[12:24], shown[24:], []]
    assert await get(hub, "/image/total-page") == {"totalPage": 3}
    async with hub.database.writing() as session:
        await session.execute(text("UPDATE groups SET position = 0.5 WHERE id = 30"))
        await revisions.changed(session, order=True)
    assert (await groups_of(hub))[:2] == [30, 1]


async def test_the_cover_stands_for_a_group(hub: Hub) -> None:
    group = await hub.group()
    pictures = [await hub.picture(group, coloured(number)) for number in range(3)]
    for cover, expected in ((pictures[2].id, 3), (99_999, 1), (None, 1)):
        async with hub.database.writing() as session:
            await session.execute(text("UPDATE groups SET cover_id = :cover"), {"cover": cover})
            await revisions.changed(session, order=False)
        assert (await get(hub, "/image/page"))["data"][0]["imageID"] == expected
    async with hub.database.writing() as session:
        await session.execute(text("UPDATE pictures SET position = 9 WHERE image_id = 1"))
        await revisions.changed(session, order=False)
    assert (await get(hub, "/image/page"))["data"][0]["imageID"] == 2


@pytest.mark.parametrize(
    ("page", "expected"),
    [(0, NOT_POSITIVE), (-1, NOT_POSITIVE), (-(10**30), NOT_POSITIVE), (2, EMPTY), (10**12, EMPTY), (10**300, EMPTY)],
)
async def test_pages_that_do_not_exist(hub: Hub, page: int, expected: Any) -> None:
    await hub.picture(await hub.group())
    assert await get(hub, "/image/page", page=page) == expected


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/image/page?page=x", "page"),
        ("/image/page?page=", "page"),
        ("/image/page?page=1.5", "page"),
        ("/image/group?group=x", "group"),
        ("/image?group=1", "image_id"),
        ("/image?image_id=1", "group"),
        ("/image?group=1&image_id=x", "image_id"),
        ("/image/download?group_id=1", "image_id"),
        ("/image/download?group_id=x&image_id=1", "group_id"),
        ("/admin/image", "group_id"),
        ("/admin/image?group_id=1&image_id=x", "image_id"),
    ],
)
async def test_queries_that_are_not_valid_name_the_field(hub: Hub, path: str, field: str) -> None:
    answer = await hub.http.get(path, headers=hub.admin)
    assert answer.status_code == 422
    assert [each["loc"] for each in answer.json()["detail"]] == [["query", field]]


@pytest.mark.parametrize("number", [0, -1, 2, 2**31, 2**63, 10**30])
async def test_numbers_that_no_picture_has(hub: Hub, number: int) -> None:
    await hub.picture(await hub.group())
    assert await get(hub, "/image/group", group=number) == NO_GROUP
    for group, image_id in ((number, 1), (1, number)):
        assert await get(hub, "/image", group=group, image_id=image_id) == NOT_FOUND
        assert await get(hub, "/image/download", group_id=group, image_id=image_id) == NOT_FOUND
        answer = await hub.http.get(f"/admin/image?group_id={group}&image_id={image_id}", headers=hub.admin)
        assert answer.json() == {"code": 0, "hint": "couldn't_get_image"}
        assert (await delete(hub, (group, image_id)))["deleted"] == 0


async def test_the_last_picture_takes_its_group_along(hub: Hub) -> None:
    for _ in range(13):
        group = await hub.group()
        await hub.picture(group)
    await hub.picture(13)
    assert await get(hub, "/image/total-page") == {"totalPage": 2}
    assert (await delete(hub, (13, 1), (13, "1"), (13, 9), (99, 1)))["deleted"] == 1
    assert await groups_of(hub, 2) == [13]
    assert (await delete(hub, (13, "2")))["code"] == 1
    assert await groups_of(hub, 2) == []
    assert await get(hub, "/image/total-page") == {"totalPage": 1}
    assert await get(hub, "/image/group", group=13) == NO_GROUP
    assert (await hub.http.get("/admin/groups", headers=hub.admin)).json()["data"] == list(range(1, 13))
    assert (await hub.picture(13)).image_id == 3  # numbers are never used again


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "image_list"),
        ({"image_list": []}, "image_list"),
        ({"image_list": None}, "image_list"),
        ({"image_list": {"x": []}}, ""),
        ({"image_list": {"1": {}}}, "image_list.1"),
        ({"image_list": {"1": [1]}}, "image_list.1.0"),
        ({"image_list": {"1": [{}]}}, "image_list.1.0.image_id"),
        ({"image_list": {"1": [{"image_id": "x"}]}}, "image_list.1.0.image_id"),
        ({"image_list": {"1": [{"image_id": None}]}}, "image_list.1.0.image_id"),
        ({"image_list": {"1": [{"image_id": True}]}}, "image_list.1.0.image_id"),
        ({"image_list": {"1": [{"image_id": 1.5}]}}, "image_list.1.0.image_id"),
    ],
)
async def test_deletions_that_are_not_valid_change_nothing(hub: Hub, body: Any, field: str) -> None:
    await hub.picture(await hub.group())
    answer = await hub.http.post("/admin/delete/image", json=body, headers=hub.admin)
    assert answer.status_code == 422
    (wrong,) = answer.json()["detail"]
    assert (".".join(str(part) for part in wrong["loc"][1:]), "image_list" in str(wrong)) == (field, True)
    assert len(await gallery_of(hub.database)) == 1


async def test_a_deletion_of_very_many(hub: Hub) -> None:
    await hub.picture(await hub.group())
    listed = {str(group): [{"image_id": 1}] for group in range(1, 60_000)}
    answer = await hub.http.post("/admin/delete/image", json={"image_list": listed}, headers=hub.admin)
    assert answer.json()["deleted"] == 1
    assert (await hub.http.post("/admin/delete/image", json={"image_list": {}}, headers=hub.admin)).json()["code"] == 1


COLUMNS = """name, folder_name, sha256, media_type, width, height, size, thumbhash, difference_hash, drive,
    drive_item_id, added_by"""
MANY_PICTURES = (
    f"""INSERT INTO pictures (group_id, image_id, position, {COLUMNS})
        SELECT 1, n, n % 7, {COLUMNS} FROM pictures, generate_series(2, 2500) n""",  # noqa: S608
    """INSERT INTO small_pictures SELECT p.id, s.size, s.media_type, s.data FROM small_pictures s, pictures p
        WHERE p.image_id > 1""",
    "UPDATE groups SET picture_count = 2500, next_image_id = 2501",
)


async def test_a_group_of_many_pictures_comes_whole_and_in_order(hub: Hub) -> None:
    group = await hub.group()
    first = await hub.picture(group)
    async with hub.database.writing() as session:
        for statement in MANY_PICTURES:
            await session.execute(text(statement))
        await revisions.changed(session, order=False)
    body = await get(hub, "/image/group", group=group)
    by_position = sorted(range(1, 2501), key=lambda n: (1 if n == 1 else n % 7, n))
    assert [each["imageID"] for each in body["data"]] == by_position
    names = (await hub.http.get("/admin/groups/images", headers=hub.admin)).json()["data"]["1"]["images"]
    assert [each["image_id"] for each in names] == list(range(1, 2501))
    assert first.image_id == 1
