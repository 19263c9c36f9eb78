"""How many images an assignment can be about."""

import pytest
from support.annotation import Lab

from annotation_service.assignments import service


async def test_all_images_of_a_state_unless_they_are_too_many(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_IMAGES", 3)
    admin, _doctor = await lab.admin(), await lab.doctor()
    picture_id = await lab.picture()
    image_ids = [await lab.image(picture_id) for _ in range(4)]
    body = {"mode": "queue", "state": "unassigned"}
    refused = await lab.http.post("/api/assignments", json=body, headers=admin.headers)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "images"
    assert (await lab.http.get("/api/assignments", headers=admin.headers)).json()["assignments"] == []
    await lab.http.delete(f"/images/{image_ids[0]}", headers=admin.headers)
    made = await lab.http.post("/api/assignments", json=body, headers=admin.headers)
    assert (made.status_code, made.json()["images"]) == (201, 3)
