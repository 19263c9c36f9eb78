"""Shared links: what they open, and how long."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx
import pytest
from support.gallery import Gallery

PASSWORD = "correct horse"
DAY = 24 * 3600

NOT_VALID: tuple[tuple[str, str, Any, str], ...] = (
    ("POST", "/shares", {}, "group"),
    ("POST", "/shares", {"group": 99}, "group"),
    ("POST", "/shares", {"group": 0}, "group"),
    ("POST", "/shares", {"group": 2**63}, "group"),
    ("POST", "/shares", {"group": "x"}, "group"),
    ("POST", "/shares", {"group": 1, "expires_in_days": 0}, "expires_in_days"),
    ("POST", "/shares", {"group": 1, "expires_in_days": 3651}, "expires_in_days"),
    ("POST", "/shares", {"group": 1, "expires_in_days": 10**30}, "expires_in_days"),
    ("POST", "/shares", {"group": 1, "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ("POST", "/shares", {"group": 1, "expires_at": "2099-01-01T00:00:00"}, "expires_at"),
    ("POST", "/shares", {"group": 1, "expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at"),
    ("POST", "/shares", {"group": 1, "expires_at": "soon"}, "expires_at"),
    ("POST", "/shares", {"group": 1, "expires_in_days": 1, "expires_at": "2099-01-01T00:00:00Z"}, ""),
    ("POST", "/shares", {"group": 1, "password": "short"}, "password"),
    ("POST", "/shares", {"group": 1, "password": "x" * 1025}, "password"),
    ("POST", "/shares", {"group": 1, "password": "\0" * 9}, "password"),
    ("POST", "/shares", {"group": 1, "with_subgroups": "perhaps"}, "with_subgroups"),
    ("POST", "/shares", {"group": 1, "pasword": PASSWORD}, "pasword"),
    ("PATCH", "/shares/1", {"password": 7}, "password"),
    ("PATCH", "/shares/1", {"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ("PATCH", "/shares/1", {"group": 2}, "group"),
    ("GET", "/shares?group=0", None, "group"),
    ("GET", "/shares?cursor=x", None, "cursor"),
)


async def share(gallery: Gallery, group: int, **fields: Any) -> tuple[int, str]:
    """The id of a new share, and the path of its link."""
    made = await gallery.ok("POST", "/shares", {"group": group, **fields})
    return made["id"], httpx.URL(made["link"]).path


async def opened(gallery: Gallery, path: str, **parameters: Any) -> httpx.Response:
    return await gallery.hub.http.get(path, params=parameters)


async def test_a_link_opens_its_group(gallery: Gallery) -> None:
    group = await gallery.group(title="Hands", caption="Left and right")
    pictures = [await gallery.picture(group, title=f"{number}") for number in range(3)]
    await gallery.ok("PUT", f"/pictures/{pictures[2]}/position", {"before": pictures[0]})
    answer = await gallery.call("POST", "/shares", {"group": group})
    made = answer.json()
    assert answer.headers["location"] == f"/api/gallery/shares/{made['id']}"
    assert re.fullmatch(r"http://testserver/image/shared/[\w-]{43}", made["link"])
    assert (made["has_password"], made["with_subgroups"], made["is_expired"]) == (False, False, False)
    expires_at = datetime.fromtimestamp(gallery.clock.now, UTC) + timedelta(days=30)
    assert datetime.fromisoformat(made["expires_at"]) == expires_at
    body = (await opened(gallery, httpx.URL(made["link"]).path)).json()
    assert (body["title"], body["caption"], body["picture_count"]) == ("Hands", "Left and right", 3)
    assert [each["id"] for each in body["pictures"]] == [pictures[2], pictures[0], pictures[1]]
    first, key = body["pictures"][0], body["key"]
    assert first["src"] == f"/image/file/{pictures[2]}?w=700&key={key}"
    assert all(part.split(" ")[0].endswith(f"&key={key}") for part in first["srcset"].split(", "))
    assert first["iiif"] == f"http://testserver/iiif/3/{pictures[2]}~{key}"
    assert re.fullmatch(r"[\w.-]+", key)
    assert "sha256" not in first


async def test_the_secret_is_not_stored_and_not_shown_again(gallery: Gallery) -> None:
    share_id, path = await share(gallery, await gallery.filled(1))
    secret = path.rpartition("/")[2]
    [(digest,)] = await gallery.rows("SELECT secret_sha256 FROM shares")
    assert digest == hashlib.sha256(secret.encode()).digest()
    for read in (f"/shares/{share_id}", "/shares"):
        assert secret not in (await gallery.call("GET", read)).text
    assert secret not in str(gallery.audit.entries)


async def test_pages_of_a_shared_group(gallery: Gallery) -> None:
    group = await gallery.filled(5)
    _, path = await share(gallery, group)
    found: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        body = (await opened(gallery, path, limit=2, **cursor)).json()
        found += [each["id"] for each in body["pictures"]]
        if body["next_cursor"] is None:
            break
        cursor = {"cursor": body["next_cursor"]}
    assert found == await gallery.order(group)


async def test_subgroups_are_shown_where_they_are_shared(gallery: Gallery) -> None:
    top = await gallery.filled(1)
    child = await gallery.filled(1, title="child", parent=top)
    grandchild = await gallery.filled(2, parent=child)
    empty = await gallery.group(parent=top)
    other = await gallery.filled(1)
    _, with_subgroups = await share(gallery, top, with_subgroups=True)
    _, alone = await share(gallery, top)
    body = (await opened(gallery, with_subgroups)).json()
    assert [(each["group"], each["parent"]) for each in body["subgroups"]] == [(child, top), (grandchild, child)]
    assert (await opened(gallery, alone)).json()["subgroups"] == []
    for group, statuses in {child: (200, 404), grandchild: (200, 404), empty: (404, 404), other: (404, 404)}.items():
        found = [(await opened(gallery, path, group=group)).status_code for path in (with_subgroups, alone)]
        assert tuple(found) == statuses, group
    assert len((await opened(gallery, with_subgroups, group=grandchild)).json()["pictures"]) == 2


async def test_a_link_ends_to_the_second(gallery: Gallery) -> None:
    group = await gallery.filled(1)
    share_id, path = await share(gallery, group, expires_in_days=2)
    key = (await opened(gallery, path)).json()["key"]
    began = gallery.clock.now
    gallery.clock.now = began + 2 * DAY - 0.5
    assert (await opened(gallery, path)).status_code == 200
    assert await gallery.hub.services.shares.groups_of(key) == frozenset({group})
    gallery.clock.now = began + 2 * DAY
    answer = await opened(gallery, path)
    assert (answer.status_code, set(answer.json())) == (404, {"detail"})
    assert await gallery.hub.services.shares.groups_of(key) is None
    assert (await gallery.ok("GET", f"/shares/{share_id}"))["is_expired"] is True
    await gallery.ok("PATCH", f"/shares/{share_id}", {"expires_in_days": 1})
    assert (await opened(gallery, path)).status_code == 200
    assert await gallery.hub.services.shares.groups_of(key) == frozenset({group})


async def test_a_revoked_link_is_dead(gallery: Gallery) -> None:
    group = await gallery.filled(1)
    share_id, path = await share(gallery, group)
    key = (await opened(gallery, path)).json()["key"]
    shares = gallery.hub.services.shares
    assert await shares.groups_of(key) == frozenset({group})
    await gallery.execute("DELETE FROM shares")  # by another process
    gallery.clock.now += 2.1
    assert await shares.groups_of(key) is None
    share_id, path = await share(gallery, group)
    key = (await opened(gallery, path)).json()["key"]
    assert await shares.groups_of(key) == frozenset({group})
    await gallery.ok("DELETE", f"/shares/{share_id}")
    assert await shares.groups_of(key) is None
    assert (await opened(gallery, path)).status_code == 404
    assert (await gallery.call("DELETE", f"/shares/{share_id}")).status_code == 404


async def test_a_link_ends_with_its_group(gallery: Gallery) -> None:
    one, two, target = [await gallery.filled(1) for _ in range(3)]
    (_, deleted), (_, merged), (_, stays) = [await share(gallery, each) for each in (one, two, target)]
    await gallery.ok("DELETE", f"/groups/{one}?pictures=delete")
    await gallery.ok("POST", f"/groups/{target}/merge", {"from": [two]})
    assert [(await opened(gallery, path)).status_code for path in (deleted, merged, stays)] == [404, 404, 200]


@pytest.mark.parametrize("secret", ["x", "%00", "a%2Fb", "é", "x" * 200, "..%2F..", "'"])
async def test_a_wrong_secret(gallery: Gallery, secret: str) -> None:
    await share(gallery, await gallery.filled(1))
    for method in ("GET", "POST"):
        answer = await gallery.hub.http.request(method, f"/image/shared/{secret}", json={"password": PASSWORD})
        assert (answer.status_code, set(answer.json())) == (404, {"detail"})


async def test_a_link_with_a_password(gallery: Gallery) -> None:
    group = await gallery.filled(3)
    _, path = await share(gallery, group, password=PASSWORD)
    needed = await opened(gallery, path)
    assert (needed.status_code, "password" in needed.json()["detail"]) == (403, True)
    wrong = await gallery.hub.http.post(path, json={"password": "wrong"})
    assert (wrong.status_code, wrong.json()) == (403, {"detail": "Wrong password."})
    right = await gallery.hub.http.post(path, json={"password": PASSWORD}, params={"limit": 2})
    assert (right.status_code, len(right.json()["pictures"])) == (200, 2)
    key, cursor = right.json()["key"], right.json()["next_cursor"]
    rest = await opened(gallery, path, key=key, cursor=cursor)
    assert (rest.status_code, len(rest.json()["pictures"])) == (200, 1)
    for forged in (key[:-1], f"{key}x", "x", ""):
        assert (await opened(gallery, path, key=forged)).status_code == 403
    _, other = await share(gallery, group, password=PASSWORD)
    assert (await opened(gallery, other, key=key)).status_code == 403
    [(stored,), _] = await gallery.rows("SELECT password_hash FROM shares ORDER BY id")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_a_new_password_ends_the_keys(gallery: Gallery) -> None:
    group = await gallery.filled(1)
    share_id, path = await share(gallery, group, password=PASSWORD)
    key = (await gallery.hub.http.post(path, json={"password": PASSWORD})).json()["key"]
    shares = gallery.hub.services.shares
    assert await shares.groups_of(key) == frozenset({group})
    await gallery.ok("PATCH", f"/shares/{share_id}", {"password": "another horse"})
    assert await shares.groups_of(key) is None
    assert (await opened(gallery, path, key=key)).status_code == 403
    assert (await gallery.hub.http.post(path, json={"password": PASSWORD})).status_code == 403
    assert (await gallery.hub.http.post(path, json={"password": "another horse"})).status_code == 200
    assert (await gallery.ok("PATCH", f"/shares/{share_id}", {"password": None}))["has_password"] is False
    assert (await opened(gallery, path)).status_code == 200


async def test_wrong_passwords_are_counted(gallery: Gallery) -> None:
    _, path = await share(gallery, await gallery.filled(1), password=PASSWORD)

    async def guess(password: str, address: str = "203.0.113.1") -> httpx.Response:
        headers = {"X-Forwarded-For": address}
        return await gallery.hub.http.post(path, json={"password": password}, headers=headers)

    assert [(await guess("wrong")).status_code for _ in range(9)] == [403] * 9
    assert [(await guess(PASSWORD)).status_code for _ in range(3)] == [200] * 3  # takes itself back
    assert (await guess("wrong")).status_code == 403
    refused = await guess(PASSWORD)
    assert (refused.status_code, refused.json()) == (429, {"detail": "Too many wrong passwords."})
    wait = int(refused.headers["retry-after"])
    assert 0 < wait <= 900
    assert (await guess(PASSWORD, "203.0.113.2")).status_code == 200
    gallery.clock.now += wait - 1
    assert (await guess(PASSWORD)).status_code == 429
    gallery.clock.now += 1
    assert (await guess("wrong")).status_code == 403
    assert (await guess(PASSWORD)).status_code == 429


async def test_guesses_at_the_same_time_are_not_more(gallery: Gallery) -> None:
    _, path = await share(gallery, await gallery.filled(1), password=PASSWORD)
    statuses: list[int] = []

    async def guess(number: int) -> None:
        headers = {"X-Forwarded-For": "203.0.113.1"}
        answer = await gallery.hub.http.post(path, json={"password": f"wrong {number}"}, headers=headers)
        statuses.append(answer.status_code)

    async with anyio.create_task_group() as tasks:
        for number in range(16):
            tasks.start_soon(guess, number)
    assert sorted(statuses) == sorted([403] * statuses.count(403) + [429] * 6 + [503] * statuses.count(503))
    assert statuses.count(429) == 6


async def test_guesses_from_many_addresses_are_counted_together(gallery: Gallery) -> None:
    _, path = await share(gallery, await gallery.filled(1), password=PASSWORD)
    await gallery.hub.http.post(path, json={"password": "wrong"})
    await gallery.execute("UPDATE share_guesses SET failures = 100 WHERE failures = 1")
    answer = await gallery.hub.http.post(path, json={"password": PASSWORD}, headers={"X-Forwarded-For": "203.0.113.7"})
    assert answer.status_code == 429


async def test_what_is_not_a_password(gallery: Gallery) -> None:
    _, path = await share(gallery, await gallery.filled(1), password=PASSWORD)
    for body in ({}, {"password": None}, {"password": 7}, {"password": ["x"]}, {"password": "x" * 1025}):
        answer = await gallery.hub.http.post(path, json=body)
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "password"]), body
    for content in (b"", b"{", b"[]", b'{"password": "\\ud800"}'):
        answer = await gallery.hub.http.post(path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in {400, 422}


async def test_the_list_of_links(gallery: Gallery) -> None:
    one, two = await gallery.filled(1), await gallery.filled(1)
    made = [(await share(gallery, each))[0] for each in (one, two, one)]
    for limit in (1, 50):
        assert [each["id"] for each in await gallery.listed("/shares", "shares", limit=limit)] == made[::-1]
    assert [each["id"] for each in await gallery.listed("/shares", "shares", group=one)] == [made[2], made[0]]


async def test_what_is_not_valid_names_its_field(gallery: Gallery) -> None:
    await share(gallery, await gallery.filled(1))
    before = await gallery.rows("SELECT * FROM shares")
    for method, path, body, field in NOT_VALID:
        answer = await gallery.call(method, path, body)
        fields = [each["field"] for each in answer.json().get("errors", ())]
        assert (answer.status_code, fields) == (422, [field]), (method, path, body, answer.text)
    for method, body in (("GET", None), ("PATCH", {"expires_in_days": 3}), ("PATCH", {}), ("DELETE", None)):
        answer = await gallery.call(method, f"/shares/{2**63 - 1}", body)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-such-share")
    assert await gallery.rows("SELECT * FROM shares") == before


async def test_links_are_in_the_audit_trail(gallery: Gallery) -> None:
    group = await gallery.filled(1)
    share_id, path = await share(gallery, group, password=PASSWORD)
    await gallery.ok("PATCH", f"/shares/{share_id}", {"expires_in_days": 1})
    gallery.audit.is_down = True
    assert (await gallery.call("POST", "/shares", {"group": group})).status_code == 503
    assert (await gallery.call("PATCH", f"/shares/{share_id}", {"password": None})).status_code == 503
    assert (await gallery.call("DELETE", f"/shares/{share_id}")).status_code == 204  # a link must be ended at all times
    assert (await opened(gallery, path)).status_code == 404
    gallery.audit.is_down = False
    share_id, _ = await share(gallery, group)
    await gallery.ok("DELETE", f"/shares/{share_id}")
    assert [(each[0], each[1], each[3]["group"]) for each in gallery.audit.entries] == [
        ("gallery-share-created", 2, group),
        ("gallery-share-changed", 2, group),
        ("gallery-share-created", 2, group),
        ("gallery-share-revoked", 2, group),
    ]
    first, _, *second = [each[3]["share"] for each in gallery.audit.entries]
    assert second == [share_id, share_id]
    assert first != share_id


async def test_old_links_and_counts_are_forgotten(gallery: Gallery) -> None:
    group = await gallery.filled(1)
    await share(gallery, group, expires_in_days=1)
    kept, path = await share(gallery, group, expires_in_days=100, password=PASSWORD)
    await gallery.hub.http.post(path, json={"password": "wrong"})
    gallery.clock.now += 90 * DAY
    await gallery.hub.services.shares.tidy_up()
    assert len(await gallery.listed("/shares", "shares")) == 2
    assert await gallery.rows("SELECT * FROM share_guesses") == []
    gallery.clock.now += 2 * DAY
    await gallery.hub.services.shares.tidy_up()
    assert [each["id"] for each in await gallery.listed("/shares", "shares")] == [kept]


async def test_no_secret_is_in_the_log(gallery: Gallery, capsys: pytest.CaptureFixture[str]) -> None:
    group = await gallery.filled(1)
    share_id, path = await share(gallery, group, password=PASSWORD)
    secret = path.rpartition("/")[2]
    body = (await gallery.hub.http.post(path, json={"password": PASSWORD})).json()
    key = body["key"]
    for address in (path, f"{path}/", f"{path}?key={key}", body["pictures"][0]["src"], f"/iiif/3/1~{key}/info.json"):
        await gallery.hub.http.get(address)
    gallery.audit.is_down = True
    await gallery.call("DELETE", f"/shares/{share_id}")
    written = capsys.readouterr().out
    assert written.count("/image/shared/[redacted]") == 4
    assert "has not taken an entry" in written
    for hidden in (secret, key, PASSWORD):
        assert hidden not in written
