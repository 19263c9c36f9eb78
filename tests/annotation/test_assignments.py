"""Assigning many images, the queue with its leases, and doctors who leave."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from support.annotation import Lab, Person

from annotation_service.accounts.models import Account
from annotation_service.assignments.leaving import reassign_jobs_of_the_gone
from annotation_service.assignments.queue import end_all_leases
from annotation_service.suggestions.models import Suggestion
from annotation_service.workflow.assigning import TooFewDoctors, choose_readers
from annotation_service.workflow.assigning_repository import Assignable
from annotation_service.workflow.models import Image, Job, Transition
from annotation_service.workflow.states import ImageState
from lightbox_shared.auth.principal import Authority

ASSIGNMENTS = "/api/assignments"
NEXT = f"{ASSIGNMENTS}/next"


async def assign(lab: Lab, **body: object) -> httpx.Response:
    admin = await lab.admin()
    return await lab.http.post(ASSIGNMENTS, json=body, headers=admin.headers)


async def images(lab: Lab, number: int) -> list[int]:
    picture_id = await lab.picture()
    return [await lab.image(picture_id) for _ in range(number)]


async def jobs(lab: Lab, **query: object) -> list[dict[str, Any]]:
    admin = await lab.admin()
    answer = await lab.http.get("/jobs", params=query, headers=admin.headers)  # type: ignore[arg-type]
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def take(lab: Lab, doctor: Person) -> dict[str, Any] | None:
    answer = await lab.http.post(NEXT, headers=doctor.headers)
    assert answer.status_code in {200, 201, 204}, answer.text
    if answer.status_code == 204:
        return None
    found: dict[str, Any] = answer.json()
    return found


async def finish(lab: Lab, doctor: Person, job: dict[str, Any], value: object = True) -> None:
    label = await lab.http.post("/labels", json={"dr": value}, headers=doctor.headers)
    body = {"label_id": label.json()["label_id"], "job_state": 202}
    answer = await lab.http.put(f"/jobs/{job['job_id']}", json=body, headers=doctor.headers)
    assert answer.status_code == 200, answer.text


async def let_leases_end(lab: Lab) -> None:
    async with lab.database.writing() as session:
        past = func.now() - timedelta(seconds=1)
        await session.execute(update(Job).where(Job.leased_until.is_not(None)).values(leased_until=past))


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
    wrong: tuple[dict[str, Any], ...] = (
        {"readers": 0},
        {"readers": 51},
        {"readers": "many"},
        {"readers": 2**63},
        {"mode": "both"},
        {"images": []},
        {"images": [0]},
        {"images": [2**63]},
        {"images": ["x"]},
        {"images": [None]},
        {"images": 5},
        {"doctors": []},
        {"doctors": [-1]},
        {"state": "x"},
        {"due_at": "tomorrow"},
        {"due_at": "2026-12-01T00:00:00"},
        {"due_at": "0001-01-01T00:00:00+14:00"},
        {"due_at": "9999-12-31T23:59:59-14:00"},
        {"rule": {"model": "m", "finding": "f", "between": [0.6, 0.4]}},
        {"rule": {"model": "m", "finding": "f", "between": [0.4]}},
        {"rule": {"model": "m", "finding": "f", "between": [float(-1), 2.0]}},
        {"rule": {"finding": "f", "between": [0, 1]}},
    )
    for body in wrong:
        answer = await assign(lab, **body)
        assert answer.status_code == 422, (body, answer.text)
        assert answer.json()["message"]
    doctor = await lab.doctor()
    for path in (ASSIGNMENTS, f"{ASSIGNMENTS}/reassign"):
        assert (await lab.http.post(path, json={}, headers=doctor.headers)).status_code == 403
        assert (await lab.http.post(path, json={})).status_code == 401
    for person in (await lab.person(Authority.GUEST), await lab.person(Authority.NONE)):
        assert (await lab.http.post(NEXT, headers=person.headers)).status_code == 403
    admin = await lab.admin()
    for wrong_id in ("0", "x", str(2**63)):
        assert (await lab.http.get(f"{ASSIGNMENTS}/{wrong_id}", headers=admin.headers)).status_code == 422
    assert (await lab.http.get(f"{ASSIGNMENTS}/1000000", headers=admin.headers)).status_code == 404


async def test_a_request_that_is_sent_again_assigns_once(lab: Lab) -> None:
    admin = await lab.admin()
    await lab.doctor()
    await images(lab, 2)
    headers = {**admin.headers, "Idempotency-Key": "once"}
    first, again = [await lab.http.post(ASSIGNMENTS, json={}, headers=headers) for _ in range(2)]
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


async def test_the_queue_gives_every_reader_another_image(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(3)]
    wanted = await images(lab, 8)
    answer = await assign(lab, mode="queue", readers=2, doctors=[each.id for each in doctors[:2]], images=wanted)
    assert (answer.status_code, answer.json()["jobs"]) == (201, 0)
    assert await take(lab, doctors[2]) is None
    seen: list[list[str]] = []
    for doctor in doctors[:2]:
        order = []
        while (found := await take(lab, doctor)) is not None:
            again = await take(lab, doctor)
            assert again is not None
            assert again["leased_until"] > found["leased_until"], "the doctor is still there"
            assert {**again, "leased_until": None} == {**found, "leased_until": None}
            assert found["job"]["job_state"] == "200"
            assert (found["image"]["id"], found["scheme"]) == (found["job"]["image_id"], "ophthalmology/1")
            order.append(found["job"]["image_id"])
            await finish(lab, doctor, found["job"])
        assert sorted(order, key=int) == [str(each) for each in wanted]
        seen.append(order)
    assert seen[0] != seen[1], "every doctor has an order of their own (the same one by chance once in 40,320)"
    admin = await lab.admin()
    states = {(await lab.http.get(f"/images/{each}", headers=admin.headers)).json()["state"] for each in wanted}
    assert states == {"done"}


async def test_an_image_is_not_decided_while_readers_are_missing(lab: Lab) -> None:
    ada, bob = await lab.doctor(), await lab.doctor()
    (image_id,) = await images(lab, 1)
    await assign(lab, mode="queue", readers=2, images=[image_id])
    admin = await lab.admin()
    for doctor, state in ((ada, "running"), (bob, "different")):
        found = await take(lab, doctor)
        assert found is not None
        await finish(lab, doctor, found["job"], doctor.id)
        assert (await lab.http.get(f"/images/{image_id}", headers=admin.headers)).json()["state"] == state


async def test_sixteen_doctors_at_once_never_get_more_readers_than_wanted(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(16)]
    wanted = await images(lab, 10)
    await assign(lab, mode="queue", readers=3, images=wanted)
    found = await asyncio.gather(*(take(lab, each) for each in doctors * 2))
    await asyncio.gather(*(take(lab, each) for each in doctors))
    taken = {(each["job"]["image_id"], each["job"]["account_id"]) for each in found if each}
    assert len(taken) == 16, "a doctor who asks again before finishing gets the same"
    readers = Counter(job["image_id"] for job in await jobs(lab))
    assert max(readers.values()) <= 3
    async with lab.database.reading() as session:
        rows = (await session.execute(select(Image.id, Image.missing_readers))).all()
    assert {row.id: 3 - row.missing_readers for row in rows if row.missing_readers < 3} == {
        int(image_id): count for image_id, count in readers.items()
    }


async def test_a_lease_ends_without_a_draft_and_the_draft_is_not_lost(lab: Lab) -> None:
    ada, bob = await lab.doctor(), await lab.doctor()
    (image_id,) = await images(lab, 1)
    await assign(lab, mode="queue", readers=1, images=[image_id])
    found = await take(lab, ada)
    assert found is not None
    path = f"/api/jobs/{found['job']['job_id']}/draft"
    draft = {"dr": True, "comment": "not sure"}
    await let_leases_end(lab)
    saved = await lab.http.put(path, json={"draft": draft}, headers=ada.headers)
    assert saved.json()["leased_until"] > saved.json()["saved_at"]
    await end_all_leases(lab.database)
    assert await take(lab, bob) is None, "the draft has extended the lease"
    await let_leases_end(lab)
    given = await take(lab, bob)
    assert given is not None
    assert (given["job"]["image_id"], given["draft"]) == (str(image_id), None)
    assert await take(lab, ada) is None
    await let_leases_end(lab)
    back = await take(lab, ada)
    assert back is not None
    assert back["draft"] == draft
    async with lab.database.reading() as session:
        gone = select(Transition.reason).where(Transition.image_id == image_id, Transition.to_state.is_(None))
        assert set(await session.scalars(gone)) == {"the lease ended without a draft"}


async def test_two_replicas_end_a_lease_once(lab: Lab) -> None:
    ada = await lab.doctor()
    await assign(lab, mode="queue", readers=1, images=await images(lab, 5))
    assert await take(lab, ada) is not None
    await let_leases_end(lab)
    await asyncio.gather(*(end_all_leases(lab.database) for _ in range(4)))
    assert await jobs(lab) == []
    async with lab.database.reading() as session:
        assert set(await session.scalars(select(Image.missing_readers))) == {1}
        assert set(await session.scalars(select(Image.state))) == {ImageState.UNASSIGNED}


async def test_experts_get_what_is_different_a_second_time(lab: Lab) -> None:
    doctors = [await lab.doctor() for _ in range(2)]
    (image_id,) = await images(lab, 1)
    await assign(lab, readers=2, images=[image_id])
    for doctor in doctors:
        (job,) = await jobs(lab, account_id=doctor.id)
        await finish(lab, doctor, job, doctor.id)
    expert = await lab.person(Authority.EXPERT)
    found = await take(lab, expert)
    assert found is not None
    assert (found["job"]["image_id"], found["leased_until"]) == (str(image_id), None)
    assert await take(lab, await lab.person(Authority.EXPERT)) is None
    await finish(lab, expert, found["job"], "settled")
    assert found["image"]["image_state"] == 303
    admin = await lab.admin()
    assert (await lab.http.get(f"/images/{image_id}", headers=admin.headers)).json()["image_state"] == 304


@pytest.mark.parametrize("by_itself", [True, False])
async def test_when_a_doctor_leaves_others_get_the_open_work(lab: Lab, *, by_itself: bool) -> None:
    ada, bob, clara = [await lab.doctor() for _ in range(3)]
    wanted = await images(lab, 6)
    await assign(lab, readers=2, doctors=[ada.id, bob.id], images=wanted)
    done, labelled, begun, *_ = await jobs(lab, account_id=ada.id)
    await finish(lab, ada, done)
    label = await lab.http.post("/labels", json={}, headers=ada.headers)
    body = {"label_id": label.json()["label_id"], "job_state": 201}
    await lab.http.put(f"/jobs/{labelled['job_id']}", json=body, headers=ada.headers)
    await lab.http.put(f"/jobs/{begun['job_id']}", json={"job_state": 201}, headers=ada.headers)
    if by_itself:
        async with lab.database.writing() as session:
            await session.execute(update(Account).where(Account.id == ada.id).values(deleted=True))
            await session.execute(update(Image).values(eligible_doctors=None))
        await reassign_jobs_of_the_gone(lab.database)
    else:
        admin = await lab.admin()
        body = {"from": ada.id, "to": [clara.id, bob.id]}
        answer = await lab.http.post(f"{ASSIGNMENTS}/reassign", json=body, headers=admin.headers)
        assert answer.json() == {"given": 4, "queued": 0, "left": 0}
    kept = {job["job_id"] for job in await jobs(lab, account_id=ada.id)}
    assert kept == {done["job_id"], labelled["job_id"]}
    assert len(await jobs(lab, account_id=clara.id)) == 4
    assert {job["job_state"] for job in await jobs(lab, account_id=clara.id)} == {"200"}
    assert len(await jobs(lab, account_id=bob.id)) == 6


async def test_without_anyone_else_the_work_goes_back_to_the_queue(lab: Lab) -> None:
    ada, admin = await lab.doctor(), await lab.admin()
    (asked_for, by_hand) = await images(lab, 2)
    await assign(lab, readers=1, images=[asked_for])
    await lab.http.post("/jobs", json={"image_id": by_hand, "account_id": ada.id}, headers=admin.headers)
    answer = await lab.http.post(f"{ASSIGNMENTS}/reassign", json={"from": ada.id}, headers=admin.headers)
    assert answer.json() == {"given": 0, "queued": 1, "left": 1}
    bob = await lab.doctor()
    async with lab.database.writing() as session:
        await session.execute(update(Image).values(eligible_doctors=None))
    found = await take(lab, bob)
    assert found is not None
    assert found["job"]["image_id"] == str(asked_for)


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
    team = choose_readers(wanted, open_jobs, readers, seed=seed)
    for image in wanted:
        chosen = [account_id for image_id, account_id in team.pairs if image_id == image.id]
        assert len(set(chosen) | set(image.account_ids)) == len(chosen) + len(image.account_ids)
        assert len(chosen) == max(0, readers - len(image.account_ids))
    assert team.new_jobs == {each: sum(1 for _, account in team.pairs if account == each) for each in range(8)}
    total = {each: loads[each] + count for each, count in team.new_jobs.items()}
    last = {account: image_id for image_id, account in team.pairs}  # the image for which each was chosen last
    for account, image_id in last.items():
        readers_there = {other for image, other in team.pairs if image == image_id} | existing[image_id]
        assert all(total[account] <= total[other] + 1 for other in total.keys() - readers_there)
    assert choose_readers(wanted, open_jobs, readers, seed=seed) == team
