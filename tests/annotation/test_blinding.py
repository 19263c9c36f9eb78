"""Readers do not see what others have seen: enforced here, and not by a client."""

from typing import Any

import pytest
from support.annotation import Lab, Person, said

from lightbox_shared.auth.principal import Authority

SECRET = "a-stage-that-only-ada-wrote"


async def read(lab: Lab, doctor: Person, image_id: int, value: str) -> int:
    """Finish the doctor's job for the image; the id of the label."""
    listed = await lab.http.get("/jobs", params={"account_id": doctor.id, "image_id": image_id}, headers=doctor.headers)
    job = listed.json()["data"][0]["job_id"]
    made = await lab.http.post("/labels", json={"stage": value, "comment": value}, headers=doctor.headers)
    body = {"label_id": made.json()["label_id"], "job_state": 202}
    answer = await lab.http.put(f"/jobs/{job}", json=body, headers=doctor.headers)
    assert answer.status_code == 200, answer.text
    return int(made.json()["label_id"])


async def given(lab: Lab, *doctors: Person) -> int:
    admin, image_id = await lab.admin(), await lab.image()
    for doctor in doctors:
        body = {"image_id": image_id, "account_id": doctor.id}
        assert (await lab.http.post("/jobs", json=body, headers=admin.headers)).status_code == 201
    return image_id


@pytest.mark.parametrize("authority", [Authority.DOCTOR, Authority.EXPERT, Authority.GUEST])
async def test_no_path_shows_the_label_of_another_reader(lab: Lab, authority: Authority) -> None:
    ada, bob, other = await lab.doctor(), await lab.doctor(), await lab.person(authority)
    image_id = await given(lab, ada, bob)
    label_id = await read(lab, ada, image_id, SECRET)
    job_id = (await lab.http.get("/jobs", params={"account_id": ada.id}, headers=ada.headers)).json()["data"][0][
        "job_id"
    ]
    paths = [
        f"/label/{label_id}",
        f"/labels/{label_id}",
        f"/jobs/{job_id}",
        f"/jobs?account_id={ada.id}",
        f"/jobs?image_id={image_id}",
        "/jobs",
        f"/images/{image_id}",
        f"/images?account_id={ada.id}",
        f"/accounts/performance/{ada.id}",
        "/download",
        f"/download?account_id={ada.id}",
    ]
    under_api = [
        f"/api/jobs/{job_id}/draft",
        f"/api/images/{image_id}/labels",
        f"/api/images/{image_id}/history",
        f"/api/images/{image_id}/suggestions",
        "/api/agreement",
        "/api/agreement/doctors",
        "/api/exports",
        "/api/assignments",
    ]
    for person in (bob, other):
        for path in (*paths, *(f"/api{path}" for path in paths), *under_api):
            answer = await lab.http.get(path, headers=person.headers)
            assert SECRET not in answer.text, path
            assert answer.status_code < 500
        listed = await lab.http.get("/images", params={"account_id": ada.id}, headers=person.headers)
        assert said(listed) == (403, "用户没有权限")
        taken = await lab.http.post("/api/assignments/next", headers=person.headers)
        assert SECRET not in taken.text
        for body in ({"label_id": label_id}, {"label_id": label_id, "job_state": 202}):
            own = await lab.http.get("/jobs", params={"account_id": person.id}, headers=person.headers)
            for job in own.json()["data"]:
                answer = await lab.http.put(f"/jobs/{job['job_id']}", json=body, headers=person.headers)
                assert answer.status_code == 403
                assert SECRET not in answer.text


async def test_who_settles_a_difference_sees_all_labels(lab: Lab) -> None:
    ada, bob, expert, admin = (
        await lab.doctor("Ada"),
        await lab.doctor(),
        await lab.person(Authority.EXPERT),
        await lab.admin(),
    )
    another = await lab.person(Authority.EXPERT)
    image_id = await given(lab, ada, bob)
    labels = [await read(lab, ada, image_id, "1"), await read(lab, bob, image_id, "2")]
    path = f"/api/images/{image_id}/labels"
    for person in (admin, expert):
        shown: list[dict[str, Any]] = (await lab.http.get(path, headers=person.headers)).json()["labels"]
        assert [each["label_id"] for each in shown] == labels
        assert [each["fields"]["stage"] for each in shown] == ["1", "2"]
        assert [each["name"] for each in shown] == ["Ada", f"doctor-{bob.id}"]
        assert {each["kind"] for each in shown} == {"reader"}
        assert all(each["seconds"] >= 0 for each in shown)
    for person in (ada, bob, another):
        assert (await lab.http.get(path, headers=person.headers)).status_code == 403
    assert (await lab.http.get("/api/images/1000000/labels", headers=admin.headers)).status_code == 404
    history = (await lab.http.get(f"/api/images/{image_id}/history", headers=admin.headers)).json()["history"]
    of_image = [(each["from_state"], each["to_state"]) for each in history if each["job_id"] is None]
    assert of_image == [(300, 301), (301, 303)]
    assert {each["account_id"] for each in history} >= {ada.id, bob.id, None}
    assert (await lab.http.get(f"/api/images/{image_id}/history", headers=expert.headers)).status_code == 403
    assert (await lab.http.get("/api/images/1000000/history", headers=admin.headers)).status_code == 404
