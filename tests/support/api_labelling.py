"""What the examples of annotation-service need in a platform: images, jobs, labels and exports."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from support.api_world import World
from support.yelda_client import bearer

Prepare = Callable[[World], dict[str, Any]]
DOCTOR: Final = ("berta", "correct-horse")


def _image(world: World) -> dict[str, Any]:
    files = {"file": ("abc.png", world.picture)}
    return world.ok("POST", "/uploads/medical-images", files=files, headers=world.admin)


def image(world: World) -> dict[str, Any]:
    made = _image(world)
    return {"image_id": made["image_id"], "url": made["url"]}


def new_job(world: World) -> dict[str, Any]:
    return {"body": {"image_id": _image(world)["image_id"], "account_id": str(world.with_account(*DOCTOR))}}


def job(world: World) -> dict[str, Any]:
    made = world.ok("POST", "/jobs", json=new_job(world)["body"], headers=world.admin)
    return {"job_id": made["job_id"]}


def job_of_the_doctor(world: World) -> dict[str, Any]:
    """A job, for its doctor, who has a label for it."""
    prepared = job(world)
    doctor = bearer(world.sign_in(*DOCTOR)["access_token"])
    label_id = world.ok("POST", "/labels", json={"dr": True}, headers=doctor)["label_id"]
    return {**prepared, "headers": doctor, "body": {"label_id": str(label_id)}}


def label(world: World) -> dict[str, Any]:
    return {"label_id": world.ok("POST", "/labels", json={"dr": True}, headers=world.admin)["label_id"]}


def account(world: World) -> dict[str, Any]:
    account_id = world.with_account(*DOCTOR)
    _known(world, account_id)
    return {"account_id": account_id}


def _known(world: World, account_id: int) -> None:
    """annotation-service knows the account; giving it a job has that asked for."""
    body = {"image_id": _image(world)["image_id"], "account_id": account_id}
    world.ok("POST", "/jobs", json=body, headers=world.admin)


def new_assignment(world: World) -> dict[str, Any]:
    images = [int(_image(world)["image_id"]) for _ in range(3)]
    return {"body": {"doctors": [world.with_account(*DOCTOR)], "readers": 1, "images": images}}


def assignment(world: World) -> dict[str, Any]:
    made = world.ok("POST", "/api/assignments", json=new_assignment(world)["body"], headers=world.admin)
    return {"assignment_id": made["id"]}


def leaving(world: World) -> dict[str, Any]:
    account_id = account(world)["account_id"]
    return {"body": {"from": account_id, "to": [world.with_account("carla", "correct-horse")]}}


def suggestion(world: World) -> dict[str, Any]:
    image_id = _image(world)["image_id"]
    world.ok("POST", f"/api/images/{image_id}/suggestions", json={"model": "chest-findings"}, headers=world.admin)
    return {"image_id": image_id}


def export(world: World) -> dict[str, Any]:
    """An export whose file is there."""
    made = world.ok("POST", "/api/exports", json={"format": "csv"}, headers=world.admin)
    deadline = time.monotonic() + 60
    while world.ok("GET", f"/api/exports/{made['id']}", headers=world.admin)["state"] != "done":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return {"export_id": made["id"]}


OF_YELDA: Final[Mapping[str, Prepare]] = {
    "yelda_create_image": image,
    "yelda_create_job": new_job,
    "yelda_delete_image": image,
    "yelda_delete_job": job,
    "yelda_delete_label": label,
    "yelda_download": account,
    "yelda_edit_image": image,
    "yelda_edit_job": job_of_the_doctor,
    "yelda_edit_label": label,
    "yelda_image": image,
    "yelda_job": job,
    "yelda_label": label,
    "yelda_performance": account,
    "yelda_picture": image,
}
OTHERS: Final[Mapping[str, Prepare]] = {
    "create_assignment": new_assignment,
    "create_suggestion": image,
    "delete_export": export,
    "list_image_labels": image,
    "list_suggestions": suggestion,
    "reassign_jobs": leaving,
    "retrieve_assignment": assignment,
    "retrieve_draft": job_of_the_doctor,
    "retrieve_export": export,
    "retrieve_export_file": export,
    "retrieve_image_history": image,
    "retrieve_job_form": job_of_the_doctor,
    "save_draft": job_of_the_doctor,
    "take_next_job": job_of_the_doctor,
}
"""operationId -> what makes the example possible."""
