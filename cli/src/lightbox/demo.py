"""`lightbox demo`: a walk through the running platform, as one of its users would take it, with real uploads.

Everything that it prints came back from the gateway. Where no platform runs, it starts one and stops it at the end.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console
from rich.table import Table

from lightbox.run.platform import Platform, StartError
from lightbox_shared.config import Settings

SAMPLES: Final = Path(__file__).resolve().parents[3] / "samples"
FINDINGS: Final = ("atelectasis", "cardiomegaly", "consolidation", "edema", "pleural_effusion")
XRAYS: Final = ("normal.png", "cardiomegaly.jpg", "pleural-effusion.dcm")
COVID19_XRAYS: Final = ("covid19-normal.jpg", "covid19-positive.jpg")
NOTE: Final = (
    "Demonstration models on synthetic phantoms: no medical device, and these numbers mean nothing for a patient."
)


class DemoError(RuntimeError):
    """The platform answered something that the demo did not expect."""


def demo(url: str | None) -> int:
    """Run the walk against `url`, else against this machine's platform. The exit code."""
    console = Console(soft_wrap=True)
    try:
        with running_platform(url, console) as address, httpx.Client(base_url=address, timeout=60) as http:
            walk(http, console)
    except (DemoError, StartError, httpx.HTTPError) as error:
        console.print(f"The demo stopped: {error}", style="red", markup=False)
        return 1
    return 0


@contextmanager
def running_platform(url: str | None, console: Console) -> Iterator[str]:
    """The address of a platform that is ready; one of our own, stopped afterwards, where none runs here."""
    address = url or Settings().local_url("gateway")
    if url is not None or _answers(address):
        yield address
        return
    console.print("No platform runs here; starting one ...")
    platform = Platform(say=console.print)
    try:
        platform.start()
        platform.wait_ready()
        yield address
    finally:
        platform.stop()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def walk(http: httpx.Client, console: Console) -> None:
    """Sign up, log in, upload three phantoms, look at the history, and ask the COVID-19 API."""
    name, password = f"demo-{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    console.rule("CheXRay")
    signed_up = _ok(
        http.post("/api/chexray/signup/", json={"username": name, "password": password, "password2": password})
    )
    console.print(f"signed up as {signed_up['username']}")
    login = _ok(http.post("/api/chexray/login/", data={"username": name, "password": password}))
    http.headers["Authorization"] = f"Token {login['token']}"

    bodies = []
    for path in (SAMPLES / name for name in XRAYS):
        with path.open("rb") as file:
            files = {"image": (path.name, file)}
            bodies.append(_ok(http.post("/api/chexray/upload/", data={"title": path.stem}, files=files)))
    uploads = Table("title", *(body["title"] for body in bodies), title="three phantoms, one of them DICOM")
    uploads.add_row("id", *(str(body["id"]) for body in bodies), end_section=True)
    for finding in FINDINGS:
        uploads.add_row(finding, *(f"{body[finding]:.3f}" for body in bodies))
    console.print(uploads)

    user = _ok(http.get("/api/chexray/user/"))
    history = Table(
        "id", "title", "posted", "picture as browsers get it", title=f"history of {user['username']}, newest first"
    )
    for xray_id in user["pastxrays"]:
        xray = _ok(http.post("/api/chexray/xray/", json={"xray_id": xray_id}))
        picture = httpx.get(xray["image"])
        shown = f"{picture.headers['content-type']}, {len(picture.content):,} bytes"
        history.add_row(str(xray["id"]), xray["title"], xray["date_posted"][:19] + "Z", shown)
    console.print(history)

    console.rule("COVID-19")
    console.print(_ok(http.get("/alive"))["message"])
    answers = Table("phantom", "result", "COVID-19", "NORMAL")
    for path in (SAMPLES / name for name in COVID19_XRAYS):
        with path.open("rb") as file:
            body = _ok(http.post("/predict", files={"file": (path.name, file)}))
        answers.add_row(path.stem, body["result"], body["distribution"]["COVID-19"], body["distribution"]["NORMAL"])
    console.print(answers)
    console.print(NOTE, style="italic")


def _ok(answer: httpx.Response) -> dict[str, Any]:
    if not answer.is_success:
        raise DemoError(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}")
    body: dict[str, Any] = answer.json()
    return body
