"""How soon a picture is there through another window, for the reader of a picture."""

from collections.abc import Collection, Iterator
from functools import partial
from io import BytesIO
from typing import Final

import httpx
import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from benchmarks.annotation.ours import administrator
from benchmarks.console.bare_page import bare_page, beside_bare_page
from benchmarks.console.chromium import Page, chromium
from benchmarks.console.visiting import (
    PREFIX,
    administrators_password,
    lacking,
    not_measured,
    platform_with_console,
    visitor,
)
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite
from lightbox.run.platform import Platform

A_ROUND: Final = 6
"""How often the window is changed in a round."""
SIDE: Final = 2048
"""Pixels of the picture."""

WINDOW: Final = Row(
    "console-window",
    f"95th percentile of the time from a key that raises the level of the window until a DICOM file of {SIDE} x {SIDE}"
    " pixels with 16 bits is drawn through it, as large as its place on the page: from the time stamp of the key's"
    " event until the frame after the one in which a pixel in the middle has changed; the whole picture, which follows"
    " a quarter of a second later, is waited for before the next key. Reference: the median of the time that the same"
    " small picture takes from its request to its drawing on a page with nothing else and no cache.",
    "ms",
    bound=150,
    judged="value",
    better="less",
)

# Nothing on the page says when the canvas has another picture but the canvas itself.
CHANGE: Final = """
globalThis.took = new Promise((resolve, reject) => {
  const canvas = document.querySelector(".place canvas");
  const pixel = () => {
    const middle = [canvas.width >> 1, canvas.height >> 1];
    return canvas.getContext("2d").getImageData(...middle, 1, 1).data.join();
  };
  const before = pixel();
  addEventListener("keydown", function press(event) {
    removeEventListener("keydown", press, true);
    (function look() {
      if (pixel() === before) return requestAnimationFrame(look);
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => resolve(performance.now() - event.timeStamp);
        port2.postMessage(null);
      });
    })();
  }, true);
});
document.querySelector(".place .openseadragon-canvas").focus();
0
"""
IS_SHOWN: Final = """
(() => {
  const canvas = document.querySelector(".place canvas");
  const data = canvas?.getContext("2d")?.getImageData(canvas.width >> 1, canvas.height >> 1, 1, 1).data;
  return document.querySelector("[role=slider]") !== null && data !== undefined && data[0] > 0;
})()
"""


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure the row."""
    if WINDOW.id not in wanted:
        return
    why = lacking()
    if why is not None:
        yield from not_measured([WINDOW], why)
        return
    with platform_with_console() as platform, chromium() as browser:
        prediction = _read(platform)
        password = administrators_password(platform)
        reader = visitor(browser, platform.url, "admin", password)
        bare = bare_page(browser, platform.url, "admin", password)
        reader.call("Page.bringToFront")
        reader.visit(f"{platform.url}{PREFIX}/reading/{prediction}")
        reader.wait_for(IS_SHOWN)
        yield WINDOW.id, beside_bare_page(WINDOW, A_ROUND * effort.rounds, bare, partial(_change, reader))


def _read(platform: Platform) -> int:
    """Have the picture read for the administrator. Returns the id of the prediction."""
    headers = {"Authorization": administrator(platform).authorization}
    sent = {"data": {"model": "chest-findings"}, "files": {"file": ("bench.dcm", _dicom())}}
    answer = httpx.post(f"{platform.url}/api/predictions", headers=headers, timeout=120, **sent)  # type: ignore[arg-type]
    if answer.status_code != httpx.codes.CREATED:
        raise BenchmarkError(f"the picture is not read: {answer.text[:300]}")
    return int(answer.json()["id"])


def _dicom() -> bytes:
    """A digital X-ray from black on the left to white on the right, with noise."""
    ramp = np.linspace(0, 65_535, SIDE)[np.newaxis, :]
    noise = np.random.default_rng(1).normal(0, 400, (SIDE, SIDE))
    stored = np.clip(ramp + noise, 0, 65_535).astype("<u2")
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = UID("1.2.3.4")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Modality = "DX"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.PixelData = stored.tobytes()
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _change(reader: Page) -> tuple[float, str]:
    """Change the window, when nothing is loaded any more. Returns the milliseconds and the address of the picture."""
    reader.call("Page.bringToFront")
    reader.settle()
    reader.evaluate(CHANGE)
    reader.press_letter("i")
    took = reader.number("took")
    asked = [each.url for each in reader.settle() if "viewport=" in each.url]
    if len(asked) != 1:
        raise BenchmarkError(f"one picture is to be loaded for one key, not {asked}")
    return took, asked[0]


SUITE: Final = Suite((WINDOW,), measure)
