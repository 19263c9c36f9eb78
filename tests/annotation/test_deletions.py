"""Deleting images and jobs is written down in the audit trail, before it is done."""

from typing import Any

import pytest
from support.annotation import ADMIN_ID, Lab, Person

from lightbox_shared.auth.principal import Authority

ADDRESS = "127.0.0.1"
PREFIXES = pytest.mark.parametrize("prefix", ["", "/api"])
KINDS = pytest.mark.parametrize("kind", ["image", "job"])


async def to_delete(lab: Lab, admin: Person, kind: str) -> tuple[str, dict[str, Any]]:
    """The path of something that can be deleted, and the details of its entry."""
    image_id = await lab.image()
    if kind == "image":
        return f"/images/{image_id}", {"image": image_id}
    doctor = await lab.doctor()
    body = {"image_id": image_id, "account_id": doctor.id}
    job_id = (await lab.http.post("/jobs", json=body, headers=admin.headers)).json()["job_id"]
    return f"/jobs/{job_id}", {"job": int(job_id), "image": image_id, "account_id": doctor.id}


async def status_of(lab: Lab, admin: Person, path: str) -> int:
    return (await lab.http.get(path, headers=admin.headers)).status_code


@PREFIXES
@KINDS
async def test_an_entry_for_each(lab: Lab, kind: str, prefix: str) -> None:
    admin = await lab.admin()
    path, details = await to_delete(lab, admin, kind)
    answer = await lab.http.delete(prefix + path, headers=admin.headers)
    if kind == "image" and not prefix:
        assert (answer.status_code, answer.content) == (204, b"")
    else:
        message = "已删除图片" if kind == "image" else "已删除该任务"
        assert (answer.status_code, answer.json()["message"]) == (200, message)
    assert answer.headers["location"] == prefix + path
    assert lab.audit.entries == [(f"labelling-{kind}-deleted", admin.id, ADDRESS, details)]
    assert (await lab.http.delete(prefix + path, headers=admin.headers)).status_code == 404
    assert len(lab.audit.entries) == 1


@PREFIXES
@KINDS
async def test_the_audit_trail_does_not_answer(lab: Lab, kind: str, prefix: str) -> None:
    admin = await lab.admin()
    path, _ = await to_delete(lab, admin, kind)
    lab.audit.is_down = True
    answer = await lab.http.delete(prefix + path, headers=admin.headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["message"]
    assert await status_of(lab, admin, path) == 200
    lab.audit.is_down = False
    assert (await lab.http.delete(prefix + path, headers=admin.headers)).status_code in {200, 204}
    assert len(lab.audit.entries) == 1


@KINDS
async def test_the_entry_is_first(lab: Lab, kind: str) -> None:
    """And nothing is locked while it is written: others can read and change what is about to go."""
    admin = await lab.admin()
    path, _ = await to_delete(lab, admin, kind)
    seen: list[int] = []

    async def meanwhile() -> None:
        seen.append(await status_of(lab, admin, path))

    lab.audit.meanwhile = meanwhile
    assert (await lab.http.delete(path, headers=admin.headers)).status_code in {200, 204}
    assert seen == [200]
    assert await status_of(lab, admin, path) == 404


async def test_what_is_refused_has_no_entry(lab: Lab) -> None:
    admin, doctor = await lab.admin(), await lab.doctor()
    job, details = await to_delete(lab, admin, "job")
    image = f"/images/{details['image']}"
    other, _ = await to_delete(lab, admin, "image")
    outdated = {**admin.headers, "If-Match": '"0-0"'}
    key = lab.headers(ADMIN_ID, Authority.ADMIN, scope="read")
    for path, headers, status in [
        (image, admin.headers, 409),  # it has a job
        (image, outdated, 412),
        (other, outdated, 412),
        (job, outdated, 412),
        (other, doctor.headers, 401),
        (job, doctor.headers, 403),
        (other, key, 403),
        (job, key, 403),
        ("/images/999999", admin.headers, 404),
        ("/jobs/999999", admin.headers, 404),
    ]:
        answer = await lab.http.delete(path, headers=headers)
        assert (path, answer.status_code) == (path, status)
    assert lab.audit.entries == []
    for path in (image, other, job):
        assert await status_of(lab, admin, path) == 200


async def test_a_version_that_is_named(lab: Lab) -> None:
    admin = await lab.admin()
    for kind in ("image", "job"):
        path, _ = await to_delete(lab, admin, kind)
        etag = (await lab.http.get(path, headers=admin.headers)).headers["etag"]
        answer = await lab.http.delete(path, headers={**admin.headers, "If-Match": etag})
        assert answer.status_code in {200, 204}


async def test_an_image_gets_a_job_meanwhile(lab: Lab) -> None:
    """What was checked before the entry is checked once more after it."""
    admin, doctor = await lab.admin(), await lab.doctor()
    path, details = await to_delete(lab, admin, "image")
    etag = (await lab.http.get(path, headers=admin.headers)).headers["etag"]
    body = {"image_id": details["image"], "account_id": doctor.id}

    async def assign() -> None:
        await lab.http.post("/jobs", json=body, headers=admin.headers)

    lab.audit.meanwhile = assign
    for headers, status in ({**admin.headers, "If-Match": etag}, 412), (admin.headers, 409):
        assert (await lab.http.delete(path, headers=headers)).status_code == status
    assert await status_of(lab, admin, path) == 200


@KINDS
async def test_twice_at_once(lab: Lab, kind: str) -> None:
    admin = await lab.admin()
    path, _ = await to_delete(lab, admin, kind)
    first: list[int] = []

    async def again() -> None:
        lab.audit.meanwhile = None
        first.append((await lab.http.delete(path, headers=admin.headers)).status_code)

    lab.audit.meanwhile = again
    second = await lab.http.delete(path, headers=admin.headers)
    assert (first, second.status_code) == ([204 if kind == "image" else 200], 404)


async def test_a_finished_job(lab: Lab) -> None:
    """Its entry says whose it was; the label stays."""
    admin = await lab.admin()
    path, details = await to_delete(lab, admin, "job")
    doctor = lab.headers(details["account_id"], Authority.DOCTOR)
    label = (await lab.http.post("/labels", json={"dr": True}, headers=doctor)).json()["label_id"]
    done = await lab.http.put(path, json={"label_id": label, "job_state": 202}, headers=doctor)
    assert done.status_code == 200, done.text
    assert (await lab.http.delete(path, headers=admin.headers)).status_code == 200
    assert lab.audit.entries == [("labelling-job-deleted", admin.id, ADDRESS, details)]
    assert await status_of(lab, admin, f"/label/{label}") == 200
