"""Assigning many images, the queue with its leases, and doctors who leave."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from support.annotation import Lab
from support.assigning import ASSIGNMENTS, NEXT, assign, check_all, finish, images, jobs, state_of, take

from annotation_service.assignments import repository
from annotation_service.assignments.models import Assignment
from annotation_service.suggestions.models import Suggestion
from annotation_service.workflow.assigning import TooFewDoctors, choose_readers
from annotation_service.workflow.assigning_repository import Assignable
from annotation_service.workflow.models import Job
from annotation_service.workflow.order_repository import order_key
from annotation_service.workflow.states import ImageState
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import WriteSession


async def test_readers_are_balanced_and_none_reads_twice(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(5)]
    wanted = await images(lab, 20)
    answer = await assign(lab, readers=3, doctors=[each.id for each in doctors], images=wanted)
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["images"], body["jobs"], body["mode"]) == (20, 60, "assigned")
    assert body["jobs_by_doctor"] == {str(each.id): 12 for each in doctors}
    made = await jobs(lab)
    assert Counter(job["image_id"] for job in made) == {str(image_id): 3 for image_id in wanted}
    assert len({(job["image_id"], job["account_id"]) for job in made}) == 60
    teams = {tuple(sorted(job["account_id"] for job in made if job["image_id"] == str(each))) for each in wanted}
    assert len(teams) > 3, "every two doctors come to read images in common"
    admin = await lab.admin()
    progress = (await lab.http.get(answer.headers["location"], headers=admin.headers)).json()
    assert progress["images_by_state"] == {"unassigned": 0, "running": 20, "different": 0, "done": 0}
    assert progress["missing_readers"] == 0
    assert {each["unlabeled"] for each in progress["progress"]} == {12}
    orders = [tuple(job["image_id"] for job in (await jobs(lab, account_id=each.id))) for each in doctors]
    assert all(order != tuple(sorted(order, key=int)) for order in orders)
    assert [tuple(job["image_id"] for job in await jobs(lab, account_id=each.id)) for each in doctors] == orders


async def test_a_place_in_the_order_of_a_doctor_never_changes(lab: Lab) -> None:
    """It is made where jobs are given, and where a doctor takes an image from the queue."""
    for _ in range(2):
        await lab.doctor()
    assert (await assign(lab, readers=2, images=await images(lab, 5))).status_code == 201
    async with lab.database.reading() as session:
        [seed] = await session.scalars(select(Assignment.order_seed))
        again = order_key(Job.image_id, Job.account_id, seed)
        places = (await session.execute(select(Job.order_key, again))).all()
        assert len({place for place, _ in places}) == 10
        assert all(place == made_again for place, made_again in places)
        assert await session.scalar(select(order_key(1, 2, 3))) == -7620678293940249823


async def test_readers_that_an_image_has_already_count(lab: Lab) -> None:
    ada, bob = await lab.doctor(), await lab.doctor()
    admin = await lab.admin()
    (image_id,) = await images(lab, 1)
    await lab.http.post("/jobs", json={"image_id": image_id, "account_id": ada.id}, headers=admin.headers)
    answer = await assign(lab, readers=2, images=[image_id])
    assert answer.json()["jobs_by_doctor"] == {str(ada.id): 0, str(bob.id): 1}
    for doctor in (ada, bob):
        (job,) = await jobs(lab, account_id=doctor.id)
        assert (await lab.http.get(f"/images/{image_id}", headers=admin.headers)).json()["state"] == "running"
        await finish(lab, doctor, job)
    assert (await lab.http.get(f"/images/{image_id}", headers=admin.headers)).json()["state"] == "done"


async def test_all_images_get_their_readers_or_none_does(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(2)]
    wanted = await images(lab, 3)
    label = await lab.http.post("/labels", json={}, headers=doctors[0].headers)
    done = await lab.image(state=int(ImageState.DONE), ground_truth_id=label.json()["label_id"])
    guest, missing = await lab.person(Authority.GUEST), 10**9
    for body, status, words in (
        ({"images": [*wanted, missing]}, 422, f"images: There is no image {missing}."),
        ({"images": [*wanted, done]}, 409, f"not {done}."),
        ({"images": wanted, "readers": 3}, 409, f"There are too few doctors for 3 readers of image {wanted[0]}."),
        ({"images": wanted, "doctors": [guest.id]}, 422, f"doctors: There is no approved doctor {guest.id}."),
        ({"images": wanted, "doctors": [missing]}, 422, f"doctors: There is no approved doctor {missing}."),
        ({"scheme": "unknown"}, 422, "scheme: "),
    ):
        answer = await assign(lab, **body)
        assert (answer.status_code, words in answer.json()["message"]) == (status, True), answer.text
        assert await jobs(lab) == []
    assert [each["id"] for each in (await _listed(lab))] == []


async def _listed(lab: Lab) -> list[dict[str, Any]]:
    admin = await lab.admin()
    found: list[dict[str, Any]] = (await lab.http.get(ASSIGNMENTS, headers=admin.headers)).json()["assignments"]
    return found


async def test_bodies_that_are_not_valid(lab: Lab) -> None:
    fields: tuple[dict[str, Any], ...] = (
        {"readers": 0},
        {"readers": 51},
        {"readers": "many"},
        {"readers": 2**63},
        {"reader": 3},
        {"mode": "both"},
        {"mode": None},
        {"doctors": []},
        {"doctors": [-1]},
        {"due_at": "tomorrow"},
        {"due_at": "2999-12-01T00:00:00"},
        {"due_at": "2020-12-01T00:00:00Z"},
        {"due_at": "0001-01-01T00:00:00+14:00"},
        {"due_at": "9999-12-31T23:59:59-14:00"},
        {"due_days": 0},
        {"due_days": 2**63},
        {"due_days": 1, "due_at": "2999-12-01T00:00:00Z"},
        {"scheme": "ophthalmology/99999"},
        {"scheme": "x/y"},
        {"scheme": "unknown"},
        {"images": [1]},
        {"rule": {"model": "m", "finding": "f", "between": [0.6, 0.4]}},
        {"rule": {"model": "m", "finding": "f", "between": [0.4]}},
        {"rule": {"model": "m", "finding": "f", "between": [-1, 2]}},
        {"rule": {"finding": "f", "between": [0, 1]}},
    )
    selections: tuple[dict[str, Any], ...] = (
        {},
        {"state": None},
        {"state": "x"},
        {"images": []},
        {"images": [0]},
        {"images": [2**63]},
        {"images": ["x"]},
        {"images": [None]},
        {"images": 5},
        {"images": [1], "scheme": "ophthalmology"},
        {"images": [1], "rule": {"model": "m", "finding": "f", "between": [0, 1]}},
    )
    await lab.doctor()
    await images(lab, 1)
    for body in (*({"state": "unassigned", **each} for each in fields), *selections):
        answer = await assign(lab, **body)
        assert answer.status_code == 422, (body, answer.text)
        named = answer.json()["message"].partition(":")[0].partition(".")[0]
        assert named in {*body, "images"}, answer.text
    assert await jobs(lab) == []
    doctor = await lab.doctor()
    for path in (ASSIGNMENTS, f"{ASSIGNMENTS}/reassign"):
        assert (await lab.http.post(path, json={}, headers=doctor.headers)).status_code == 403
        assert (await lab.http.post(path, json={})).status_code == 401
    for person in (await lab.person(Authority.GUEST), await lab.person(Authority.NONE)):
        assert (await lab.http.post(NEXT, headers=person.headers)).status_code == 403
    admin = await lab.admin()
    for wrong_id in ("0", str(2**63)):
        assert (await lab.http.get(f"{ASSIGNMENTS}/{wrong_id}", headers=admin.headers)).status_code == 422
    assert (await lab.http.get(f"{ASSIGNMENTS}/1000000", headers=admin.headers)).status_code == 404


async def test_a_request_that_is_sent_again_assigns_once(lab: Lab) -> None:
    admin = await lab.admin()
    await lab.doctor()
    await images(lab, 2)
    headers = {**admin.headers, "Idempotency-Key": "once"}
    first, again = [await lab.http.post(ASSIGNMENTS, json={"state": "unassigned"}, headers=headers) for _ in range(2)]
    assert (again.status_code, again.json(), again.headers["location"]) == (
        201,
        first.json(),
        first.headers["location"],
    )
    assert len(await jobs(lab)) == 2


async def test_low_margin_predictions_become_jobs(lab: Lab) -> None:
    doctor = await lab.doctor()
    wanted = await images(lab, 4)
    async with lab.database.writing() as session:
        for image_id, score in zip(wanted, (0.1, 0.45, 0.55, 0.9), strict=True):
            values: dict[str, Any] = {"thresholds": {"edema": 0.5}, "prediction_id": image_id, "created_by": 2}
            session.add(
                Suggestion(
                    image_id=image_id,
                    model_name="chest-findings",
                    model_version=1,
                    picture_sha256=b"x",
                    scores={"edema": score},
                    **values,
                )
            )
    rule = {"model": "chest-findings", "finding": "edema", "between": [0.4, 0.6]}
    answer = await assign(lab, rule=rule, doctors=[doctor.id])
    assert (answer.status_code, answer.json()["images"]) == (201, 2)
    assert {int(job["image_id"]) for job in await jobs(lab)} == set(wanted[1:3])
    for model, wrong in (("chest-findings", "Edema"), ("chest-findings/1", "mass")):
        refused = await assign(lab, rule={"model": model, "finding": wrong, "between": [0, 1]})
        (error,) = refused.json()["errors"]
        assert (refused.status_code, error["field"]) == (422, "rule.finding")
        assert error["detail"] == f"{model} has no such finding. It has edema."
    none = await assign(lab, rule={"model": "chest-findings", "finding": "edema", "between": [0.99, 1]})
    unread = await assign(lab, rule={"model": "another", "finding": "mass", "between": [0, 1]})
    assert [(each.status_code, each.json()["images"]) for each in (none, unread)] == [(201, 0)] * 2
    await check_all(lab)


async def test_all_images_of_a_state_and_a_scheme(lab: Lab) -> None:
    ada, bob = await lab.doctor(), await lab.doctor()
    running, *unassigned = await images(lab, 3)
    assert (await assign(lab, images=[running], doctors=[ada.id])).json()["jobs"] == 1
    answer = await assign(lab, state="unassigned", scheme="ophthalmology", doctors=[bob.id], shows_suggestions=True)
    assert (answer.json()["images"], answer.json()["shows_suggestions"]) == (2, True)
    assert {int(job["image_id"]) for job in await jobs(lab, account_id=bob.id)} == set(unassigned)
    answer = await assign(lab, state="running", readers=2)
    assert answer.json()["jobs_by_doctor"] == {str(ada.id): 2, str(bob.id): 1}
    assert (await assign(lab, state="unassigned")).json()["images"] == 0
    answer = await assign(lab, scheme="ophthalmology/1", readers=1)
    assert (answer.json()["images"], answer.json()["jobs"]) == (3, 0), "there are enough readers already"
    await check_all(lab)


async def test_fewer_readers_may_have_finished_already(lab: Lab) -> None:
    ada = await lab.doctor()
    (image_id,) = await images(lab, 1)
    await assign(lab, mode="queue", readers=2, images=[image_id])
    found = await take(lab, ada)
    assert found is not None
    await finish(lab, ada, found["job"])
    assert await state_of(lab, image_id) == 301
    await assign(lab, readers=1, images=[image_id])
    assert await state_of(lab, image_id) == 304
    await check_all(lab)


async def test_what_is_due_and_overdue(lab: Lab) -> None:
    ada = await lab.doctor("Ada")
    answer = await assign(lab, images=await images(lab, 3), due_days=2)
    body = answer.json()
    interval = datetime.fromisoformat(body["due_at"]) - datetime.fromisoformat(body["created_at"])
    assert interval == timedelta(days=2)  # both by the clock of the database
    done, begun, _ = await jobs(lab, account_id=ada.id)
    await finish(lab, ada, done)
    await lab.http.put(f"/jobs/{begun['job_id']}", json={"job_state": 201}, headers=ada.headers)
    async with lab.database.writing() as session:
        await session.execute(update(Job).values(due_at=func.now() - timedelta(hours=1)))
    admin = await lab.admin()
    progress = (await lab.http.get(answer.headers["location"], headers=admin.headers)).json()
    assert progress["progress"] == [
        {"account_id": ada.id, "nickname": "Ada", "unlabeled": 1, "labeling": 1, "finished": 1, "overdue": 2}
    ]
    assert progress["images_by_state"] == {"unassigned": 0, "running": 2, "different": 0, "done": 1}


async def test_what_is_over_is_said_by_the_clock_of_the_database(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    await lab.doctor()
    admin = await lab.admin()
    body = {"images": await images(lab, 1), "due_at": "2999-12-01T00:00:00Z"}
    headers = {**admin.headers, "Idempotency-Key": "long-ago"}
    made = await lab.http.post(ASSIGNMENTS, json=body, headers=headers)
    assert made.status_code == 201

    async def later(_session: WriteSession) -> datetime:
        return datetime(3000, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(repository, "now", later)
    refused = await lab.http.post(ASSIGNMENTS, json=body, headers=admin.headers)
    assert (refused.status_code, refused.json()["message"]) == (422, "due_at: This time is over.")
    again = await lab.http.post(ASSIGNMENTS, json=body, headers=headers)
    assert (again.status_code, again.json()) == (201, made.json())
    in_days = (await assign(lab, images=await images(lab, 1), due_days=3)).json()["due_at"]
    assert datetime.fromisoformat(in_days) == datetime(3000, 1, 4, tzinfo=UTC)


async def test_pages_of_assignments(lab: Lab) -> None:
    await lab.doctor()
    made = [(await assign(lab, images=await images(lab, 1))).json()["id"] for _ in range(5)]
    admin = await lab.admin()
    seen, cursor = [], None
    while True:
        query = {"limit": 2, **({} if cursor is None else {"cursor": cursor})}
        page = (await lab.http.get(ASSIGNMENTS, params=query, headers=admin.headers)).json()
        seen.append([each["id"] for each in page["assignments"]])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [made[4:2:-1], made[2:0:-1], made[:1]]


async def test_assignments_of_the_same_images_at_the_same_moment(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(6)]
    wanted = await images(lab, 30)
    answers = await asyncio.gather(
        *(assign(lab, images=wanted[::step], readers=readers) for step, readers in ((1, 2), (-1, 3), (1, 4), (-1, 2)))
    )
    assert {each.status_code for each in answers} == {201}
    found = await check_all(lab)
    assert {len(each.jobs) for each in found} == {4}
    loads = Counter(job["account_id"] for each in found for job in each.jobs)
    assert set(loads) == {each.id for each in doctors}
    assert max(loads.values()) - min(loads.values()) <= 2, "some can't read what others left"


async def test_doctors_finish_while_images_are_assigned(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(4)]
    wanted = await images(lab, 20)
    await assign(lab, images=wanted, readers=2)
    open_jobs = [(doctor, job) for doctor in doctors for job in await jobs(lab, account_id=doctor.id)]
    await asyncio.gather(
        assign(lab, state="running", readers=3),
        *(finish(lab, doctor, job) for doctor, job in open_jobs),
        assign(lab, state="running", readers=2),
    )
    await check_all(lab)


@given(
    st.lists(st.sets(st.integers(0, 7), max_size=3), min_size=1, max_size=40),
    st.lists(st.integers(0, 5), min_size=8, max_size=8),
    st.integers(1, 8),
    st.integers(0, 2**63 - 1),
)
def test_choosing_readers(existing: list[set[int]], loads: list[int], readers: int, seed: int) -> None:
    wanted = [Assignable(n, ImageState.RUNNING, tuple(sorted(known))) for n, known in enumerate(existing)]
    open_jobs = dict(enumerate(loads))
    if any(readers - len(known) > 8 - len(known) for known in existing):
        with pytest.raises(TooFewDoctors):
            choose_readers(wanted, open_jobs, readers, seed=seed)
        return
    plan = choose_readers(wanted, open_jobs, readers, seed=seed)
    for image in wanted:
        chosen = [account_id for image_id, account_id in plan.jobs if image_id == image.id]
        assert len(set(chosen) | set(image.account_ids)) == len(chosen) + len(image.account_ids)
        assert len(chosen) == max(0, readers - len(image.account_ids))
    assert plan.by_doctor == {each: sum(1 for _, account in plan.jobs if account == each) for each in range(8)}
    total = {each: loads[each] + count for each, count in plan.by_doctor.items()}
    last = {account: image_id for image_id, account in plan.jobs}  # the image for which each was chosen last
    for account, image_id in last.items():
        readers_there = {other for image, other in plan.jobs if image == image_id} | existing[image_id]
        assert all(total[account] <= total[other] + 1 for other in total.keys() - readers_there)
    assert choose_readers(wanted, open_jobs, readers, seed=seed) == plan


async def test_null_is_as_absent(lab: Lab) -> None:
    """As generated clients send what is not set."""
    absent = dict.fromkeys(("doctors", "images", "scheme", "rule", "due_at", "due_days"))
    admin = await lab.admin()
    for state in ("unassigned", "302"):
        body = {"state": state, "mode": "queue", **absent}
        answer = await lab.http.post("/api/assignments", json=body, headers=admin.headers)
        assert (answer.status_code, answer.json()["images"]) == (201, 0), answer.text
    assert (await lab.http.get("/api/assignments/reassign", headers=admin.headers)).status_code == 405
