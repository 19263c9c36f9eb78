"""Groups as administrators see them."""

from typing import Any

import anyio
from support.gallery import Gallery

NOT_VALID: tuple[tuple[str, str, Any, str], ...] = (
    ("POST", "/groups", {"title": "x" * 301}, "title"),
    ("POST", "/groups", {"title": 7}, "title"),
    ("POST", "/groups", {"title": "\0"}, "title"),
    ("POST", "/groups", {"caption": "x" * 4001}, "caption"),
    ("POST", "/groups", {"parent": 99}, "parent"),
    ("POST", "/groups", {"parent": 0}, "parent"),
    ("POST", "/groups", {"parent": 2**63}, "parent"),
    ("POST", "/groups", {"parent": "x"}, "parent"),
    ("POST", "/groups", {"titel": "x"}, "titel"),
    ("PATCH", "/groups/1", {"cover": 99}, "cover"),
    ("PATCH", "/groups/1", {"parent": 99}, "parent"),
    ("PATCH", "/groups/1", {"id": 2}, "id"),
    ("PUT", "/groups/1/position", {}, ""),
    ("PUT", "/groups/1/position", {"before": 1, "after": 1}, ""),
    ("PUT", "/groups/1/position", {"before": 1}, "before"),
    ("PUT", "/groups/1/position", {"after": 99}, "after"),
    ("PUT", "/groups/1/position", {"after": -1}, "after"),
    ("POST", "/groups/1/merge", {"from": []}, "from"),
    ("POST", "/groups/1/merge", {"from": [1]}, "from"),
    ("POST", "/groups/1/merge", {"from": [99]}, "from"),
    ("POST", "/groups/1/merge", {"from": [2, 2]}, ""),
    ("POST", "/groups/1/merge", {"from": 2}, "from"),
    ("POST", "/groups/1/merge", {"from": list(range(2, 103))}, "from"),
    ("POST", "/groups/1/merge", {}, "from"),
    ("POST", "/groups/1/pictures", {"pictures": []}, "pictures"),
    ("POST", "/groups/1/pictures", {"pictures": [99]}, "pictures"),
    ("POST", "/groups/1/pictures", {"pictures": [2**63]}, "pictures.0"),
    ("POST", "/groups/1/pictures", {"pictures": [1, 1]}, ""),
    ("DELETE", "/groups/1?pictures=all", None, "pictures"),
    ("GET", "/groups?parent=-1", None, "parent"),
    ("GET", "/groups?limit=0", None, "limit"),
    ("GET", "/groups?cursor=x", None, "cursor"),
)


async def test_a_group_is_made_read_changed_and_deleted(gallery: Gallery) -> None:
    answer = await gallery.call("POST", "/groups", {"title": "  Hands  ", "caption": ""})
    made = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/api/gallery/groups/{made['id']}")
    assert (made["id"], made["title"], made["caption"], made["picture_count"]) == (1, "Hands", None, 0)
    picture = await gallery.picture(1)
    changed = await gallery.ok("PATCH", "/groups/1", {"caption": "Left and right", "cover": picture})
    assert (changed["title"], changed["caption"], changed["cover"]) == ("Hands", "Left and right", picture)
    read = await gallery.call("GET", "/groups/1")
    assert read.json() == {**changed, "picture_count": 1}
    assert read.headers["etag"] == '"1-2"'
    assert (await gallery.call("DELETE", "/groups/1")).status_code == 409
    assert (await gallery.call("DELETE", "/groups/1", params={"pictures": "delete"})).status_code == 204
    assert (await gallery.call("GET", "/groups/1")).status_code == 404
    assert await gallery.rows("SELECT id FROM pictures") == []


async def test_numbers_are_never_used_again(gallery: Gallery) -> None:
    assert [await gallery.group() for _ in range(3)] == [1, 2, 3]
    await gallery.ok("DELETE", "/groups/3")
    assert await gallery.group() == 4


async def test_null_removes_and_absent_stays(gallery: Gallery) -> None:
    above = await gallery.group()
    group = await gallery.group(title="a", caption="b", parent=above)
    await gallery.ok("PATCH", f"/groups/{group}", {"cover": await gallery.picture(group)})
    after = await gallery.ok("PATCH", f"/groups/{group}", {"title": None, "cover": None, "parent": None})
    assert (after["title"], after["caption"], after["cover"], after["parent"]) == (None, "b", None, None)
    assert await gallery.ok("PATCH", f"/groups/{group}", {}) == after


async def test_a_change_of_another_version_is_refused(gallery: Gallery) -> None:
    group = await gallery.group()
    etag = (await gallery.call("GET", f"/groups/{group}")).headers["etag"]
    for status in (200, 412):
        answer = await gallery.call("PATCH", f"/groups/{group}", {"title": f"{status}"}, headers={"If-Match": etag})
        assert answer.status_code == status
    assert (await gallery.ok("GET", f"/groups/{group}"))["title"] == "200"
    assert (await gallery.call("DELETE", f"/groups/{group}", headers={"If-Match": etag})).status_code == 412
    other = await gallery.group()
    merged = await gallery.call("POST", f"/groups/{group}/merge", {"from": [other]}, headers={"If-Match": etag})
    assert merged.status_code == 412
    assert await gallery.order() == [group, other]
    assert gallery.audit.entries == []


async def test_a_group_that_has_lost_its_cover_is_another_version(gallery: Gallery) -> None:
    group, target = await gallery.group(), await gallery.group()
    deleted = {"image_list": {str(group): [{"image_id": number} for number in (1, 3)]}}
    pictures = [await gallery.picture(group) for _ in range(4)]
    ways: list[tuple[int, str, str, object]] = [
        (pictures[0], "POST", "/admin/delete/image", deleted),
        (pictures[1], "DELETE", f"/api/gallery/pictures/{pictures[1]}", None),
        (pictures[3], "POST", f"/api/gallery/groups/{target}/pictures", {"pictures": [pictures[3]]}),
    ]
    for cover, method, path, body in ways:
        changed = await gallery.call("PATCH", f"/groups/{group}", {"cover": cover})
        answer = await gallery.hub.http.request(method, path, json=body, headers=gallery.hub.admin)
        assert answer.is_success
        own = {"If-Match": changed.headers["etag"]}
        assert (await gallery.call("PATCH", f"/groups/{group}", {"title": "x"}, headers=own)).status_code == 412
        assert (await gallery.ok("GET", f"/groups/{group}"))["cover"] is None
    await gallery.check_counters()


async def test_of_two_changes_of_one_version_one_is_refused(gallery: Gallery) -> None:
    group = await gallery.group()
    etag = (await gallery.call("GET", f"/groups/{group}")).headers["etag"]
    statuses: list[int] = []

    async def change(number: int) -> None:
        body, headers = {"title": f"{number}"}, {"If-Match": etag}
        statuses.append((await gallery.call("PATCH", f"/groups/{group}", body, headers=headers)).status_code)

    async with anyio.create_task_group() as tasks:
        for number in range(6):
            tasks.start_soon(change, number)
    assert sorted(statuses) == [200, *[412] * 5]


async def test_groups_may_be_below_each_other_but_not_in_a_circle(gallery: Gallery) -> None:
    groups = [await gallery.group()]
    for _ in range(7):
        groups.append(await gallery.group(parent=groups[-1]))
    too_deep = await gallery.call("POST", "/groups", {"parent": groups[-1]})
    assert (too_deep.status_code, too_deep.json()["type"]) == (409, "/problems/groups-too-deep")
    for below in groups:
        answer = await gallery.call("PATCH", f"/groups/{groups[0]}", {"parent": below})
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/circular-groups")
    alone = await gallery.group()
    tall = await gallery.call("PATCH", f"/groups/{groups[0]}", {"parent": alone})
    assert (tall.status_code, tall.json()["type"]) == (409, "/problems/groups-too-deep")
    assert (await gallery.ok("PATCH", f"/groups/{groups[1]}", {"parent": alone}))["parent"] == alone
    listed = await gallery.ok("GET", "/groups", params={"parent": alone})
    assert [each["id"] for each in listed["groups"]] == [groups[1]]
    top = await gallery.ok("GET", "/groups", params={"parent": 0})
    assert [each["id"] for each in top["groups"]] == [groups[0], alone]


async def test_two_parents_at_once_make_no_circle(gallery: Gallery) -> None:
    one, two = await gallery.group(), await gallery.group()
    statuses: list[int] = []

    async def put(group: int, parent: int) -> None:
        statuses.append((await gallery.call("PATCH", f"/groups/{group}", {"parent": parent})).status_code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(put, one, two)
        tasks.start_soon(put, two, one)
    assert sorted(statuses) == [200, 409]


async def test_groups_below_a_deleted_one_move_up(gallery: Gallery) -> None:
    top = await gallery.group()
    middle = await gallery.group(parent=top)
    low = [await gallery.group(parent=middle) for _ in range(2)]
    await gallery.ok("DELETE", f"/groups/{middle}")
    assert [(await gallery.ok("GET", f"/groups/{each}"))["parent"] for each in low] == [top, top]


async def test_a_new_place_between_two_others_until_the_numbers_are_used_up(gallery: Gallery) -> None:
    """Halving a distance takes a bit each time, of which a number has 53."""
    first, second, third = [await gallery.filled(1) for _ in range(3)]
    order = [first, second, third]
    for turn in range(60):
        moving = order[2] if turn % 2 else order[1]
        await gallery.ok("PUT", f"/groups/{moving}/position", {"after": order[0]})
        order.remove(moving)
        order.insert(1, moving)
        assert await gallery.order() == order
    await gallery.check_counters()
    assert await gallery.group() == 4
    assert await gallery.order() == [*order, 4]


async def test_what_visitors_see_has_a_new_revision(gallery: Gallery) -> None:
    one, two = await gallery.filled(1), await gallery.filled(1)
    picture = (await gallery.order(one))[0]
    seen: list[tuple[bool, bool]] = []
    for method, path, body in (
        ("POST", "/groups", {}),
        ("PATCH", f"/groups/{one}", {"title": "x"}),
        ("PATCH", f"/groups/{one}", {"title": "x"}),
        ("PUT", f"/groups/{one}/position", {"after": two}),
        ("PATCH", f"/pictures/{picture}", {"caption": "x"}),
        ("POST", f"/groups/{two}/pictures", {"pictures": [picture]}),
        ("POST", f"/groups/{two}/pictures", {"pictures": [picture]}),
        ("POST", f"/groups/{two}/merge", {"from": [one]}),
        ("DELETE", f"/pictures/{picture}", None),
        ("DELETE", f"/groups/{two}?pictures=delete", None),
    ):
        before = await gallery.revision()
        await gallery.ok(method, path, body)
        after = await gallery.revision()
        seen.append((after[0] > before[0], after[1] > before[1]))
    contents_only, nothing, both = (True, False), (False, False), (True, True)
    assert seen == [
        nothing,
        contents_only,
        nothing,
        both,
        contents_only,
        both,
        nothing,
        contents_only,
        contents_only,
        both,
    ]


async def test_what_is_not_valid_names_its_field(gallery: Gallery) -> None:
    for _ in range(2):
        await gallery.filled(1)
    before = await gallery.rows("SELECT * FROM groups ORDER BY id")
    for method, path, body, field in NOT_VALID:
        answer = await gallery.call(method, path, body)
        fields = [each["field"] for each in answer.json().get("errors", ())]
        assert (answer.status_code, fields) == (422, [field]), (method, path, body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["detail"]
    assert await gallery.rows("SELECT * FROM groups ORDER BY id") == before


async def test_a_group_that_is_not_there(gallery: Gallery) -> None:
    await gallery.filled(1)
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"title": "x"}),
        ("PATCH", "", {"parent": 1}),
        ("DELETE", "", None),
        ("PUT", "/position", {"after": 1}),
        ("POST", "/merge", {"from": [1]}),
        ("POST", "/pictures", {"pictures": [1]}),
    ):
        for number in (999, 2**63 - 1):
            answer = await gallery.call(method, f"/groups/{number}{path}", body)
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-such-group"), (method, path)


async def test_numbers_and_cursors_that_can_not_be(gallery: Gallery) -> None:
    for number in ("0", "-1", "x", str(2**63)):
        assert (await gallery.call("GET", f"/groups/{number}")).status_code == 422
    not_a_number = "djE6OTIyMTEyMDIzNzA0MTA5MDU2MA"  # its bits, as those of a position
    for cursor in ("", "djE6", "djE6OTk5OTk5OTk5OTk5OTk5OTk5OTk5", not_a_number):
        assert (await gallery.call("GET", "/groups", params={"cursor": cursor})).status_code == 422


async def test_deletions_and_merges_are_in_the_audit_trail(gallery: Gallery) -> None:
    one, two, three = [await gallery.filled(2) for _ in range(3)]
    gallery.audit.is_down = True
    assert (await gallery.call("POST", f"/groups/{one}/merge", {"from": [two]})).status_code == 503
    assert (await gallery.call("DELETE", f"/groups/{three}?pictures=delete")).status_code == 503
    assert await gallery.order() == [one, two, three]
    gallery.audit.is_down = False
    await gallery.ok("POST", f"/groups/{one}/merge", {"from": [two]}, headers={"X-Forwarded-For": "203.0.113.9"})
    await gallery.ok("DELETE", f"/groups/{three}?pictures=delete", headers={"X-Forwarded-For": "203.0.113.9"})
    assert gallery.audit.entries == [
        ("gallery-groups-merged", 2, "203.0.113.9", {"group": one, "merged": [str(two)]}),
        ("gallery-group-deleted", 2, "203.0.113.9", {"group": three, "pictures": 2}),
    ]
