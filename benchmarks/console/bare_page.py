"""A picture on a page with nothing else, beside which the same picture on a page of the console is measured."""

import json
import statistics
from collections.abc import Callable
from typing import Final

from benchmarks.console.chromium import Browser, Page
from benchmarks.console.visiting import visitor
from benchmarks.harness import Result, Row, progress

# A picture that is shown may still miss in the frame while it is being decoded: `decode` is fulfilled when it can't.
WATCH: Final = """
async function drawn(image, since) {
  await image.decode();
  await new Promise(requestAnimationFrame);
  await new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    port2.postMessage(null);
  });
  return performance.now() - since;
}
"""
BARE: Final = (
    WATCH
    + """
(async () => {
  document.body.replaceChildren();
  const image = new Image(), since = performance.now();
  image.src = %s;
  document.body.append(image);
  return drawn(image, since);
})()
"""
)


def bare_page(browser: Browser, url: str, name: str, password: str) -> Page:
    """A page without a cache, which belongs to a visitor who has signed in and may load the pictures of the console."""
    page = visitor(browser, url, name, password)
    page.call("Network.setCacheDisabled", cacheDisabled=True)
    page.call("Page.setBypassCSP", enabled=True)  # no picture is part of this answer
    page.visit(f"{url}/healthz")
    return page


def beside_bare_page(row: Row, count: int, bare: Page, act: Callable[[], tuple[float, str]]) -> Result:
    """Measure a row of the console. `act` is called `count` times and returns the milliseconds until a picture is drawn
    and its address; the bare page then loads the same picture. The value is the 95th percentile of the milliseconds,
    the reference their median on the bare page."""
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(1, count + 1):
        took, picture = act()
        ours.append(took)
        bare.call("Page.bringToFront")
        theirs.append(bare.number(BARE % json.dumps(picture)))
        progress(f"{row.id} {number}/{count}: {took:.1f} ms; bare page {theirs[-1]:.1f}")
    last = sorted(ours)[max(0, -(-len(ours) * 95 // 100) - 1)]
    note = (
        f"median {statistics.median(ours):.1f}, longest {max(ours):.1f} of {len(ours)};"
        f" the page with nothing else: {min(theirs):.1f} to {max(theirs):.1f}"
    )
    return Result(note, last, statistics.median(theirs))
