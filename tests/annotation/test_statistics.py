"""Agreement, accuracy and progress through the API."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from support import pictures
from support.annotation import Lab, Person, invalid, said
from support.labelling import START, add_finished

from annotation_service.statistics import repository
from annotation_service.workflow.models import Image
from lightbox_shared.auth.principal import Authority


async def get(lab: Lab, path: str, person: Person, **query: object) -> dict[str, Any]:
    answer = await lab.http.get(path, params=query, headers=person.headers)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def settle(lab: Lab, image_id: int, label_id: int) -> None:
    async with lab.database.writing() as session:
        done = {"state": 304, "ground_truth_id": label_id}
        await session.execute(update(Image).where(Image.id == image_id).values(done))


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "PAGE_ROWS", 3)


@pytest.mark.usefixtures("small_pages")
async def test_the_agreement_of_two_doctors(lab: Lab) -> None:
    """Twenty yes, fifteen no, five and ten mixed: the textbook example with p_o = 0.7, p_e = 0.5 and kappa = 0.4."""
    admin, ada, bob = await lab.admin(), await lab.doctor(), await lab.doctor()
    for mine, theirs, times in ((True, True, 20), (True, False, 5), (False, True, 10), (False, False, 15)):
        for n in range(times):
            image_id = await lab.image(await lab.picture(f"{mine}{theirs}{n}".encode()))
            await add_finished(lab.database, image_id, {ada.id: {"dr": mine}, bob.id: {"dr": theirs}})
    body = await get(lab, "/api/agreement", admin)
    fields = {each["field"]: each for each in body["fields"]}
    assert "comment" not in fields
    assert (body["scheme"], len(fields)) == ("ophthalmology/1", 12)
    found = fields["dr"]
    assert found["counts"] == {"images": 50, "readings": 100, "doctors": 2, "pairs": 50, "images_read_once": 0}
    assert found["categories"] == [False, True]
    assert found["percent_agreement"]["value"] == pytest.approx(0.7)
    (pair,) = found["pairs"]
    assert (pair["doctors"], pair["images"]) == ([ada.id, bob.id], 50)
    assert pair["cohen_kappa"]["value"] == pytest.approx(0.4)
    assert pair["cohen_kappa"]["low"] < 0.4 < pair["cohen_kappa"]["high"]
    assert found["same_doctor"] == []
    assert fields["rvo"]["percent_agreement"]["value"] is None
    assert fields["rvo"]["percent_agreement"]["reason"]
    for query, images in (
        ({"from": "2026-03-01"}, 50),
        ({"to": "2026-02-28"}, 0),
        ({"to": "2026-02-28T21:00:00-12:00"}, 50),
        ({"assignment_id": 1}, 0),
    ):
        counts = {
            each["field"]: each["counts"] for each in (await get(lab, "/api/agreement", admin, **query))["fields"]
        }
        assert counts["dr"]["images"] == images


async def test_a_doctor_who_labels_the_same_picture_twice(lab: Lab) -> None:
    admin, ada = await lab.admin(), await lab.doctor()
    for n, (first, second) in enumerate((("1", "1"), ("2", "2"), ("1", "2"), ("2", "2"))):
        data = pictures.png() + bytes([n])
        for place, value in enumerate((first, second)):
            image_id = await lab.image(await lab.picture(data))
            at = START + timedelta(days=place)
            await add_finished(lab.database, image_id, {ada.id: {"stage": value}}, at=at)
    body = await get(lab, "/api/agreement", admin)
    (stage,) = [each for each in body["fields"] if each["field"] == "stage"]
    (again,) = stage["same_doctor"]
    assert (again["doctors"], again["images"]) == ([ada.id, ada.id], 4)
    assert again["percent_agreement"]["value"] == pytest.approx(0.75)
    assert stage["ordered"] is True
    assert again["linear_weighted_kappa"]["value"] == pytest.approx(0.5)


@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_performance_as_later_clients_read_it(lab: Lab, prefix: str) -> None:
    admin, ada, bob = await lab.admin(), await lab.doctor("Ada"), await lab.doctor()
    for n, (mine, theirs) in enumerate(((True, True), (False, True))):
        image_id = await lab.image(await lab.picture(bytes([n])))
        labels = await add_finished(lab.database, image_id, {bob.id: {"dr": theirs}, ada.id: {"dr": mine, "hr": None}})
        await settle(lab, image_id, labels[0])
    await lab.http.post("/jobs", json={"image_id": await lab.image(), "account_id": ada.id}, headers=admin.headers)
    for person in (admin, ada):
        body = await get(lab, f"{prefix}/accounts/performance/{ada.id}/", person)
        assert set(body) == {"message", "data"}
        assert body["data"] == {
            "progress": {"total_jobs": 3, "unlabeled_jobs": 1, "labeling_jobs": 0, "finished_jobs": 2},
            "dr": {"accuracy": 0.5},
        }
    path = f"{prefix}/accounts/performance"
    assert said(await lab.http.get(f"{path}/{ada.id}", headers=bob.headers)) == (403, "用户无法查看他人表现")
    assert said(await lab.http.get(f"{path}/1000000", headers=admin.headers)) == (404, "用户不存在")
    assert said(await lab.http.get(f"{path}/{ada.id}")) == (401, "用户未登录")
    for wrong in ("0", "-1", "x", str(2**63)):
        assert (await lab.http.get(f"{path}/{wrong}", headers=admin.headers)).status_code == 400
    doctors = (await get(lab, "/api/agreement/doctors", admin))["doctors"]
    assert [(each["account_id"], each["name"]) for each in doctors] == [(ada.id, "Ada"), (bob.id, f"doctor-{bob.id}")]
    (dr,) = [each for each in doctors[0]["fields"] if each["field"] == "dr"]
    assert (dr["images"], dr["correct"], dr["categories"]) == (2, 1, [False, True])
    assert dr["confusion"] == [[0, 0], [1, 1]]
    assert doctors[0]["median_seconds"] == 60.0


async def test_who_sees_statistics_and_what_is_refused(lab: Lab) -> None:
    admin = await lab.admin()
    for path in ("/api/agreement", "/api/agreement/doctors"):
        for person in (await lab.doctor(), await lab.person(Authority.EXPERT)):
            assert (await lab.http.get(path, headers=person.headers)).status_code == 403
        assert (await lab.http.get(path)).status_code == 401
        for query in (
            {"scheme": "unknown"},
            {"scheme": "\0"},
            {"assignment_id": "x"},
            {"from": "yesterday"},
            {"from": "2026-03-02", "to": "2026-03-01"},
            {"to": "10000-01-01"},
        ):
            answer = await lab.http.get(path, params=query, headers=admin.headers)
            assert answer.status_code == 422, query
            assert answer.json()["message"] == answer.json()["detail"]
        assert (await get(lab, path, admin, to="9999-12-31"))["scheme"] == "ophthalmology/1"
    assert invalid(await lab.http.get("/accounts/performance/x", headers=admin.headers)).startswith("account_id: ")
