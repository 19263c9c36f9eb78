"""The demo of CheXRay: sign up, upload three phantoms, and show the history."""

import secrets
from typing import Final

import httpx
from rich.console import Console
from rich.table import Table

from lightbox.demo.answers import SAMPLES, Person, ok, table

FINDINGS: Final = ("atelectasis", "cardiomegaly", "consolidation", "edema", "pleural_effusion")
XRAYS: Final = ("normal.png", "cardiomegaly.jpg", "pleural-effusion.dcm")


def sign_up(http: httpx.Client, console: Console) -> Person:
    """Create an account with a random name and password. Raises `DemoError`."""
    person = Person(f"demo-{secrets.token_hex(4)}", secrets.token_urlsafe(12))
    fields = {"username": person.username, "password": person.password, "password2": person.password}
    signed_up = ok(http.post("/api/chexray/signup/", json=fields))
    console.print(f"signed up as {signed_up['username']}")
    return person


def walk(http: httpx.Client, console: Console, person: Person) -> None:
    """Log in, upload three phantoms, and show the history. Raises `DemoError`."""
    fields = {"username": person.username, "password": person.password}
    headers = {"Authorization": f"Token {ok(http.post('/api/chexray/login/', data=fields))['token']}"}

    bodies = []
    for path in (SAMPLES / name for name in XRAYS):
        with path.open("rb") as file:
            files = {"image": (path.name, file)}
            answer = http.post("/api/chexray/upload/", data={"title": path.stem}, files=files, headers=headers)
            bodies.append(ok(answer))
    uploads = Table("title", *(body["title"] for body in bodies), title="three phantoms, one of them DICOM")
    uploads.add_row("id", *(str(body["id"]) for body in bodies), end_section=True)
    for finding in FINDINGS:
        uploads.add_row(finding, *(f"{body[finding]:.3f}" for body in bodies))
    console.print(uploads)

    user = ok(http.get("/api/chexray/user/", headers=headers))
    title = f"history of {user['username']}, newest first"
    history = table(title, "id", "title", "posted", "picture as browsers get it", unbroken=("title", "posted"))
    for xray_id in user["pastxrays"]:
        xray = ok(http.post("/api/chexray/xray/", json={"xray_id": xray_id}, headers=headers))
        picture = http.get(xray["image"])
        shown = f"{picture.headers['content-type']}, {len(picture.content):,} bytes"
        history.add_row(str(xray["id"]), xray["title"], xray["date_posted"], shown)
    console.print(history)
