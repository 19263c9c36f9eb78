"""Pictures as administrators find and describe them."""

import hashlib
import unicodedata
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.gallery import Gallery
from support.imagehub import Hub

from imagehub_service.gallery.pictures.schemas import PictureChanges
from imagehub_service.gallery.text_fields import tag_key

NOT_VALID: tuple[tuple[str, str, Any, str], ...] = (
    ("PATCH", "/pictures/1", {"name": None}, ""),
    ("PATCH", "/pictures/1", {"name": " "}, "name"),
    ("PATCH", "/pictures/1", {"name": "a\nb"}, "name"),
    ("PATCH", "/pictures/1", {"name": "x" * 256}, "name"),
    ("PATCH", "/pictures/1", {"name": ["x"]}, "name"),
    ("PATCH", "/pictures/1", {"title": "x" * 301}, "title"),
    ("PATCH", "/pictures/1", {"caption": "\0"}, "caption"),
    ("PATCH", "/pictures/1", {"caption": 1.5}, "caption"),
    ("PATCH", "/pictures/1", {"tags": None}, ""),
    ("PATCH", "/pictures/1", {"tags": "hand"}, "tags"),
    ("PATCH", "/pictures/1", {"tags": [" "]}, "tags.0"),
    ("PATCH", "/pictures/1", {"tags": ["a", "b\tc"]}, "tags.1"),
    ("PATCH", "/pictures/1", {"tags": ["x" * 101]}, "tags.0"),
    ("PATCH", "/pictures/1", {"tags": [7]}, "tags.0"),
    ("PATCH", "/pictures/1", {"tags": [f"{number}" for number in range(51)]}, "tags"),
    ("PATCH", "/pictures/1", {"group": 2}, "group"),
    ("PUT", "/pictures/1/position", {"after": 1}, "after"),
    ("PUT", "/pictures/1/position", {"after": 99}, "after"),
    ("PUT", "/pictures/1/position", {"before": 3}, "before"),
    ("GET", "/pictures?q=%00", None, "q"),
    ("GET", f"/pictures?q={'x' * 201}", None, "q"),
    ("GET", "/pictures?tag=%00", None, "tag.0"),
    ("GET", "/pictures?group=0", None, "group"),
    ("GET", f"/pictures?group={2**63}", None, "group"),
    ("GET", "/pictures?from=yesterday", None, "from"),
    ("GET", "/pictures?to=2026-02-30", None, "to"),
    ("GET", "/pictures?to=2026-02-01T00:00:00", None, "to"),
    ("GET", "/pictures?from=2026-02-02&to=2026-02-01", None, "to"),
    ("GET", "/pictures?sha256=ab", None, "sha256"),
    ("GET", f"/pictures?sha256={'g' * 64}", None, "sha256"),
    ("GET", "/pictures?media_type=a%20b", None, "media_type"),
    ("GET", "/pictures?similar_to=99", None, "similar_to"),
    ("GET", "/pictures?similar_to=1&distance=33", None, "distance"),
    ("GET", "/pictures?cursor=x", None, "cursor"),
    ("GET", "/pictures?group=1&cursor=djE6OTIyMTEyMDIzNzA0MTA5MDU2MA", None, "cursor"),
    ("GET", "/tags?q=%00", None, "q"),
    ("GET", "/duplicates?kind=other", None, "kind"),
    ("GET", "/duplicates?distance=8", None, "distance"),
    ("GET", "/duplicates?limit=101", None, "limit"),
    ("GET", "/duplicates?cursor=x", None, "cursor"),
)


async def found(gallery: Gallery, **parameters: Any) -> list[int]:
    """The ids of the pictures that are listed."""
    return [each["id"] for each in await gallery.listed("/pictures", "pictures", **parameters)]


async def test_a_picture_with_its_links(hub: Hub) -> None:
    gallery = Gallery.of(hub)
    group = await hub.group()
    picture = await hub.picture(group, title="The left hand", tags=["hand"])
    answer = await gallery.call("GET", f"/pictures/{picture.id}")
    body = answer.json()
    assert answer.headers["etag"] == f'"{picture.id}-1"'
    assert body["src"] == f"/image/file/{picture.id}?w=64"
    assert body["iiif"] == f"http://testserver/iiif/3/{picture.id}"
    assert body["original"] == f"/api/gallery/pictures/{picture.id}/original"
    assert (body["width"], body["height"], body["group"], body["image_id"]) == (64, 48, group, 1)
    assert (body["title"], body["tags"], body["media_type"]) == ("The left hand", ["hand"], "image/png")
    assert body["sha256"] == picture.sha256.hex()
    [listed] = await gallery.listed("/pictures", "pictures")
    assert listed == {**body, "distance": None}
    assert await found(gallery, sha256=picture.sha256.hex().upper()) == [picture.id]
    assert await found(gallery, sha256="0" * 64) == []


async def test_what_is_written_about_a_picture(gallery: Gallery) -> None:
    picture = await gallery.picture(await gallery.group(), title="a", caption="b")
    changed = await gallery.ok(
        "PATCH", f"/pictures/{picture}", {"name": " hand.jpg ", "title": None, "tags": ["Hand ", "HAND", "left"]}
    )
    assert (changed["name"], changed["title"], changed["caption"]) == ("hand.jpg", None, "b")
    assert changed["tags"] == ["Hand", "left"]
    etag = (await gallery.call("GET", f"/pictures/{picture}")).headers["etag"]
    for status in (200, 412):
        answer = await gallery.call("PATCH", f"/pictures/{picture}", {"title": "c"}, headers={"If-Match": etag})
        assert answer.status_code == status
    assert (await gallery.call("DELETE", f"/pictures/{picture}", headers={"If-Match": etag})).status_code == 412
    await gallery.ok("DELETE", f"/pictures/{picture}")
    await gallery.check_counters()
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {}),
        ("DELETE", "", None),
        ("PUT", "/position", {"after": 1}),
    ):
        answer = await gallery.call(method, f"/pictures/{picture}{path}", body)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-such-picture")


async def test_deletions_are_in_the_audit_trail(gallery: Gallery) -> None:
    group = await gallery.filled(2)
    picture, other = await gallery.order(group)
    etag = (await gallery.call("GET", f"/pictures/{picture}")).headers["etag"]
    await gallery.ok("PATCH", f"/pictures/{picture}", {"title": "another"})
    gallery.audit.is_down = True
    assert (await gallery.call("DELETE", f"/pictures/{picture}")).status_code == 503
    gallery.audit.is_down = False
    assert (await gallery.call("DELETE", f"/pictures/{picture}", headers={"If-Match": etag})).status_code == 412
    assert await gallery.order(group) == [picture, other]
    await gallery.ok("DELETE", f"/pictures/{picture}")
    assert (await gallery.call("DELETE", f"/pictures/{picture}")).status_code == 404
    assert gallery.audit.entries == [
        ("gallery-picture-deleted", 2, "127.0.0.1", {"picture": picture, "group": group}),
    ]


async def test_a_deleted_cover_is_none_any_more(gallery: Gallery) -> None:
    group, other = await gallery.filled(3), await gallery.group()
    cover, second, _ = await gallery.order(group)
    for picture, leave in ((cover, ("DELETE", f"/pictures/{cover}", None)), (second, ("POST", "", None))):
        await gallery.ok("PATCH", f"/groups/{group}", {"cover": picture})
        method, path, _ = leave
        if method == "DELETE":
            await gallery.ok("DELETE", path)
        else:
            await gallery.ok("POST", f"/groups/{other}/pictures", {"pictures": [second]})
        assert (await gallery.ok("GET", f"/groups/{group}"))["cover"] is None
    await gallery.check_counters()


async def test_pictures_are_found_by_words(gallery: Gallery) -> None:
    group = await gallery.group()
    hand = await gallery.picture(group, name="IMG_0007.JPG", title="Die linke HAND", caption="Größe: 50%_a")
    lung = await gallery.picture(group, name="lung.png", title="Ärzte и врачи")
    for words, expected in {
        "": [lung, hand],
        "img_0007": [hand],
        "0007.j": [hand],
        "hand": [hand],
        "GRÖSSE": [],
        "GRÖßE": [hand],
        "ärz": [lung],
        unicodedata.normalize("NFD", "ÄRZTE"): [lung],
        "ВРАЧИ": [lung],
        "g": [lung, hand],
        "JP": [hand],
        "zz": [],
        "50%_a": [hand],
        "50%a": [],
        "5_%": [],
        "%": [hand],
        "\\": [],
        "' OR 1=1": [],
        "jpg\ndie": [hand],
        "lung.pngärzte": [],
    }.items():
        assert await found(gallery, q=words) == expected, words


async def test_words_are_found_after_they_were_changed(gallery: Gallery) -> None:
    picture = await gallery.picture(await gallery.group(), title="before")
    await gallery.ok("PATCH", f"/pictures/{picture}", {"title": "afterwards"})
    assert (await found(gallery, q="before"), await found(gallery, q="terwar")) == ([], [picture])


async def test_filters_and_their_pages(gallery: Gallery) -> None:
    one, two = await gallery.group(), await gallery.group()
    first = await gallery.picture(one, tags=["Hand", "left"], created_at="2026-01-01T00:00:00Z")
    second = await gallery.picture(one, tags=["HAND"], created_at="2026-01-01T23:59:59.999Z", media_type="image/png")
    third = await gallery.picture(two, tags=["lung"], created_at="2026-01-02T00:00:00Z")
    for parameters, expected in (
        ({}, [third, second, first]),
        ({"tag": "hand"}, [second, first]),
        ({"tag": ["hand", "LEFT"]}, [first]),
        ({"tag": ["hand", "lung"]}, []),
        ({"tag": "han"}, []),
        ({"group": one}, [first, second]),
        ({"group": 99}, []),
        ({"from": "2026-01-02"}, [third]),
        ({"to": "2026-01-01"}, [second, first]),
        ({"from": "2026-01-01", "to": "2026-01-01"}, [second, first]),
        ({"from": "2026-01-02T00:00:00+08:00"}, [third, second]),
        ({"from": "2026-01-02 00:00:00 08:00"}, [third, second]),
        ({"to": "2026-01-02T00:00:00Z"}, [second, first]),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-02"}, [third]),
        ({"from": "0001-01-01", "to": "9999-12-31"}, [third, second, first]),
        ({"media_type": "image/png"}, [second]),
        ({"group": one, "tag": "left", "q": "picture-"}, [first]),
    ):
        assert await found(gallery, **parameters) == expected, parameters
        assert await found(gallery, limit=1, **parameters) == expected, parameters


async def test_similar_pictures_come_nearest_first(gallery: Gallery) -> None:
    group = await gallery.group()
    bits = (0, 0b111, 0b1, -1, 0b1111111, 0b11, 0)
    zero, three, one, all_bits, seven, two, same = [await gallery.picture(group, difference_hash=each) for each in bits]
    assert await found(gallery, similar_to=zero) == [same, one, two, three]
    assert await found(gallery, similar_to=zero, limit=1) == [same, one, two, three]
    assert await found(gallery, similar_to=zero, distance=7) == [same, one, two, three, seven]
    assert await found(gallery, similar_to=zero, distance=0) == [same]
    assert await found(gallery, similar_to=all_bits, distance=32) == []
    listed = await gallery.listed("/pictures", "pictures", similar_to=seven, distance=7)
    assert [each["distance"] for each in listed] == [4, 5, 6, 7, 7]


async def test_the_tags_with_their_numbers(gallery: Gallery) -> None:
    group = await gallery.group()
    for tags in (["Hand"], ["hand", "left"], ["hand", "Häuser"], []):
        await gallery.picture(group, tags=tags)
    listed = await gallery.listed("/tags", "tags", limit=1)
    assert [(each["tag"], each["picture_count"]) for each in listed] == [("hand", 3), ("Häuser", 1), ("left", 1)]
    assert [each["tag"] for each in await gallery.listed("/tags", "tags", q="HÄ")] == ["Häuser"]
    assert await gallery.listed("/tags", "tags", q="%") == []


async def test_what_is_not_valid_names_its_field(gallery: Gallery) -> None:
    await gallery.filled(2)
    await gallery.filled(1)
    before = await gallery.rows("SELECT * FROM pictures ORDER BY id")
    for method, path, body, field in NOT_VALID:
        answer = await gallery.call(method, path, body)
        fields = [each["field"] for each in answer.json().get("errors", ())]
        assert (answer.status_code, fields) == (422, [field]), (method, path, body, answer.text)
        assert answer.json()["errors"][0]["detail"]
    assert await gallery.rows("SELECT * FROM pictures ORDER BY id") == before


async def test_a_new_place_between_two_pictures_until_the_numbers_are_used_up(gallery: Gallery) -> None:
    group = await gallery.filled(3)
    order = await gallery.order(group)
    for turn in range(60):
        moving = order[2] if turn % 2 else order[1]
        await gallery.ok("PUT", f"/pictures/{moving}/position", {"after": order[0]})
        order.remove(moving)
        order.insert(1, moving)
        assert await gallery.order(group) == order
    order.append(await gallery.picture(group))
    assert await gallery.order(group) == order
    await gallery.check_counters()


TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=30)


@given(st.lists(TEXTS.filter(str.strip), max_size=20))
def test_tags_are_each_there_once_trimmed_and_composed(tags: list[str]) -> None:
    kept = PictureChanges(tags=tags).tags
    assert kept is not None
    assert len({tag_key(each) for each in kept}) == len(kept)
    assert {tag_key(each) for each in kept} == {tag_key(unicodedata.normalize("NFC", each.strip())) for each in tags}
    assert [unicodedata.normalize("NFC", each.strip()) for each in kept] == kept
    assert PictureChanges(tags=kept).tags == kept
    places = [[unicodedata.normalize("NFC", tag.strip()) for tag in tags].index(each) for each in kept]
    assert places == sorted(places)


async def test_a_search_reads_its_index(gallery: Gallery) -> None:
    """The plan for a rare word among many pictures, and that a page of it is found."""
    await gallery.execute(
        """
        INSERT INTO blobs (sha256, size, data) SELECT sha256(int8send(number)), 1, ''
          FROM generate_series(1, :size) AS number;
        INSERT INTO groups (id, position, picture_count, next_image_id) VALUES (1, 1, :size, CAST(:size AS int) + 1);
        INSERT INTO pictures (group_id, image_id, position, name, folder_name, sha256, media_type, width, height, size,
                              thumbhash, difference_hash, drive, drive_item_id, added_by)
        SELECT 1, number, number, md5(number::text) || '.jpg', 'System', sha256(int8send(number)), 'image/jpeg', 1, 1,
               1, '', number, 'built-in', 'item', 2 FROM generate_series(1, CAST(:size AS int)) AS number;
        ANALYZE pictures
        """,
        size=10_000,
    )
    word = hashlib.md5(b"77", usedforsecurity=False).hexdigest()[4:12]
    plan = await gallery.rows(
        "EXPLAIN SELECT id FROM pictures WHERE trigrams @> gallery_trigrams(gallery_folded(:word))"
        " AND strpos(searched, gallery_folded(:word)) > 0 ORDER BY id DESC LIMIT 51",
        word=word,
    )
    assert any("ix_pictures_trigrams" in row[0] for row in plan), plan
    assert [each["image_id"] for each in await gallery.listed("/pictures", "pictures", q=word.upper())] == [77]
