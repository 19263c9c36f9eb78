"""Chromium, as the reference for what browsers show: pictures go in, the pixels of its canvas come out.

One browser runs for many pictures. Its page asks a server of this process for the next picture (a request that waits),
draws it on a canvas and sends the pixels back.
"""

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

import numpy as np
import numpy.typing as npt

PROGRAM: Final = shutil.which("chromium")
_START_SECONDS: Final = 60
_PICTURE_SECONDS: Final = 30
_OPTIONS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--no-first-run",
    "--no-proxy-server",
)
_PAGE: Final = b"""<!doctype html><meta charset="utf-8"><script type="module">
const load = (url) => new Promise((resolve) => {
  const image = new Image();
  image.onload = () => resolve(image);
  image.onerror = () => resolve(null);
  image.src = url;
});
const drawn = (image, background) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.fillStyle = background;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0);
  return new Uint8Array(context.getImageData(0, 0, canvas.width, canvas.height).data);
};
for (;;) {
  const work = await (await fetch("/next")).json();
  if (work === null) continue;
  const image = await load(work.url);
  const size = image ? `${image.naturalWidth},${image.naturalHeight}` : "";
  const body = image ? drawn(image, work.background) : "";
  await fetch(`/seen?${size}`, {method: "POST", body});
}
</script>"""


@dataclass(frozen=True, slots=True)
class _Work:
    data: bytes
    media_type: str
    background: str


class Chromium:
    """A running browser. One thread at a time."""

    def __init__(self) -> None:
        self._work: SimpleQueue[_Work] = SimpleQueue()
        self._seen: SimpleQueue[npt.NDArray[np.uint8] | None] = SimpleQueue()
        self._current: dict[str, _Work] = {}
        self._count = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._seconds = _START_SECONDS

    def shown(
        self, data: bytes, media_type: str, *, background: tuple[int, int, int] = (255, 255, 255)
    ) -> npt.NDArray[np.uint8] | None:
        """The pixels of a picture on a background, in sRGB: uint8 (height, width, 3); None if it is not shown."""
        self._work.put(_Work(data, media_type, "rgb({}, {}, {})".format(*background)))
        seen = self._seen.get(timeout=self._seconds)
        self._seconds = _PICTURE_SECONDS
        return seen

    @contextmanager
    def running(self, profile: Path) -> Iterator["Chromium"]:
        """Start the browser with an empty `profile`, and end it and all of its processes afterwards."""
        assert PROGRAM is not None
        serving = threading.Thread(target=self._server.serve_forever, daemon=True)
        serving.start()
        url = f"http://127.0.0.1:{self._server.server_port}/"
        browser = subprocess.Popen(
            [PROGRAM, *_OPTIONS, f"--user-data-dir={profile}", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield self
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
            self._server.shutdown()
            self._server.server_close()
            serving.join()

    def _next(self) -> bytes:
        """What the page is to show, as JSON; null if there is nothing for a while."""
        try:
            work = self._work.get(timeout=5)
        except Empty:
            return b"null"
        self._count += 1
        url = f"/picture/{self._count}"
        self._current = {url: work}
        return json.dumps({"url": url, "background": work.background}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        browser = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path == "/next":
                    self._answer(browser._next(), "application/json")
                elif self.path in browser._current:
                    work = browser._current[self.path]
                    self._answer(work.data, work.media_type)
                elif self.path == "/":
                    self._answer(_PAGE, "text/html")
                else:
                    self._answer(b"", "text/plain", 404)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                size = self.path.partition("?")[2]
                self._answer(b"", "text/plain")
                if not size:
                    browser._seen.put(None)
                    return
                width, height = map(int, size.split(","))
                pixels = np.frombuffer(body, np.uint8).reshape(height, width, 4)
                browser._seen.put(pixels[..., :3])

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
                """Nothing is logged."""

            def _answer(self, body: bytes, media_type: str, status: int = 200) -> None:
                head = f"HTTP/1.1 {status} -\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
                self.wfile.write(head.encode() + body)  # at once, or the browser waits 40 ms for the second packet

        return Handler
