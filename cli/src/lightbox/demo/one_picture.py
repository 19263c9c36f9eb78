"""The demo of one picture that goes through all systems: a camera sends it, a model reads it, two doctors label it, and
the gallery shows it."""

import base64
import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any, Final

import httpx
from rich.console import Console

from lightbox.demo import imagehub
from lightbox.demo.answers import SAMPLES, DemoError, ok, table
from lightbox.demo.people import assign, finish, new_doctors, open_jobs, sign_in_as_administrator

PICTURE: Final = "cardiomegaly-edema-effusion.jpg"
LABEL: Final = {"quality": "good", "others": "true", "comment": "phantom"}


def walk(http: httpx.Client, console: Console) -> None:
    """Take one picture through all systems. Raises `DemoError`.

    It takes an administrator, a collection that is open, and a drive that is connected; what is missing is printed, and
    nothing is done.
    """
    admin = sign_in_as_administrator(http)
    if admin is None:
        console.print("This takes an administrator: set LIGHTBOX_ADMIN_PASSWORD.")
        return
    data = (SAMPLES / PICTURE).read_bytes()
    device = f"demo-{secrets.token_hex(4)}"
    taken = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    document = {"deviceId": device, "timestamp": taken, "imageData": base64.b64encode(data).decode()}
    sent = http.post("/collections/images", json=document)
    if sent.status_code in {401, 403} or ok(http.get("/admin/onedrive/connect", headers=admin))["code"] != 1:
        console.print("This takes a collection that is open and a drive that is connected.")
        return
    address = f"/collections/images/{ok(sent)['id']}"
    kept = http.get(address, headers=admin).content
    steps = table(f"{PICTURE} goes through all five", "system", "what happens", "where", unbroken=("system",))
    steps.add_row("CoRE collection", f"the camera {device} sends it", address)

    read = ok(http.post("/api/chexray/upload/", data={"title": device}, files={"image": kept}, headers=admin))
    findings = {name: value for name, value in read.items() if isinstance(value, float)}
    likely = max(findings, key=lambda name: findings[name])
    steps.add_row("CheXRay", f"a model reads it: {likely} {findings[likely]:.3f}", f"/api/chexray/xray {read['id']}")
    other = ok(http.post("/predict", files={"file": (PICTURE, kept, "image/jpeg")}))
    steps.add_row("COVID-19", f"another one, too: {other['result']}", "/predict")

    image, truth = _label(http, admin, address)
    steps.add_row("TheYelda", f"two doctors label it alike: {truth}", f"/images/{image['id']}")

    folder_id, name = imagehub.new_folder(http, admin)
    item, _chunks = imagehub.upload(http, admin, folder_id, PICTURE, kept)
    group = imagehub.add(http, admin, folder_id, name, [{"file_name": item["name"], "file_id": item["id"]}])
    (shown,) = ok(http.get("/image/group", params={"group": group}, headers=admin))["data"]
    steps.add_row("ImageHub", f"group {group} shows it, {shown['width']} x {shown['height']}", shown["src"])
    console.print(steps)
    if hashlib.sha256(kept).digest() != hashlib.sha256(data).digest():
        raise DemoError("The picture that came back is not the one that was sent.")
    console.print("the same bytes from the camera to the gallery's drive: yes")


def _label(http: httpx.Client, admin: dict[str, str], address: str) -> tuple[dict[str, Any], str]:
    """Have two new doctors label the picture at this address. Returns the image and what they agree on."""
    image = ok(http.post("/images", json={"file_path": address}, headers=admin))
    ids = [int(image["id"])]
    with new_doctors(http, admin, ("Dora", "Emil")) as doctors:
        assign(http, admin, ids, doctors, len(doctors))
        for doctor in doctors:
            (job,) = open_jobs(http, doctor, ids)
            finish(http, doctor, job, LABEL)
    done = ok(http.get(f"/images/{image['id']}", headers=admin))
    if done["label_id"] is None:
        raise DemoError("Two doctors agree, and there is no ground truth.")
    label = ok(http.get(f"/label/{done['label_id']}", headers=admin))
    return image, f"quality {label['quality']}, others {label['others']}"
