"""How smoothly the gallery's grid of groups scrolls."""

import json
from collections.abc import Collection, Iterator
from typing import Final

from benchmarks.console.chromium import Browser, chromium
from benchmarks.console.visiting import PREFIX, lacking, not_measured, platform_with_console
from benchmarks.gallery.ours import fill
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite, progress

GROUPS: Final = 1000
TURN: Final = 1000
"""Pixels, for each turn of the wheel."""
PAUSE_SECONDS: Final = 0.05
MOST_TURNS: Final = 4000
ENOUGH: Final = 0.9
"""Which part of the pictures in sight has to be there at the end."""

SCROLL: Final = Row(
    "console-grid-long-task",
    f"The longest task of the page while the wheel of the mouse scrolls the gallery from the first of {GROUPS:,} groups"
    " to the last, which are loaded on the way: the browser's entries of the type longtask, which are those over"
    " 50 ms, of all rounds; 50 if there is none. Each round is a new visitor, and what the page did until its first"
    " pictures were shown does not count.",
    "ms",
    bound=100,
    judged="value",
    better="less",
)
SHORTEST: Final = 50.0
OBSERVE: Final = """
globalThis.tasks = [];
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((each) => each.duration)))
  .observe({ type: "longtask" });
0
"""
IS_SHOWN: Final = "document.querySelector('.thumbnail img.loaded') !== null"
COUNT: Final = "document.querySelectorAll('.groups > li').length"
# The boxes of pictures are not asked for, because those out of sight would have to be laid out for it.
PICTURES_IN_SIGHT: Final = """
(() => {
  const inSight = [...document.querySelectorAll(".groups > li")].filter((each) => {
    const box = each.getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight;
  });
  return inSight.filter((each) => each.querySelector("img.loaded") !== null).length / Math.max(1, inSight.length);
})()
"""
AT_END: Final = "scrollY + innerHeight >= document.documentElement.scrollHeight - 2"


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure the row."""
    if SCROLL.id not in wanted:
        return
    why = lacking()
    if why is not None:
        yield from not_measured([SCROLL], why)
        return
    with platform_with_console() as platform, chromium() as browser:
        fill(platform, GROUPS)
        longest: list[float] = []
        for count in range(1, effort.rounds + 1):
            tasks = _scroll(browser, platform.url)
            longest.append(max(tasks, default=SHORTEST))
            progress(f"{SCROLL.id} {count}/{effort.rounds}: {longest[-1]:.0f} ms, {len(tasks)} over 50 ms")
        rounds = ", ".join(f"{each:.0f}" for each in longest)
        yield SCROLL.id, Result(f"the longest of the rounds {rounds} ms", max(longest))


def _scroll(browser: Browser, url: str) -> list[float]:
    """Scroll to the end as a new visitor. Returns the durations of the long tasks in milliseconds."""
    page = browser.page()
    page.call("Page.bringToFront")
    page.visit(f"{url}{PREFIX}/gallery")
    page.wait_for(IS_SHOWN)
    page.pause(1)
    page.evaluate(OBSERVE)
    for _ in range(MOST_TURNS):
        page.turn_wheel(TURN)
        page.pause(PAUSE_SECONDS)
        if page.number(COUNT) >= GROUPS and page.evaluate(AT_END):
            break
    else:
        raise BenchmarkError(f"the gallery ends at {page.evaluate(COUNT)} groups")
    page.pause(0.5)  # entries of the last tasks come a moment later
    tasks: list[float] = json.loads(page.text("JSON.stringify(tasks)"))
    page.wait_for(f"{PICTURES_IN_SIGHT} >= {ENOUGH}")
    page.close()
    return tasks


SUITE: Final = Suite((SCROLL,), measure)
