"""Chromium, driven by the Chrome DevTools Protocol over a pipe, which takes no package.

The protocol is described at https://chromedevtools.github.io/devtools-protocol/. With `--remote-debugging-pipe` the
browser reads messages from file descriptor 3 and writes them to 4, each a JSON that ends with a zero byte. Each page
has a context of its own, with its own cookies and cache, as a window in private mode has.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.harness import BenchmarkError
from benchmarks.running import STOP_SECONDS
from lightbox.run.temporary import temporary_folder

SECONDS: Final = 60.0
"""How long a response of the browser, or what a page has to show, is waited for."""
QUIET_SECONDS: Final = 0.8
VIEWPORT: Final = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
CONTROL: Final = 2
"""The Ctrl key, among the modifiers of a key."""
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS: Final = (
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
)
_LAUNCH: Final = """\
import ctypes, os, sys
pipe = int(sys.argv[1])
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
if os.fork() == 0:
    os.dup2(pipe, 3)
    os.dup2(pipe, 4)
    os.execv(sys.argv[2], sys.argv[2:])
os.close(pipe)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
"""
"""The program that starts the browser. As the subreaper of all its processes (PR_SET_CHILD_SUBREAPER) it waits also for
those whose parent has ended, so that their processor time is known to be that of a benchmark."""


def program() -> str | None:
    """The path of Chromium, or None where it is not installed."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@dataclass(slots=True)
class Transfer:
    """A response that a page has loaded. `bytes` came over the network, headers included: 0 if it was in the cache.
    `status` is 0 until it has begun, `coding` the value of `Content-Encoding`, "" for none."""

    url: str
    kind: str
    bytes: int = 0
    status: int = 0
    coding: str = ""
    ended: bool = False

    @property
    def is_open(self) -> bool:
        """Whether more of it is expected. Events of a server never end."""
        return not (self.ended or (self.status and self.kind == "EventSource"))


class Page:
    """A page of a browser. Its methods raise `BenchmarkError`."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser = browser
        self._session = session
        self._transfers: dict[str, Transfer] = {}
        self._changed = 0.0

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method of the protocol. Returns its result."""
        return self._browser.call(method, self._session, **parameters)

    def visit(self, url: str) -> None:
        """Open an address. Does not wait until it is shown."""
        error = self.call("Page.navigate", url=url).get("errorText")
        if error:
            raise BenchmarkError(f"{url} can't be opened: {error}")

    def evaluate(self, expression: str) -> object:
        """The value of an expression of JavaScript; that of a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            why = answer["exceptionDetails"].get("exception", {}).get("description")
            raise BenchmarkError(f"{why or answer['exceptionDetails']['text']}, in:\n{expression}"[:2000])
        value: object = answer["result"].get("value")
        return value

    def number(self, expression: str) -> float:
        """The value of an expression that is a number."""
        value = self.evaluate(expression)
        if not isinstance(value, int | float):
            raise BenchmarkError(f"{value!r} is no number, of:\n{expression}")
        return float(value)

    def text(self, expression: str) -> str:
        """The value of an expression that is a text."""
        value = self.evaluate(expression)
        if not isinstance(value, str):
            raise BenchmarkError(f"{value!r} is no text, of:\n{expression}")
        return value

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + SECONDS
        while not self.evaluate(expression):
            if time.monotonic() > until:
                shown = self.evaluate("location.href + '\\n' + document.body.innerText")
                raise BenchmarkError(f"a page never has {expression}. It shows:\n{shown}"[:2000])
            self._browser.read(0.02)

    def press_enter(self, modifiers: int = 0) -> None:
        """Press the key Enter, as a keyboard does."""
        described = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "modifiers": modifiers}
        text = {} if modifiers else {"text": "\r"}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **described, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **described)

    def press_letter(self, letter: str) -> None:
        """Press the key of a small letter, likewise."""
        described = {"key": letter, "code": f"Key{letter.upper()}", "windowsVirtualKeyCode": ord(letter.upper())}
        self.call("Input.dispatchKeyEvent", type="keyDown", **described, text=letter)
        self.call("Input.dispatchKeyEvent", type="keyUp", **described)

    def write(self, selector: str, text: str) -> None:
        """Write into a field, which is waited for."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.wait_for(f"{found} !== null")
        self.evaluate(f"{found}.focus()")
        self.call("Input.insertText", text=text)

    def turn_wheel(self, pixels: int) -> None:
        """Turn the wheel of the mouse in the middle of the page."""
        place = {"x": VIEWPORT["width"] // 2, "y": VIEWPORT["height"] // 2}
        self.call("Input.dispatchMouseEvent", type="mouseWheel", **place, deltaX=0, deltaY=pixels)

    def pause(self, seconds: float) -> None:
        """Leave the page alone for a while."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._browser.read(left)

    def settle(self) -> list[Transfer]:
        """Wait until nothing was loaded for a moment. Returns what was, since the last call."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < self._changed + QUIET_SECONDS or any(
            each.is_open for each in self._transfers.values()
        ):
            if time.monotonic() > until:
                raise BenchmarkError(f"a page loads for ever: {[t.url for t in self._transfers.values() if t.is_open]}")
            self._browser.read(0.05)
        found = list(self._transfers.values())
        self._transfers.clear()
        return found

    def close(self) -> None:
        """Close the page."""
        self.call("Page.close")

    def heard(self, method: str, event: dict[str, Any]) -> None:
        """Take note of an event of the browser."""
        if method == "Network.requestWillBeSent":
            self._transfers[event["requestId"]] = Transfer(event["request"]["url"], event.get("type", ""))
        elif (transfer := self._transfers.get(event.get("requestId", ""))) is None:
            return
        elif method == "Network.responseReceived":
            headers = {name.lower(): value for name, value in event["response"]["headers"].items()}
            transfer.status, transfer.coding = event["response"]["status"], headers.get("content-encoding", "")
        elif method == "Network.loadingFinished":
            transfer.bytes, transfer.ended = int(event["encodedDataLength"]), True
        elif method == "Network.loadingFailed":
            transfer.ended = True
        self._changed = time.monotonic()


class Browser:
    """A browser that runs: `page` opens pages."""

    def __init__(self, pipe: socket.socket) -> None:
        self._pipe = pipe
        self._received = b""
        self._number = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self._pages: dict[str, Page] = {}

    def page(self) -> Page:
        """A page of a new visitor. Raises `BenchmarkError`."""
        context = self.call("Target.createBrowserContext", disposeOnDetach=True)["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context, newWindow=True)
        session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session)
        page.call("Page.enable")
        page.call("Network.enable")
        page.call("Emulation.setDeviceMetricsOverride", **VIEWPORT)
        page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        return page

    def call(self, method: str, session: str | None = None, **parameters: object) -> dict[str, Any]:
        """Call a method of the protocol. Returns its result. Raises `BenchmarkError`."""
        self._number += 1
        number = self._number
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        self._pipe.sendall(json.dumps(message).encode() + b"\0")
        until = time.monotonic() + SECONDS
        while number not in self._answers:
            if time.monotonic() > until:
                raise BenchmarkError(f"Chromium does not answer {method}")
            self.read(1.0)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise BenchmarkError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def read(self, seconds: float) -> None:
        """Read what the browser says, and wait that long if it says nothing. Raises `BenchmarkError` if it ends."""
        self._pipe.settimeout(seconds)
        try:
            piece = self._pipe.recv(1 << 20)
        except TimeoutError:
            return
        if not piece:
            raise BenchmarkError("Chromium has ended")
        *messages, self._received = (self._received + piece).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self._answers[message["id"]] = message
            elif (page := self._pages.get(message.get("sessionId", ""))) is not None:
                page.heard(message["method"], message["params"])


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium with a profile of its own. Raises `BenchmarkError`."""
    path = program()
    if path is None:
        raise BenchmarkError("Chromium is not installed")
    ours, theirs = socket.socketpair()
    with temporary_folder() as folder, ours:
        options = [*_OPTIONS, f"--user-data-dir={folder}"]
        if os.geteuid() == 0:
            options.append("--no-sandbox")  # root can't have it
        command = [sys.executable, "-c", _LAUNCH, str(theirs.fileno()), path, *options, "about:blank"]
        environment = {**os.environ, "HOME": str(folder)}
        with theirs, Path(folder / "log").open("wb") as log:
            fd = theirs.fileno()
            process = subprocess.Popen(
                command, pass_fds=[fd], stdout=log, stderr=log, env=environment, start_new_session=True
            )
        try:
            browser = Browser(ours)
            yield browser
            browser.call("Browser.close")
        finally:
            ours.close()  # which ends the browser too
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
