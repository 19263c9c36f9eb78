"""What a page with the form of a job needs: the job with its scheme, what comes next, drafts of two windows, and the
time of the work alone."""

from typing import Any

import pytest
from sqlalchemy import func, update
from support.annotation import Lab, Person
from support.assigning import NEXT, assign, check_all, finish, images, jobs, state_of, take

from annotation_service.workflow.models import Job
from lightbox_shared.auth.principal import Authority


async def upcoming(lab: Lab, doctor: Person, after: object = None) -> dict[str, Any] | None:
    query = {} if after is None else {"after": str(after)}
    answer = await lab.http.get(NEXT, params=query, headers=doctor.headers)
    assert answer.status_code in {200, 204}, answer.text
    return None if answer.status_code == 204 else answer.json()


@pytest.mark.parametrize("mode", ["queue", "assigned"])
async def test_what_is_said_to_come_next_comes_next_and_is_not_taken(lab: Lab, mode: str) -> None:
    doctor = await lab.doctor()
    wanted = await images(lab, 5)
    await assign(lab, mode=mode, readers=1, images=wanted, doctors=[doctor.id])
    foretold = await upcoming(lab, doctor)
    read = []
    while (found := await take(lab, doctor)) is not None:
        assert (foretold or {}).get("scheme") == found["scheme"]
        assert (foretold or {})["image"]["id"] == found["image"]["id"]
        before = len(await jobs(lab))
        foretold = await upcoming(lab, doctor, after=found["job"]["job_id"])
        assert len(await jobs(lab)) == before
        await finish(lab, doctor, found["job"])
        read.append(int(found["image"]["id"]))
    assert foretold is None
    assert sorted(read) == wanted
    await check_all(lab)


async def test_an_expert_is_told_of_what_experts_settle(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(2)]
    (image_id,) = await images(lab, 1)
    await assign(lab, readers=2, images=[image_id])
    for doctor in doctors:
        (job,) = await jobs(lab, account_id=doctor.id)
        await finish(lab, doctor, job, doctor.id)
    assert await state_of(lab, image_id) == 303
    expert = await lab.person(Authority.EXPERT)
    assert (await upcoming(lab, expert) or {})["image"]["id"] == str(image_id)
    assert await upcoming(lab, await lab.doctor()) is None


async def test_the_form_of_a_job_is_that_of_its_doctor_alone(lab: Lab) -> None:
    ada, bob = await lab.doctor(), await lab.doctor()
    (image_id,) = await images(lab, 1)
    await assign(lab, readers=1, images=[image_id], doctors=[ada.id])
    found = await take(lab, ada)
    assert found is not None
    assert found["settles"] is False
    assert found["shows_suggestions"] is False
    path = f"/api/jobs/{found['job']['job_id']}/form"
    answer = await lab.http.get(path, headers=ada.headers)
    assert (answer.status_code, answer.json()) == (200, found)
    assert (await lab.http.get(path, headers=bob.headers)).status_code == 403
    assert (await lab.http.get(path, headers=(await lab.admin()).headers)).status_code == 403
    assert (await lab.http.get("/api/jobs/999/form", headers=ada.headers)).status_code == 404


async def test_a_further_reader_is_not_told_that_others_differ_and_an_expert_is(lab: Lab) -> None:
    doctors = {each.id: each for each in [await lab.doctor() for _ in range(3)]}
    expert = await lab.person(Authority.EXPERT)
    (image_id,) = await images(lab, 1)
    await assign(lab, readers=2, images=[image_id])
    for job in await jobs(lab):
        await finish(lab, doctors[int(job["account_id"])], job, int(job["account_id"]))
    (further,) = [each for each in await jobs(lab) if each["job_state"] == "200"]
    assert (await take(lab, doctors[int(further["account_id"])]) or {})["settles"] is False
    await finish(lab, doctors[int(further["account_id"])], further, "something else")
    settling = await take(lab, expert)
    assert settling is not None
    assert settling["settles"] is True
    seen = await lab.http.get(f"/api/images/{image_id}/labels", headers=expert.headers)
    assert (seen.json()["scheme"], len(seen.json()["labels"])) == ("ophthalmology/1", 3)


async def test_a_draft_that_names_what_it_follows_overwrites_nothing_else(lab: Lab) -> None:
    doctor = await lab.doctor()
    (image_id,) = await images(lab, 1)
    await assign(lab, readers=1, images=[image_id], doctors=[doctor.id])
    found = await take(lab, doctor)
    assert found is not None
    path = f"/api/jobs/{found['job']['job_id']}/draft"

    async def save(value: str, tag: str | None) -> tuple[int, str | None]:
        own = doctor.headers if tag is None else {**doctor.headers, "If-Match": tag}
        answer = await lab.http.put(path, json={"draft": {"comment": value}}, headers=own)
        return answer.status_code, answer.headers.get("etag")

    none = (await lab.http.get(path, headers=doctor.headers)).headers["etag"]
    status, first = await save("first", none)
    assert (status, first != none) == (200, True)
    assert await save("of another window", none) == (412, None)
    kept = await lab.http.get(path, headers=doctor.headers)
    assert (kept.json()["draft"], kept.headers["etag"]) == ({"comment": "first"}, first)
    status, second = await save("second", first)
    assert (status, second != first) == (200, True)
    assert (await save("the last one wins", None))[0] == 200
    other = await lab.doctor()
    refused = await lab.http.put(path, json={"draft": {}}, headers={**other.headers, "If-Match": '"x"'})
    assert refused.status_code == 403, "an outdated draft tells nothing of a job of someone else"


@pytest.mark.parametrize(("told", "seconds"), [(None, 600), (90, 90), (0, 0), (5000, 600), (90.5, 90.5)], ids=str)
async def test_the_time_of_a_job_is_the_work_that_the_doctor_tells_and_never_more_than_has_passed(
    lab: Lab, told: float | None, seconds: float
) -> None:
    doctor = await lab.doctor()
    (image_id,) = await images(lab, 1)
    await assign(lab, readers=1, images=[image_id], doctors=[doctor.id])
    found = await take(lab, doctor)
    assert found is not None
    path = f"/jobs/{found['job']['job_id']}"
    await lab.http.put(path, json={"job_state": 201}, headers=doctor.headers)
    async with lab.database.writing() as session:
        await session.execute(update(Job).values(started_at=func.now() - func.make_interval(0, 0, 0, 0, 0, 10)))
    label = await lab.http.post("/labels", json={"dr": True}, headers=doctor.headers)
    body = {"label_id": label.json()["label_id"], "job_state": 202} | ({} if told is None else {"seconds": told})
    assert (await lab.http.put(path, json=body, headers=doctor.headers)).status_code == 200
    seen = await lab.http.get(f"/api/images/{image_id}/labels", headers=(await lab.admin()).headers)
    assert seen.json()["labels"][0]["seconds"] == pytest.approx(seconds, abs=5)
    await check_all(lab)


@pytest.mark.parametrize("seconds", [-1, 1e10, "soon", "NaN"])
async def test_a_time_that_is_none_is_refused(lab: Lab, seconds: object) -> None:
    doctor = await lab.doctor()
    (image_id,) = await images(lab, 1)
    await assign(lab, readers=1, images=[image_id], doctors=[doctor.id])
    found = await take(lab, doctor)
    assert found is not None
    path = f"/jobs/{found['job']['job_id']}"
    answer = await lab.http.put(path, json={"job_state": 201, "seconds": seconds}, headers=doctor.headers)
    assert answer.status_code == 400, answer.text
