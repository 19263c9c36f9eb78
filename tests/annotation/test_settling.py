"""What happens when readers disagree, and how it ends."""

from typing import Any

import pytest
from support.annotation import Lab, Person, invalid, said

from lightbox_shared.auth.principal import Authority


async def read(lab: Lab, doctor: Person, image_id: int, value: object) -> int:
    """Finish the open job of this doctor for the image, with a label; the label's id."""
    listed = await lab.http.get("/jobs", params={"account_id": doctor.id, "image_id": image_id}, headers=doctor.headers)
    [job] = listed.json()["data"]
    made = await lab.http.post("/labels", json={"dr": value, "comment": str(doctor.id)}, headers=doctor.headers)
    label_id = made.json()["label_id"]
    body = {"label_id": label_id, "job_state": 202}
    finished = await lab.http.put(f"/jobs/{job['job_id']}", json=body, headers=doctor.headers)
    assert finished.status_code == 200, finished.text
    return int(label_id)


async def given(lab: Lab, *doctors: Person) -> int:
    """An image that these doctors are to read."""
    admin, image_id = await lab.admin(), await lab.image()
    for doctor in doctors:
        body = {"image_id": image_id, "account_id": doctor.id}
        assert (await lab.http.post("/jobs", json=body, headers=admin.headers)).status_code == 201
    return image_id


async def image(lab: Lab, image_id: int) -> dict[str, Any]:
    """The image as an administrator sees it."""
    admin = await lab.admin()
    body: dict[str, Any] = (await lab.http.get(f"/images/{image_id}", headers=admin.headers)).json()
    return body


async def readers(lab: Lab, image_id: int) -> list[int]:
    """The doctors with a job for the image, in the order of the jobs."""
    admin = await lab.admin()
    listed = await lab.http.get("/jobs", params={"image_id": image_id}, headers=admin.headers)
    return [int(job["account_id"]) for job in listed.json()["data"]]


async def test_comments_may_differ(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(2)]
    image_id = await given(lab, *doctors)
    first = await read(lab, doctors[0], image_id, "1")
    assert (await image(lab, image_id))["image_state"] == 301
    await read(lab, doctors[1], image_id, "1")
    found = await image(lab, image_id)
    assert (found["image_state"], found["groundtruth_id"]) == (304, str(first))


async def test_a_further_doctor_reads_what_two_disagree_on(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(3)]
    await lab.person(Authority.DOCTOR, deleted=True)
    await lab.person(Authority.NONE)
    image_id = await given(lab, *doctors[:2])
    await read(lab, doctors[0], image_id, True)
    second = await read(lab, doctors[1], image_id, False)
    found = await image(lab, image_id)
    assert (found["state"], found["image_state"], found["groundtruth_id"]) == ("different", 302, None)
    assert await readers(lab, image_id) == [each.id for each in doctors]
    admin = await lab.admin()
    body = {"image_id": image_id, "account_id": (await lab.doctor()).id}
    refused = await lab.http.post("/jobs", json=body, headers=admin.headers)
    assert said(refused) == (409, "图片当前状态无法创建任务")
    await read(lab, doctors[2], image_id, False)
    found = await image(lab, image_id)
    assert (found["image_state"], found["label_id"]) == (304, str(second))


async def test_the_one_with_the_least_to_do_is_asked(lab: Lab) -> None:
    first, second, busy, idle = [await lab.doctor() for _ in range(4)]
    await given(lab, busy)
    image_id = await given(lab, first, second)
    await read(lab, first, image_id, True)
    await read(lab, second, image_id, False)
    assert await readers(lab, image_id) == [first.id, second.id, idle.id]


async def test_an_expert_has_the_last_word(lab: Lab) -> None:
    doctors, expert = [await lab.doctor() for _ in range(3)], await lab.person(Authority.EXPERT)
    image_id = await given(lab, *doctors[:2])
    for doctor, value in zip(doctors, (401, 402, 403), strict=True):
        await read(lab, doctor, image_id, value)
    found = await image(lab, image_id)
    assert (found["state"], found["image_state"]) == ("different", 303)
    assert await readers(lab, image_id) == [*(each.id for each in doctors), expert.id]
    label_id = await read(lab, expert, image_id, 404)
    found = await image(lab, image_id)
    assert (found["image_state"], found["groundtruth_id"]) == (304, str(label_id))


async def test_without_a_further_doctor_it_is_different_a_second_time_at_once(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(2)]
    image_id = await given(lab, *doctors)
    for doctor, value in zip(doctors, "ab", strict=True):
        await read(lab, doctor, image_id, value)
    assert (await image(lab, image_id))["image_state"] == 303
    assert len(await readers(lab, image_id)) == 2


@pytest.mark.parametrize(
    "body",
    [
        {"groundtruth_id": "LABEL", "state": "done"},
        {"label_id": "LABEL"},
        {"label_id": "LABEL", "image_state": 304},
        {"label_id": "LABEL", "image_state": 303},
        {"label_id": "LABEL", "image_state": "303", "state": "different"},
        {"groundtruth_id": "LABEL", "state": "303"},
        {"groundtruth_id": "LABEL", "label_id": None, "state": "different"},
    ],
)
@pytest.mark.parametrize("further", [True, False])
async def test_an_administrator_settles_it(lab: Lab, body: dict[str, Any], *, further: bool) -> None:
    doctors, admin = [await lab.doctor() for _ in range(3 if further else 2)], await lab.admin()
    image_id = await given(lab, *doctors[:2])
    labels = [await read(lab, doctor, image_id, n) for n, doctor in enumerate(doctors[:2])]
    before = await lab.http.get(f"/images/{image_id}", headers=admin.headers)
    assert before.json()["image_state"] == (302 if further else 303)
    assert (await lab.http.put(f"/images/{image_id}", json=before.json(), headers=admin.headers)).status_code == 200
    sent = {name: str(labels[1]) if value == "LABEL" else value for name, value in body.items()}
    answer = await lab.http.put(f"/images/{image_id}", json={**before.json(), **sent}, headers=admin.headers)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["image_state"], answer.json()["groundtruth_id"]) == (304, str(labels[1]))
    assert answer.headers["location"] == f"/images/{image_id}"
    corrected = await lab.http.put(f"/images/{image_id}", json={"label_id": labels[0]}, headers=admin.headers)
    assert corrected.json()["groundtruth_id"] == str(labels[0])
    stale = {**admin.headers, "If-Match": answer.headers["etag"]}
    refused = await lab.http.put(f"/images/{image_id}", json={"label_id": labels[1]}, headers=stale)
    assert (refused.status_code, refused.json()["groundtruth_id"]) == (412, str(labels[0]))


async def test_a_review_is_not_bypassed(lab: Lab) -> None:
    doctors, admin = [await lab.doctor() for _ in range(2)], await lab.admin()
    image_id = await given(lab, *doctors)
    label_id = await read(lab, doctors[0], image_id, True)
    other = await read(lab, doctors[1], await given(lab, doctors[1]), True)
    wrong = (409, "图片状态无法这样修改")
    for body in (
        {"groundtruth_id": label_id, "state": "done"},
        {"label_id": label_id},
        {"state": "done"},
        {"state": "unassigned"},
        {"image_state": 302},
        {"image_state": 303},
    ):
        answer = await lab.http.put(f"/images/{image_id}", json=body, headers=admin.headers)
        assert said(answer) == wrong, body
    await read(lab, doctors[1], image_id, False)
    for body in ({"state": "done"}, {"state": "running"}, {"image_state": 301}):
        assert said(await lab.http.put(f"/images/{image_id}", json=body, headers=admin.headers)) == wrong, body
    for body in ({"label_id": other}, {"label_id": 10**9}):
        answer = await lab.http.put(f"/images/{image_id}", json=body, headers=admin.headers)
        assert said(answer) == (409, "该标注信息不属于此图片")
    own = await lab.http.post("/labels", json={"dr": 1}, headers=admin.headers)
    body = {"label_id": own.json()["label_id"], "source": "second reading"}
    answer = await lab.http.put(f"/images/{image_id}", json=body, headers=admin.headers)
    assert (answer.json()["state"], answer.json()["source"]) == ("done", "second reading")
    answer = await lab.http.put(f"/images/{image_id}", json={"source": "a\nb"}, headers=admin.headers)
    assert invalid(answer) == "source: Control characters are not allowed."
    assert (await lab.http.put(own.headers["location"], json={"dr": 2}, headers=admin.headers)).status_code == 401


async def test_what_a_job_is_refused_for(lab: Lab) -> None:
    doctor, other = await lab.doctor(), await lab.doctor()
    image_id = await given(lab, doctor, other)
    jobs = {
        person.id: (await lab.http.get("/jobs", params={"account_id": person.id}, headers=person.headers)).json()[
            "data"
        ][0]["job_id"]
        for person in (doctor, other)
    }
    path = f"/jobs/{jobs[doctor.id]}"
    own = (await lab.http.post("/labels", json={"dr": 1}, headers=doctor.headers)).json()["label_id"]
    theirs = (await lab.http.post("/labels", json={"dr": 1}, headers=other.headers)).json()["label_id"]
    put = lab.http.put
    assert said(await put(path, json={"job_state": 202}, headers=doctor.headers)) == (409, "任务完成前需要标注信息")
    assert said(await put(path, json={"label_id": theirs}, headers=doctor.headers))[0] == 403
    assert said(await put(path, json={"label_id": 10**9}, headers=doctor.headers))[0] == 403
    wrong: tuple[Any, ...] = ("203", "x", -1, 2**63, 1.5, True, [], {})
    for state in wrong:
        answer = await put(path, json={"job_state": state}, headers=doctor.headers)
        assert answer.status_code == 400, state
    assert (await put(path, json={"job_state": None, "label_id": ""}, headers=doctor.headers)).status_code == 200
    assert (await put(path, json={"job_state": 201, "label_id": own}, headers=doctor.headers)).status_code == 200
    assert said(await put(path, json={"job_state": 200}, headers=doctor.headers)) == (409, "任务状态无法回退")
    second = await given(lab, doctor)
    listed = await lab.http.get("/jobs", params={"image_id": second, "account_id": doctor.id}, headers=doctor.headers)
    another = f"/jobs/{listed.json()['data'][0]['job_id']}"
    assert said(await put(another, json={"label_id": own}, headers=doctor.headers)) == (
        409,
        "该标注信息已用于其他任务",
    )
    before = (await lab.http.get(path, headers=doctor.headers)).headers["etag"]
    assert (await lab.http.delete(f"/label/{own}", headers=doctor.headers)).status_code == 204
    assert (await lab.http.get(path, headers=doctor.headers)).headers["etag"] != before
    assert (await lab.http.get(path, headers=doctor.headers)).json()["label_id"] is None
    assert said(await put(path, json={"job_state": 202}, headers=doctor.headers))[0] == 409
    assert await readers(lab, image_id) == [doctor.id, other.id]


async def test_deleting_the_last_open_job_decides_what_is_left(lab: Lab) -> None:
    doctors, admin = [await lab.doctor() for _ in range(2)], await lab.admin()
    image_id = await given(lab, *doctors)
    label_id = await read(lab, doctors[0], image_id, True)
    listed = await lab.http.get("/jobs", params={"image_id": image_id}, headers=admin.headers)
    open_job = listed.json()["data"][1]["job_id"]
    assert (await lab.http.delete(f"/jobs/{open_job}", headers=admin.headers)).status_code == 200
    assert (await image(lab, image_id))["groundtruth_id"] == str(label_id)
