"""The demo of TheYelda: three doctors label phantoms that are assigned to them, a difference is settled by one more
reader, and agreement and an export come out."""

import time
from typing import Any, Final

import httpx
from rich.console import Console
from rich.table import Table

from lightbox.demo.answers import SAMPLES, DemoError, ok
from lightbox.demo.people import Doctor, assign, finish, new_doctors, open_jobs, sign_in_as_administrator

PICTURES: Final = ("normal.png", "cardiomegaly.jpg", "pleural-effusion.dcm")
READERS: Final = 2
SCHEME: Final[dict[str, Any]] = {
    "name": "demo-chest",
    "title": "What the demo's doctors look for",
    "schema": {
        "type": "object",
        "properties": {
            "large_heart": {"type": "boolean"},
            "effusion": {"type": "boolean"},
            "quality": {"enum": ["poor", "usable", "good"], "x-ordered": True},
        },
        "required": ["large_heart", "effusion"],
        "additionalProperties": False,
    },
}
SEEN: Final[dict[str, tuple[bool, bool]]] = {
    "normal.png": (False, False),
    "cardiomegaly.jpg": (True, False),
    "pleural-effusion.dcm": (False, True),
}
DOUBTED: Final = "pleural-effusion.dcm"
"""The picture on which the second reader sees something else than the first one."""
EXPORT_SECONDS: Final = 30.0


def walk(http: httpx.Client, console: Console) -> None:
    """Label three pictures as doctors do. Raises `DemoError`.

    Approving doctors takes an administrator. If the password of none is at hand, that is printed and nothing is done.
    """
    admin = sign_in_as_administrator(http)
    if admin is None:
        console.print("Labelling takes an administrator, who approves doctors: set LIGHTBOX_ADMIN_PASSWORD.")
        return
    ok(http.post("/api/schemes", json=SCHEME, headers=admin))
    ids = [int(image["id"]) for image in _upload(http, admin)]
    with new_doctors(http, admin, ("Ada", "Berta", "Clara")) as doctors:
        assign(http, admin, ids, doctors, READERS)
        for doctor in (*doctors, *doctors):  # the second time the one who reads what the first two disagree on
            _label_all(http, admin, doctor, ids)
    _show_results(http, console, admin, ids)
    _show_agreement(http, console, admin)
    _show_export(http, console, admin)


def _upload(http: httpx.Client, admin: dict[str, str]) -> list[dict[str, Any]]:
    """Upload the pictures in one request; the images that were made of them."""
    files = [("file", (name, (SAMPLES / name).read_bytes())) for name in PICTURES]
    fields = {"scheme": SCHEME["name"], "source": "demo"}
    made: list[dict[str, Any]] = ok(http.post("/uploads/medical-images", data=fields, files=files, headers=admin))[
        "data"
    ]
    return made


def _label_all(http: httpx.Client, admin: dict[str, str], doctor: Doctor, images: list[int]) -> None:
    """Label what is assigned to a doctor. A draft is kept on the way."""
    for job in open_jobs(http, doctor, images):
        name = ok(http.get(f"/images/{job['image_id']}", headers=doctor.headers))["filename"]
        readers = ok(http.get("/jobs", params={"image_id": job["image_id"]}, headers=admin))["data"]
        doubts = name == DOUBTED and [each["account_id"] for each in readers].index(job["account_id"]) == 1
        large_heart, effusion = SEEN[name]
        label = {"large_heart": large_heart, "effusion": effusion is not doubts, "quality": "good"}
        ok(http.put(f"/api/jobs/{job['job_id']}/draft", json={"draft": label}, headers=doctor.headers))
        finish(http, doctor, job, {"scheme": SCHEME["name"], **label})


def _show_results(http: httpx.Client, console: Console, admin: dict[str, str], ids: list[int]) -> None:
    table = Table("image", "readers", "state", "ground truth", title="three phantoms, two readers each, one difference")
    for image_id in ids:
        image = ok(http.get(f"/images/{image_id}", headers=admin))
        jobs = ok(http.get("/jobs", params={"image_id": image_id}, headers=admin))["data"]
        truth = "-"
        if image["label_id"] is not None:
            label = ok(http.get(f"/label/{image['label_id']}", headers=admin))
            truth = ", ".join(f"{name}: {label[name]}" for name in ("large_heart", "effusion"))
        table.add_row(image["filename"], ", ".join(sorted(job["nickname"] for job in jobs)), image["state"], truth)
    console.print(table)


def _show_agreement(http: httpx.Client, console: Console, admin: dict[str, str]) -> None:
    found = ok(http.get("/api/agreement", params={"scheme": SCHEME["name"]}, headers=admin))
    table = Table("field", "images", "agreement", "Gwet's AC1", title=f"agreement, {found['scheme']}")
    for field in found["fields"]:
        shown = [_number(field[name]["value"]) for name in ("percent_agreement", "gwet_ac1")]
        table.add_row(field["field"], str(field["counts"]["images"]), *shown)
    console.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _show_export(http: httpx.Client, console: Console, admin: dict[str, str]) -> None:
    made = http.post("/api/exports", json={"format": "csv"}, headers=admin)
    ok(made)
    deadline = time.monotonic() + EXPORT_SECONDS
    while True:
        export = ok(http.get(made.headers["location"], headers=admin))
        if export["state"] == "done":
            break
        if export["state"] == "failed" or time.monotonic() > deadline:
            raise DemoError(f"The export is {export['state']}.")
        time.sleep(0.2)
    file = http.get(export["file"], headers=admin)
    console.print(
        f"an export of all labels, in csv: {len(file.text.splitlines()) - 1} rows, {len(file.content):,} bytes"
    )
