"""Lists of jobs and images: pages, filters, totals, and what is refused."""

from typing import Any

import pytest
from support.annotation import Lab, Person, invalid

from annotation_service.workflow.states import ImageState
from annotation_service.workflow.totals import SUM_UP_FROM, sum_up


async def give(lab: Lab, admin: Person, image_id: int, doctor: Person) -> None:
    body = {"image_id": image_id, "account_id": doctor.id}
    assert (await lab.http.post("/jobs", json=body, headers=admin.headers)).status_code == 201


async def rows(lab: Lab, person: Person, path: str, **query: object) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    answer = await lab.http.get(path, params=query, headers=person.headers)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert answer.headers["last-modified"].endswith(" GMT")
    return body["data"], body


async def test_pages_of_jobs(lab: Lab) -> None:
    admin, ada, bob = await lab.admin(), await lab.doctor("Ada"), await lab.doctor()
    images = [await lab.image() for _ in range(5)]
    for image_id in images:
        await give(lab, admin, image_id, ada)
    await give(lab, admin, images[0], bob)
    found, body = await rows(lab, admin, "/jobs", limit=4)
    assert (len(found), body["total"], body["offset"], body["limit"]) == (4, 6, 0, 4)
    assert [each["nickname"] for each in found] == ["Ada"] * 4
    following = await lab.http.get(body["_links"]["next"]["href"], headers=admin.headers)
    assert [each["nickname"] for each in following.json()["data"]] == ["Ada", f"doctor-{bob.id}"]
    assert "next" not in following.json()["_links"]
    assert following.json()["_links"]["prev"]["href"] == "/jobs?offset=0&limit=4"
    assert len((await rows(lab, ada, "/jobs", account_id=ada.id, limit=5000))[0]) == 5
    _, body = await rows(lab, ada, "/api/jobs", account_id=ada.id, limit=2, image_id="")
    assert body["_links"]["next"]["href"] == f"/api/jobs?account_id={ada.id}&offset=2&limit=2"
    assert body["_links"]["find"]["templated"] is True
    assert (await rows(lab, admin, "/jobs", image_id=images[0]))[1]["total"] == 2
    for state, total in ((200, 6), ("200", 6), ("unlabeled", 6), ("Labeling", 0), (202, 0)):
        assert (await rows(lab, admin, "/jobs", job_state=state))[1]["total"] == total
    for query, total in (({"state": "running"}, 6), ({"image_state": 301}, 6), ({"state": "done"}, 0)):
        assert (await rows(lab, admin, "/jobs", **query))[1]["total"] == total


async def test_pages_of_images(lab: Lab) -> None:
    admin, doctor = await lab.admin(), await lab.doctor()
    label = await lab.http.post("/labels", json={"dr": True}, headers=doctor.headers)
    truth = label.json()["label_id"]
    for state in ImageState:
        await lab.image(state=int(state), ground_truth_id=truth if state is ImageState.DONE else None)
    expected = {
        "unassigned": [300],
        "running": [301],
        "assigned": [301],
        "different": [302, 303],
        "done": [304],
        "300": [300],
        "302": [302, 303],
        "303": [304],
        "DONE": [304],
    }
    for state, codes in expected.items():
        found, body = await rows(lab, doctor, "/images", state=state)
        assert ([each["image_state"] for each in found], body["total"]) == (codes, len(codes)), state
    for code in range(300, 305):
        found, body = await rows(lab, doctor, "/images", image_state=code)
        assert ([each["image_state"] for each in found], body["total"]) == ([code], 1)
    assert (await rows(lab, doctor, "/images", state="different", image_state=303))[1]["total"] == 1
    assert (await rows(lab, doctor, "/images", state="done", image_state=303))[1]["total"] == 0
    found, body = await rows(lab, doctor, "/images", offset=3, limit=1)
    assert ([each["image_state"] for each in found], body["total"]) == ([303], 5)
    assert found[0]["state"] == "different"
    assert found[0]["id"] == found[0]["image_id"]
    unassigned = (await rows(lab, admin, "/images", state="unassigned"))[0][0]
    await give(lab, admin, int(unassigned["id"]), doctor)
    found, body = await rows(lab, doctor, "/images", account_id=doctor.id)
    assert ([each["id"] for each in found], body["total"]) == ([unassigned["id"]], 1)


@pytest.mark.parametrize("path", ["/jobs", "/images"])
async def test_queries_that_are_not_valid(lab: Lab, path: str) -> None:
    admin = await lab.admin()
    for name, values in {
        "limit": ["0", "-1", "5001", "x", str(2**63)],
        "offset": ["-1", "x", str(2**63), "1.5"],
        "account_id": ["-1", "0", "x", str(2**63), "1.5", "null", "٣"],
        "image_id": ["0", "x", str(2**63)],
        "state": ["304", "x", "-1", str(2**63), "null"],
        "image_state": ["305", "done", "299"],
    }.items():
        for value in values:
            answer = await lab.http.get(path, params={name: value}, headers=admin.headers)
            assert invalid(answer).startswith(f"{name}: "), (name, value)
    if path == "/jobs":
        for value in ("203", "finish", "-200"):
            answer = await lab.http.get(path, params={"job_state": value}, headers=admin.headers)
            assert invalid(answer).startswith("job_state: ")


async def test_totals_stay_right_when_they_are_summed_up(lab: Lab) -> None:
    admin, doctor = await lab.admin(), await lab.doctor()
    for _ in range(SUM_UP_FROM // 100):
        await give(lab, admin, await lab.image(), doctor)
    before = (await rows(lab, admin, "/jobs"))[1]["total"]
    await sum_up(lab.database)  # too few rows
    picture_id = await lab.picture()
    for _ in range(SUM_UP_FROM):
        await lab.image(picture_id)
    images = (await rows(lab, admin, "/images"))[1]["total"]
    await sum_up(lab.database)
    assert (await rows(lab, admin, "/jobs"))[1]["total"] == before
    assert (await rows(lab, admin, "/images"))[1]["total"] == images
    assert (await rows(lab, admin, "/images", state="running"))[1]["total"] == before
