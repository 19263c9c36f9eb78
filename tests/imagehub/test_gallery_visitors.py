"""Groups and pictures as pages show them to visitors: what an account sees, and what the key of a share opens."""

from typing import Any

import httpx
import pytest
from support.asgi import client_of
from support.gallery import Gallery
from support.gateway import Key
from support.imagehub import Hub, MakeHubSettings, running_hub

from imagehub_service.visibility import Visibility


@pytest.fixture
def gallery(hub: Hub) -> Gallery:
    return Gallery.of(hub)


async def ok(gallery: Gallery, path: str, **parameters: Any) -> Any:
    """The body of the answer to a visitor without an account."""
    answer = await gallery.hub.http.get(f"/image{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def ids(gallery: Gallery, path: str, **parameters: Any) -> list[int]:
    """The ids of a list, page after page."""
    found: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        body = await ok(gallery, f"/{path}", limit=2, **parameters, **cursor)
        found += [each["id"] for each in body[path]]
        if body["next_cursor"] is None:
            return found
        cursor = {"cursor": body["next_cursor"]}


async def test_groups_with_pictures_in_their_order_and_levels(gallery: Gallery) -> None:
    top = await gallery.filled(2, title="Hände", caption="Beide")
    empty = await gallery.group(title="Empty")
    last = await gallery.filled(1)
    below, orphan = await gallery.filled(1, parent=top), await gallery.filled(1, parent=empty)
    await gallery.ok("PUT", f"/groups/{last}/position", {"before": top})
    assert await ids(gallery, "groups") == [last, top, below, orphan]
    assert await ids(gallery, "groups", parent=0) == [last, top, orphan]
    assert await ids(gallery, "groups", parent=top) == [below]
    assert await ids(gallery, "groups", q="HÄNDE beide") == [top]
    assert await ids(gallery, "groups", q="%") == []
    shown = await ok(gallery, f"/groups/{top}")
    assert {name: shown[name] for name in ("title", "caption", "parent", "picture_count", "subgroup_count")} == {
        "title": "Hände",
        "caption": "Beide",
        "parent": None,
        "picture_count": 2,
        "subgroup_count": 1,
    }
    assert (await ok(gallery, f"/groups/{below}"))["parent"] == top
    assert (await ok(gallery, f"/groups/{orphan}"))["parent"] is None
    assert (await gallery.hub.http.get(f"/image/groups/{empty}")).status_code == 404


async def test_the_cover_is_the_chosen_picture_or_the_first(gallery: Gallery) -> None:
    group = await gallery.filled(3)
    first, second, _ = await gallery.order(group)
    assert (await ok(gallery, f"/groups/{group}"))["cover"]["id"] == first
    await gallery.ok("PATCH", f"/groups/{group}", {"cover": second})
    cover = (await ok(gallery, f"/groups/{group}"))["cover"]
    assert cover["id"] == second
    assert (cover["src"], cover["width"]) == (f"/image/file/{second}?w=700", 4000)


async def test_pictures_and_those_beside_them(gallery: Gallery) -> None:
    group = await gallery.filled(3)
    first, second, third = await gallery.order(group)
    await gallery.ok("PUT", f"/pictures/{third}/position", {"before": first})
    assert await ids(gallery, "pictures", group=group) == [third, first, second]
    for previous, picture, following in ((None, third, first), (third, first, second), (first, second, None)):
        body = await ok(gallery, f"/pictures/{picture}")
        assert (body["previous"], body["picture"]["id"], body["next"]) == (previous, picture, following)
    assert {"sha256", "folder_name", "original"}.isdisjoint((await ok(gallery, f"/pictures/{first}"))["picture"])
    assert (await gallery.hub.http.get("/image/pictures/999")).status_code == 404


async def test_pictures_are_found_by_text_tag_and_day(gallery: Gallery) -> None:
    group = await gallery.group()
    hand = await gallery.picture(group, title="Left hand", tags=["Bone"], created_at="2026-02-01T12:00:00Z")
    foot = await gallery.picture(group, caption="A foot", tags=["bone", "break"], created_at="2026-03-01T12:00:00Z")
    assert await ids(gallery, "pictures", q="HAND") == [hand]
    assert await ids(gallery, "pictures", tag="BONE") == [foot, hand]
    assert await ids(gallery, "pictures", **{"from": "2026-02-02", "to": "2026-03-01"}) == [foot]
    assert await ids(gallery, "pictures", to="2026-02-01T21:00:00+08:00") == [hand]
    wrong = await gallery.hub.http.get("/image/pictures", params={"from": "2026-02-02", "to": "2026-02-01"})
    assert wrong.status_code == 422


async def test_the_key_of_a_share_opens_what_it_shares(make_settings: MakeHubSettings, signing_key: Key) -> None:
    settings = make_settings()
    async with (
        running_hub(
            settings.database_url, settings.data_dir, signing_key, gallery_visibility=Visibility.ACCOUNTS
        ) as service,
        client_of(service) as client,
    ):
        gallery = Gallery.of(Hub(service, client, signing_key))
        top, other = await gallery.filled(2), await gallery.filled(1)
        below = await gallery.filled(1, parent=top)
        [[hidden]] = await gallery.rows("SELECT id FROM pictures WHERE group_id = :group", group=other)
        link = (await gallery.ok("POST", "/shares", {"group": top}))["link"]
        key = (await client.get(httpx.URL(link).path)).json()["key"]
        assert await ids(gallery, "groups", key=key) == [top]
        assert (await ok(gallery, f"/groups/{top}", key=key))["subgroup_count"] == 0
        pictures = await ids(gallery, "pictures", key=key)
        assert sorted(pictures) == await gallery.order(top)
        shown = (await ok(gallery, f"/pictures/{pictures[0]}", key=key))["picture"]
        assert shown["src"].endswith(f"&key={key}")
        assert shown["iiif"].endswith(f"~{key}")
        for path in (f"/groups/{other}", f"/groups/{below}", f"/pictures/{hidden}"):
            assert (await client.get(f"/image{path}", params={"key": key})).status_code == 404
        assert await ids(gallery, "pictures", group=other, key=key) == []
