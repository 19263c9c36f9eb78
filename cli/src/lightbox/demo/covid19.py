"""The demo of the COVID-19 API: asks whether it is alive, and for predictions about two phantoms."""

from typing import Final

import httpx
from rich.console import Console
from rich.table import Table

from lightbox.demo.answers import SAMPLES, ok

XRAYS: Final = ("covid19-normal.jpg", "covid19-positive.jpg")


def walk(http: httpx.Client, console: Console) -> None:
    """Request predictions about two phantoms without authentication. Raises `DemoError`."""
    console.print(ok(http.get("/alive"))["message"])
    answers = Table("phantom", "result", "COVID-19", "NORMAL")
    for path in (SAMPLES / name for name in XRAYS):
        with path.open("rb") as file:
            body = ok(http.post("/predict", files={"file": (path.name, file)}))
        answers.add_row(path.stem, body["result"], body["distribution"]["COVID-19"], body["distribution"]["NORMAL"])
    console.print(answers)
