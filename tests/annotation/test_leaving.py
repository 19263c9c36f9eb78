"""What happens to the work of doctors who leave."""

from collections import Counter

import pytest
from sqlalchemy import func, select, update
from support.annotation import Lab, Person
from support.assigning import ASSIGNMENTS, assign, check_all, finish, images, jobs, state_of, take

from annotation_service.accounts.models import Account
from annotation_service.workflow.models import Image, Job, Transition
from lightbox_shared.auth.principal import Authority


async def reassign(lab: Lab, leaver: Person, *others: Person) -> dict[str, int]:
    body = {"from": leaver.id, **({"to": [each.id for each in others]} if others else {})}
    answer = await lab.http.post(f"{ASSIGNMENTS}/reassign", json=body, headers=(await lab.admin()).headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, int] = answer.json()
    return found


async def be_gone(lab: Lab, leaver: Person, **columns: object) -> None:
    """The account is deleted, or becomes another; and time passes."""
    async with lab.database.writing() as session:
        await session.execute(update(Account).where(Account.id == leaver.id).values(**(columns or {"deleted": True})))
    await lab.services.leaving.reassign_jobs_of_the_gone()


async def put_label_into(lab: Lab, doctor: Person, job_id: str) -> None:
    label = await lab.http.post("/labels", json={}, headers=doctor.headers)
    body = {"label_id": label.json()["label_id"], "job_state": 201}
    await lab.http.put(f"/jobs/{job_id}", json=body, headers=doctor.headers)


@pytest.mark.parametrize("how", ["by an administrator", "deleted", "a guest"])
async def test_others_get_the_open_work(lab: Lab, how: str) -> None:
    ada, bob, clara, dora = [await lab.doctor() for _ in range(4)]
    wanted = await images(lab, 9)
    await assign(lab, readers=2, doctors=[ada.id, bob.id], images=wanted)
    async with lab.database.writing() as session:
        await session.execute(update(Image).values(eligible_doctors=None))
    done, labelled, begun, *_ = await jobs(lab, account_id=ada.id)
    await finish(lab, ada, done)
    await put_label_into(lab, ada, labelled["job_id"])
    await lab.http.put(f"/jobs/{begun['job_id']}", json={"job_state": 201}, headers=ada.headers)
    if how == "by an administrator":
        assert await reassign(lab, ada, dora, clara, bob) == {"given": 7, "queued": 0, "left": 1}
        stay, go = {done["job_id"], labelled["job_id"]}, 7
    else:
        await be_gone(lab, ada, **({} if how == "deleted" else {"authority": int(Authority.GUEST)}))
        stay, go = {done["job_id"]}, 8
    assert {job["job_id"] for job in await jobs(lab, account_id=ada.id)} == stay
    given = [await jobs(lab, account_id=each.id) for each in (clara, dora)]
    assert sum(map(len, given)) == go
    assert abs(len(given[0]) - len(given[1])) <= 1, "those with the fewest open jobs get more"
    assert {job["job_state"] for found in given for job in found} == {"200"}
    assert len(await jobs(lab, account_id=bob.id)) == 9
    assert Counter(job["image_id"] for job in await jobs(lab)) == {str(each): 2 for each in wanted}
    await check_all(lab)
    await lab.services.leaving.reassign_jobs_of_the_gone()
    assert {job["job_id"] for job in await jobs(lab, account_id=ada.id)} == stay, "there is nothing more to do"


async def test_without_anyone_else_the_work_waits_in_the_queue(lab: Lab) -> None:
    ada, bob, admin = await lab.doctor(), await lab.doctor(), await lab.admin()
    (asked_for, by_hand, shared) = await images(lab, 3)
    await assign(lab, readers=1, doctors=[ada.id], images=[asked_for])
    for image_id, doctors in ((by_hand, [ada]), (shared, [ada, bob])):
        for doctor in doctors:
            body = {"image_id": image_id, "account_id": doctor.id}
            assert (await lab.http.post("/jobs", json=body, headers=admin.headers)).status_code == 201
    assert await reassign(lab, ada, bob) == {"given": 2, "queued": 1, "left": 0}, "Bob reads one of them already"
    await be_gone(lab, ada)
    await be_gone(lab, bob)
    seen = [each.image for each in await check_all(lab) if each.image]
    assert {each["id"]: each["missing_readers"] for each in seen} == {asked_for: 1, by_hand: 1, shared: 2}
    assert {each["state"] for each in seen} == {300}
    found = []
    for _ in range(3):
        clara = await lab.doctor()
        while (job := await take(lab, clara)) is not None:
            found.append(int(job["job"]["image_id"]))
            await finish(lab, clara, job["job"])
    assert sorted(found) == [by_hand, shared, shared], "the first one is for Ada alone"


async def test_an_image_is_not_decided_because_a_reader_left(lab: Lab) -> None:
    ada, bob, admin = await lab.doctor(), await lab.doctor(), await lab.admin()
    (image_id,) = await images(lab, 1)
    for doctor in (ada, bob):
        body = {"image_id": image_id, "account_id": doctor.id}
        await lab.http.post("/jobs", json=body, headers=admin.headers)
    (job,) = await jobs(lab, account_id=ada.id)
    await finish(lab, ada, job)
    await be_gone(lab, bob)
    assert await state_of(lab, image_id) == 301
    await check_all(lab)
    clara = await lab.doctor()
    found = await take(lab, clara)
    assert found is not None
    await finish(lab, clara, found["job"])
    assert await state_of(lab, image_id) == 304


async def test_what_a_doctor_took_from_the_queue_goes_back_there(lab: Lab) -> None:
    ada, bob = await lab.doctor(), await lab.doctor()
    await assign(lab, mode="queue", readers=1, images=await images(lab, 1))
    assert await take(lab, ada) is not None
    assert await reassign(lab, ada) == {"given": 0, "queued": 1, "left": 0}
    (seen,) = await check_all(lab)
    assert seen.state == 300
    assert await take(lab, bob) is not None


async def test_a_further_reader_and_an_expert_who_leave(lab: Lab) -> None:
    ada, bob, clara, dora = [await lab.doctor() for _ in range(4)]
    first, second = [await lab.person(Authority.EXPERT) for _ in range(2)]
    (image_id,) = await images(lab, 1)
    await assign(lab, readers=2, doctors=[ada.id, bob.id], images=[image_id])
    async with lab.database.writing() as session:
        await session.execute(update(Image).values(eligible_doctors=None))
    for doctor in (ada, bob):
        (job,) = await jobs(lab, account_id=doctor.id)
        await finish(lab, doctor, job, doctor.id)
    assert await state_of(lab, image_id) == 302
    await be_gone(lab, clara)
    assert len(await jobs(lab, account_id=dora.id)) == 1, "another doctor reads it"
    assert await state_of(lab, image_id) == 302
    await check_all(lab)
    await be_gone(lab, dora)
    assert await state_of(lab, image_id) == 303, "there is no further doctor"
    assert len(await jobs(lab, account_id=first.id)) == 1
    await check_all(lab)
    await be_gone(lab, first)
    assert len(await jobs(lab, account_id=second.id)) == 1
    await be_gone(lab, second)
    await check_all(lab)
    third = await lab.person(Authority.EXPERT)
    found = await take(lab, third)
    assert found is not None
    await finish(lab, third, found["job"])
    assert await state_of(lab, image_id) == 304


async def test_a_draft_waits_for_its_doctor_to_come_back(lab: Lab) -> None:
    ada, bob, admin = await lab.doctor(), await lab.doctor(), await lab.admin()
    (image_id,) = await images(lab, 1)
    body = {"image_id": image_id, "account_id": ada.id}
    job_id = (await lab.http.post("/jobs", json=body, headers=admin.headers)).json()["job_id"]
    draft = {"dr": True, "comment": "perhaps"}
    await lab.http.put(f"/api/jobs/{job_id}/draft", json={"draft": draft}, headers=ada.headers)
    assert await reassign(lab, ada, bob) == {"given": 1, "queued": 0, "left": 0}
    (job,) = await jobs(lab, account_id=bob.id)
    shown = await lab.http.get(f"/api/jobs/{job['job_id']}/draft", headers=bob.headers)
    assert shown.json()["draft"] is None, "it is not told to others"
    again = (await lab.http.post("/jobs", json=body, headers=admin.headers)).json()["job_id"]
    shown = await lab.http.get(f"/api/jobs/{again}/draft", headers=ada.headers)
    assert shown.json()["draft"] == draft
    assert await reassign(lab, bob, ada) == {"given": 0, "queued": 1, "left": 0}
    assert (await lab.http.delete(f"/jobs/{again}", headers=admin.headers)).status_code == 200
    assert (await lab.http.delete(f"/images/{image_id}", headers=admin.headers)).status_code == 204


async def test_who_can_be_named(lab: Lab) -> None:
    ada, guest, admin = await lab.doctor(), await lab.person(Authority.GUEST), await lab.admin()
    for body, words in (
        ({"from": 0}, "from"),
        ({"from": None}, "from"),
        ({}, "from"),
        ({"from": ada.id, "to": []}, "to"),
        ({"from": ada.id, "to": [guest.id]}, f"to: There is no approved doctor {guest.id}."),
        ({"from": ada.id, "to": [2**63]}, "to"),
    ):
        answer = await lab.http.post(f"{ASSIGNMENTS}/reassign", json=body, headers=admin.headers)
        assert answer.status_code == 422, answer.text
        assert words in answer.json()["message"]
    assert await reassign(lab, guest) == {"given": 0, "queued": 0, "left": 0}


@pytest.mark.parametrize("another_doctor", [True, False])
async def test_the_draft_of_a_doctor_whose_work_went_to_others_is_there_again(
    lab: Lab, *, another_doctor: bool
) -> None:
    ada, admin = await lab.doctor(), await lab.admin()
    await assign(lab, images=await images(lab, 1))
    mine = await take(lab, ada)
    assert mine is not None
    draft = {"dr": True, "comment": "not sure"}
    path = f"/api/jobs/{mine['job']['job_id']}/draft"
    assert (await lab.http.put(path, json={"draft": draft}, headers=ada.headers)).status_code == 200
    bob = await lab.doctor() if another_doctor else None
    assert await reassign(lab, ada) == {"given": int(another_doctor), "queued": int(not another_doctor), "left": 0}
    if bob is not None:
        theirs = await take(lab, bob)
        assert theirs is not None
        assert theirs["draft"] is None, "doctors do not see each other's drafts"
        gone = await lab.http.delete(f"/jobs/{theirs['job']['job_id']}", headers=admin.headers)
        assert gone.status_code == 200
    back = await take(lab, ada)
    assert back is not None
    assert back["draft"] == draft


async def test_the_work_of_the_gone_is_given_to_others_in_short_transactions(lab: Lab) -> None:
    ada, bob = await lab.doctor(), await lab.doctor()
    await assign(lab, images=await images(lab, 7), doctors=[ada.id])
    async with lab.database.writing() as session:
        await session.execute(update(Image).values(eligible_doctors=None))
        await session.execute(update(Account).where(Account.id == ada.id).values(deleted=True))
    await lab.services.leaving.reassign_jobs_of_the_gone(at_once=3)
    async with lab.database.reading() as session:
        assert set(await session.scalars(select(Job.account_id))) == {bob.id}
        left = select(Transition.at, func.count()).where(
            Transition.reason == "the doctor has left", Transition.to_state.is_(None)
        )
        counts = [row[1] for row in await session.execute(left.group_by(Transition.at).order_by(Transition.at))]
    assert counts == [3, 3, 1]
    await check_all(lab)
