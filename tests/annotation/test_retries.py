"""Requests that are sent again (`Idempotency-Key`), and changes to what is not there any more (`If-Match`)."""

import asyncio
from typing import Any

import pytest
from support.annotation import SEED_LABEL, Lab, Person, invalid, said

KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"


async def job_of(lab: Lab, doctor: Person) -> str:
    """The path of a new job of this doctor."""
    admin = await lab.admin()
    body = {"image_id": await lab.image(), "account_id": doctor.id}
    answer = await lab.http.post("/jobs", json=body, headers=admin.headers)
    return str(answer.headers["location"])


@pytest.mark.parametrize("key", [KEY, f'"{KEY}"', "x" * 255])
async def test_a_label_that_is_sent_again_is_made_once(lab: Lab, key: str) -> None:
    doctor, other = await lab.doctor(), await lab.doctor()
    headers = {**doctor.headers, "Idempotency-Key": key}
    first = await lab.http.post("/labels", json=SEED_LABEL, headers=headers)
    again = await lab.http.post("/labels/", json=dict(reversed(SEED_LABEL.items())), headers=headers)
    assert (again.status_code, again.json()) == (first.status_code, first.json()) == (201, first.json())
    for header in ("location", "etag", "content-type", "last-modified", "cache-control"):
        assert again.headers[header] == first.headers[header]
    # A key belongs to its account and its path.
    theirs = await lab.http.post("/labels", json=SEED_LABEL, headers={**other.headers, "Idempotency-Key": key})
    under_api = await lab.http.post("/api/labels", json=SEED_LABEL, headers=headers)
    assert len({first.json()["label_id"], theirs.json()["label_id"], under_api.json()["label_id"]}) == 3
    reused = await lab.http.post("/labels", json={"dr": False}, headers=headers)
    assert said(reused) == (422, "Another request was sent with this Idempotency-Key before.")


@pytest.mark.parametrize("key", ["", "x" * 256, '""', '"x', "a b", "é", "\t"])
async def test_keys_that_are_not_valid(lab: Lab, key: str) -> None:
    doctor = await lab.doctor()
    headers = [*doctor.headers.items(), ("Idempotency-Key", key.encode())]
    answer = await lab.http.post("/labels", json=SEED_LABEL, headers=headers)  # type: ignore[arg-type]
    assert invalid(answer) == "Idempotency-Key: 1 to 255 visible ASCII characters."


async def test_a_refusal_is_not_kept(lab: Lab) -> None:
    doctor = await lab.doctor()
    headers = {**doctor.headers, "Idempotency-Key": KEY}
    assert (await lab.http.post("/labels", json={"dr": {}}, headers=headers)).status_code == 400
    assert (await lab.http.post("/labels", json={"dr": True}, headers=headers)).status_code == 201


async def test_a_job_is_made_once_also_when_both_requests_come_at_once(lab: Lab) -> None:
    admin, doctor = await lab.admin(), await lab.doctor()
    body = {"image_id": await lab.image(), "account_id": doctor.id}
    headers = {**admin.headers, "Idempotency-Key": KEY}
    answers = await asyncio.gather(*(lab.http.post("/jobs", json=body, headers=headers) for _ in range(8)))
    assert {each.status_code for each in answers} <= {201, 409}
    made = [each.json()["job_id"] for each in answers if each.status_code == 201]
    assert len(set(made)) == 1
    busy = "A request with this Idempotency-Key is still running. Send it again in a moment."
    assert {each.json()["message"] for each in answers if each.status_code == 409} <= {busy}
    assert (await lab.http.post("/jobs", json=body, headers=headers)).json()["job_id"] == made[0]


async def test_a_change_to_an_older_label_is_refused_with_the_current_one(lab: Lab) -> None:
    doctor = await lab.doctor()
    made = await lab.http.post("/labels", json={"dr": True}, headers=doctor.headers)
    path, first = made.headers["location"], made.headers["etag"]
    assert (await lab.http.get(path, headers=doctor.headers)).headers["etag"] == first
    matching = {**doctor.headers, "If-Match": f'"other", {first}'}
    changed = await lab.http.put(path, json={"dr": False}, headers=matching)
    assert (changed.status_code, changed.headers["etag"] != first) == (200, True)
    refused = await lab.http.put(path, json={"dr": True}, headers={**doctor.headers, "If-Match": first})
    assert refused.status_code == 412
    assert refused.json()["dr"] is False
    assert refused.json()["message"] == "label已被修改"
    assert refused.headers["etag"] == changed.headers["etag"]
    for precondition in ("*", None):
        headers = doctor.headers if precondition is None else {**doctor.headers, "If-Match": precondition}
        assert (await lab.http.put(path, json={"dr": 1}, headers=headers)).status_code == 200


async def test_a_change_to_an_older_job_is_refused_with_the_current_one(lab: Lab) -> None:
    doctor = await lab.doctor()
    path = await job_of(lab, doctor)
    first = (await lab.http.get(path, headers=doctor.headers)).headers["etag"]
    headers = {**doctor.headers, "If-Match": first}
    begun = await lab.http.put(path, json={"job_state": 201}, headers=headers)
    assert begun.status_code == 200
    refused = await lab.http.put(path, json={"job_state": 201}, headers=headers)
    assert (refused.status_code, refused.json()["job_state"]) == (412, "201")
    assert refused.headers["etag"] == begun.headers["etag"]
    # A draft that is saved while the doctor types does not outdate what the doctor sees.
    draft = {"draft": {"dr": True}}
    assert (await lab.http.put(f"/api{path}/draft", json=draft, headers=doctor.headers)).status_code == 200
    headers = {**doctor.headers, "If-Match": begun.headers["etag"]}
    assert (await lab.http.put(path, json={"job_state": 201}, headers=headers)).status_code == 200


async def test_what_has_changed_is_not_deleted(lab: Lab) -> None:
    admin, doctor = await lab.admin(), await lab.doctor()
    label = await lab.http.post("/labels", json={"dr": True}, headers=doctor.headers)
    job_path = await job_of(lab, doctor)
    body = {"label_id": label.json()["label_id"]}
    assert (await lab.http.put(job_path, json=body, headers=doctor.headers)).status_code == 200
    image_path = f"/images/{await lab.image()}"
    for path, person in ((label.headers["location"], doctor), (job_path, admin), (image_path, admin)):
        stale = {**person.headers, "If-Match": '"0-0"'}
        assert said(await lab.http.delete(path, headers=stale)) == (412, "内容已被修改")
        found = await lab.http.get(path, headers=person.headers)
        assert found.status_code == 200
        assert (await lab.http.get(job_path, headers=doctor.headers)).json()["label_id"] == str(body["label_id"])
    for path, person in ((label.headers["location"], doctor), (job_path, admin), (image_path, admin)):
        etag = (await lab.http.get(path, headers=person.headers)).headers["etag"]
        gone = await lab.http.delete(path, headers={**person.headers, "If-Match": etag})
        assert gone.status_code in {200, 204}


@pytest.mark.parametrize(
    ("draft", "sentence"),
    [
        pytest.param('{"dr": 1e999}', "It has a number that is too large.", id="infinite"),
        pytest.param('{"dr": [-1e999]}', "It has a number that is too large.", id="minus infinite"),
        pytest.param(f'{{"dr": {"9" * 4000}}}', "It has a number that is too large.", id="4,000 digits"),
        pytest.param(f'{{"dr": {"[" * 300}{"]" * 300}}}', "It is nested deeper than 48 levels.", id="deep lists"),
        pytest.param('{"a":' * 300 + "1" + "}" * 300, "It is nested deeper than 48 levels.", id="deep objects"),
        pytest.param(f'{{"dr": [{"0," * 10_000}0]}}', "It has more than 10000 values.", id="many values"),
    ],
)
async def test_drafts_that_can_not_be_kept(lab: Lab, draft: str, sentence: str) -> None:
    doctor = await lab.doctor()
    path = f"/api{await job_of(lab, doctor)}/draft"
    headers = {**doctor.headers, "Content-Type": "application/json"}
    assert invalid(await lab.http.put(path, content=f'{{"draft": {draft}}}', headers=headers)) == f"draft: {sentence}"
    assert (await lab.http.get(path, headers=doctor.headers)).json()["draft"] is None


async def test_the_last_draft_counts_until_the_job_is_finished(lab: Lab) -> None:
    doctor, other = await lab.doctor(), await lab.doctor()
    path = await job_of(lab, doctor)
    draft_path = f"/api{path}/draft"
    assert (await lab.http.get(draft_path, headers=doctor.headers)).json()["draft"] is None
    for fields in ({"dr": True}, {"dr": False, "comment": "因为 <b>", "nested": [{"x": None}]}):
        saved = await lab.http.put(draft_path, json={"draft": fields}, headers=doctor.headers)
        assert (saved.status_code, saved.json()["draft"]) == (200, fields)
        assert (await lab.http.get(draft_path, headers=doctor.headers)).json() == saved.json()
    for person in (other, await lab.admin()):
        refused = await lab.http.put(draft_path, json={"draft": {}}, headers=person.headers)
        assert (refused.status_code, refused.json()["message"]) == (403, "用户无法修改他人任务")
        assert (await lab.http.get(draft_path, headers=person.headers)).status_code == 403
    wrong: tuple[dict[str, Any], ...] = ({}, {"draft": None}, {"draft": []}, {"draft": "x"}, {"draft": {"a": "\0"}})
    for body in wrong:
        assert (await lab.http.put(draft_path, json=body, headers=doctor.headers)).status_code == 400
    missing = await lab.http.put("/api/jobs/1000000/draft", json={"draft": {}}, headers=doctor.headers)
    assert said(missing) == (404, "任务不存在")
    label = (await lab.http.post("/labels", json={"dr": False}, headers=doctor.headers)).json()["label_id"]
    done = await lab.http.put(path, json={"label_id": label, "job_state": 202}, headers=doctor.headers)
    assert done.status_code == 200
    assert (await lab.http.get(draft_path, headers=doctor.headers)).json()["draft"] is None
    refused = await lab.http.put(draft_path, json={"draft": {}}, headers=doctor.headers)
    assert said(refused) == (403, "用户无法修改已完成的任务")


async def test_another_source_is_another_version_of_an_image(lab: Lab) -> None:
    admin, path = await lab.admin(), f"/images/{await lab.image()}"
    first = (await lab.http.get(path, headers=admin.headers)).headers["etag"]
    same = await lab.http.put(path, json={"source": "test"}, headers=admin.headers)
    assert (same.status_code, same.headers["etag"]) == (200, first)
    headers = {**admin.headers, "If-Match": first}
    changed = await lab.http.put(path, json={"source": "Clinic A"}, headers=headers)
    assert (changed.status_code, changed.json()["source"], changed.headers["etag"] != first) == (200, "Clinic A", True)
    refused = await lab.http.put(path, json={"source": "Clinic B"}, headers=headers)
    assert (refused.status_code, refused.json()["source"]) == (412, "Clinic A")
