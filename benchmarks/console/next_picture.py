"""How soon the next picture is there for a doctor who labels."""

import json
from collections.abc import Collection, Iterator
from functools import partial
from typing import Final

import httpx

from benchmarks.annotation.ours import PASSWORD, administrator, doctors
from benchmarks.console.bare_page import WATCH, bare_page, beside_bare_page
from benchmarks.console.chromium import CONTROL, Page, chromium
from benchmarks.console.lab import assign, upload
from benchmarks.console.visiting import PREFIX, lacking, not_measured, platform_with_console, visitor
from benchmarks.gallery.ours import photograph
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite
from lightbox.run.platform import Platform

A_ROUND: Final = 4
"""How many jobs are finished in a round."""
WIDTH: Final = 1600
HEIGHT: Final = 1200
LOOK_SECONDS: Final = 0.5
"""How long the doctor looks at a picture after the next one has been loaded."""

NEXT: Final = Row(
    "console-next-picture",
    f"95th percentile of the time from Ctrl+Enter, which finishes a job, until the picture of the next one, a JPEG of"
    f" {WIDTH} x {HEIGHT}, is drawn, when it was loaded in advance: from the time stamp of the key's event until the"
    " frame after the one in which the decoded picture is shown. Reference: the median of the time that the same"
    " picture takes from its request to its drawing, seen in the same way, on a page with nothing else and no cache.",
    "ms",
    bound=100,
    judged="value",
    better="less",
)

FINISH: Final = (
    WATCH
    + """
globalThis.took = new Promise((resolve, reject) => {
  const before = document.querySelector("img.current").getAttribute("src");
  addEventListener("keydown", function press(event) {
    if (event.key !== "Enter") return;
    removeEventListener("keydown", press, true);
    (function look() {
      const image = document.querySelector("img.current");
      if (image?.complete && image.naturalWidth > 0 && image.getAttribute("src") !== before)
        drawn(image, event.timeStamp).then(resolve, reject);
      else requestAnimationFrame(look);
    })();
  }, true);
});
0
"""
)
ANSWER: Final = "document.querySelector('main input[type=radio]').click()"
"""Fills in a field: a form without any answer is finished only after a question."""
JOB_IS_OPEN: Final = (
    f"location.pathname.startsWith('{PREFIX}/labelling/jobs/') && document.querySelector('img.current') !== null"
)
NEXT_IS_LOADED: Final = """
(() => {
  const image = document.querySelector("img:not(.current)");
  return image?.complete && image.naturalWidth > 0 && image.getAttribute("src");
})()
"""


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure the row."""
    if NEXT.id not in wanted:
        return
    why = lacking()
    if why is not None:
        yield from not_measured([NEXT], why)
        return
    with platform_with_console() as platform, chromium() as browser:
        finishes = A_ROUND * effort.rounds
        name = _give_jobs(platform, finishes + 2)
        doctor = visitor(browser, platform.url, name, PASSWORD)
        bare = bare_page(browser, platform.url, name, PASSWORD)
        doctor.visit(f"{platform.url}{PREFIX}/labelling")
        yield NEXT.id, beside_bare_page(NEXT, finishes, bare, partial(_finish, doctor))


def _give_jobs(platform: Platform, count: int) -> str:
    """Make a doctor with open jobs. Returns the name."""
    (doctor,) = doctors(platform, 1)
    headers = {"Authorization": administrator(platform).authorization}
    with httpx.Client(base_url=platform.url, timeout=120, headers=headers) as http:
        assign(http, upload(http, (photograph(number, WIDTH, HEIGHT) for number in range(count))), [doctor])
    return "doctor-0"


def _finish(doctor: Page) -> tuple[float, str]:
    """Finish the job that is open, when the next picture is loaded. Returns the milliseconds and its address."""
    doctor.call("Page.bringToFront")
    doctor.wait_for(JOB_IS_OPEN)
    doctor.wait_for(NEXT_IS_LOADED)
    picture = doctor.text(NEXT_IS_LOADED)
    doctor.evaluate(ANSWER)
    doctor.pause(LOOK_SECONDS)
    job = doctor.text("location.pathname")
    doctor.evaluate(FINISH)
    doctor.press_enter(CONTROL)
    took = doctor.number("took")
    if doctor.evaluate("document.querySelector('img.current').getAttribute('src')") != picture:
        raise BenchmarkError("another picture is shown than was loaded in advance")
    doctor.wait_for(f"location.pathname !== {json.dumps(job)}")
    return took, picture


SUITE: Final = Suite((NEXT,), measure)
