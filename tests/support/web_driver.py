"""Chromium driven by ChromeDriver (W3C WebDriver), with its virtual authenticator (WebAuthn section 11)."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from lightbox.run.temporary import free_port_block

PROGRAMS = ("chromedriver", "chromium")
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The name of WebDriver (section 12.2)."""


@dataclass
class Browser:
    """One window."""

    http: httpx.Client
    session: str

    def command(self, method: str, path: str, **body: Any) -> Any:
        answer = self.http.request(method, f"/session/{self.session}{path}", json=body if method == "POST" else None)
        value = answer.json()["value"]
        assert answer.is_success, value
        return value

    def open(self, url: str) -> None:
        self.command("POST", "/url", url=url)

    @property
    def url(self) -> str:
        return str(self.command("GET", "/url"))

    def text(self, selector: str) -> str:
        return str(self.command("GET", f"/element/{self._find(selector)}/text"))

    def is_shown(self, selector: str) -> bool:
        return bool(self.command("GET", f"/element/{self._find(selector)}/displayed"))

    def click(self, selector: str) -> None:
        self.command("POST", f"/element/{self._find(selector)}/click")

    def type(self, selector: str, text: str) -> None:
        self.command("POST", f"/element/{self._find(selector)}/value", text=text)

    def run(self, script: str, *arguments: Any) -> Any:
        """The result of the body of an async function."""
        wrapped = (
            "const done = arguments[arguments.length - 1];"
            f"(async (...given) => {{ {script} }})(...Array.prototype.slice.call(arguments, 0, -1))"
            ".then((value) => done({ value }), (error) => done({ error: String(error) }));"
        )
        answer = self.command("POST", "/execute/async", script=wrapped, args=list(arguments))
        assert "error" not in answer, answer
        return answer.get("value")

    def forget(self) -> None:
        """Delete the cookies."""
        self.command("DELETE", "/cookie")

    def add_authenticator(self) -> str:
        """An authenticator with discoverable credentials whose user is always verified; its id."""
        return str(
            self.command(
                "POST",
                "/webauthn/authenticator",
                protocol="ctap2",
                transport="internal",
                hasResidentKey=True,
                hasUserVerification=True,
                isUserConsenting=True,
                isUserVerified=True,
            )
        )

    def wait_for(self, text: str, seconds: float = 10) -> None:
        """Until the address contains a text."""
        deadline = time.monotonic() + seconds
        while text not in self.url:
            assert time.monotonic() < deadline, f"{self.url}\n{self.command('GET', '/source')}"
            time.sleep(0.05)

    def _find(self, selector: str) -> str:
        found: dict[str, str] = self.command("POST", "/element", using="css selector", value=selector)
        return found[_ELEMENT]


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """A browser without a window. Skips the test where there is none."""
    programs = [shutil.which(program) for program in PROGRAMS]
    driver_program, browser_program = programs
    if driver_program is None or browser_program is None:
        pytest.skip(f"{' and '.join(PROGRAMS)} are not both installed")
    port = free_port_block()
    driver = subprocess.Popen([driver_program, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--lang=en"]
    options = {"binary": browser_program, "args": [*arguments, f"--user-data-dir={folder}"]}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            _wait_until_ready(http)
            asked = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
            started = http.post("/session", json=asked).json()["value"]
            assert "sessionId" in started, started
            browser = Browser(http, started["sessionId"])
            try:
                yield browser
            finally:
                browser.command("DELETE", "")
    finally:
        driver.terminate()
        driver.wait(10)


def _wait_until_ready(http: httpx.Client, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if http.get("/status").json()["value"]["ready"]:
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)
