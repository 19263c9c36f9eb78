"""What the console weighs: the bytes of its first load, and those that each further page adds."""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.annotation.ours import PASSWORD
from benchmarks.console.chromium import Browser, Page, Transfer, chromium
from benchmarks.console.lab import DOCTOR, Lab
from benchmarks.console.visiting import (
    PREFIX,
    SIGN_IN,
    administrators_password,
    lacking,
    not_measured,
    own_files,
    platform_with_console,
    sign_in,
)
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite, progress
from lightbox.run.platform import Platform

KB: Final = 1000
GZIP: Final = "gzip"
CODINGS: Final = "gzip, deflate, br, zstd"
"""What Chromium sends by itself, if an address has TLS or is on this machine."""
DOCTORS_PAGES: Final = ("/labelling", "/labelling/jobs/:id(\\d+)")

FIRST: Final = Row(
    "console-first-load",
    "Bytes of the console that a visitor loads who has nothing of it in the cache, opens it, signs in and sees the page"
    " to read pictures: files and heads of responses as Chromium receives them from the gateway, compressed by gzip."
    " 1 kB is 1,000 bytes.",
    "kB",
    bound=250,
    judged="value",
    better="less",
)
FURTHER: Final = Row(
    "console-further-page",
    "Bytes of the console that the visitor loads on opening another page after that, counted in the same way: the"
    " largest of all pages, each opened in a new browser, with data to show.",
    "kB",
    bound=150,
    judged="value",
    better="less",
)
ROWS: Final = (FIRST, FURTHER)

ROUTES: Final = """
JSON.stringify(document.querySelector("#app").__vue_app__.config.globalProperties.$router.getRoutes()
  .filter((route) => route.redirect === undefined).map((route) => route.path))
"""


@dataclass(frozen=True, slots=True)
class Visitor:
    """The name and password of an account that signs in."""

    name: str
    password: str


def measure(wanted: Collection[str], _effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure both rows on one platform. The bytes are the same in each round, so there is one."""
    why = lacking()
    if why is not None:
        yield from not_measured([row for row in ROWS if row.id in wanted], why)
        return
    with platform_with_console() as platform, chromium() as browser:
        admin = Visitor("admin", administrators_password(platform))
        if FIRST.id in wanted:
            yield FIRST.id, first_load(browser, platform.url, admin)
        if FURTHER.id in wanted:
            yield FURTHER.id, further_pages(browser, platform, admin)


def first_load(browser: Browser, url: str, who: Visitor) -> Result:
    """The whole way by gzip, and its parts by that and by what Chromium asks for by itself."""
    entry, home = _way(browser, url, who, GZIP)
    small_entry, small_home = _way(browser, url, who, CODINGS)
    unasked = {each.coding for each in entry + home} - {GZIP, ""}
    if unasked:
        raise BenchmarkError(f"gzip was asked for and the gateway answers with {unasked}")
    taken = " and ".join(sorted({each.coding for each in small_entry + small_home} - {""}))
    note = (
        f"to the sign-in {_kilobytes(entry):.1f} kB, after it {_kilobytes(home):.1f}; where all codings that Chromium"
        f" knows are asked for, {taken or 'none'} is used: to the sign-in {_kilobytes(small_entry):.1f} kB, after it"
        f" {_kilobytes(small_home):.1f}"
    )
    return Result(note, _kilobytes(entry + home))


def _kilobytes(files: Iterable[Transfer]) -> float:
    return sum(each.bytes for each in files) / KB


def _way(browser: Browser, url: str, who: Visitor, codings: str) -> tuple[list[Transfer], list[Transfer]]:
    """What is loaded up to the sign-in, and after it until the first page is shown."""
    page, entry = _at_sign_in(browser, url, codings)
    sign_in(page, who.name, who.password)
    home = own_files(page, url)
    page.close()
    return entry, home


def _at_sign_in(browser: Browser, url: str, codings: str) -> tuple[Page, list[Transfer]]:
    page = browser.page()
    page.call("Network.setExtraHTTPHeaders", headers={"Accept-Encoding": codings})
    page.visit(f"{url}{PREFIX}/")
    page.wait_for(f"location.pathname === '{SIGN_IN}' && document.querySelector('form') !== null")
    return page, own_files(page, url)


def further_pages(browser: Browser, platform: Platform, admin: Visitor) -> Result:
    """The largest page, and all of them in the note."""
    lab = Lab(platform)
    reader = Visitor(DOCTOR, PASSWORD)
    paths = [path for path in _routes(browser, platform.url) if f"{PREFIX}{path}" != SIGN_IN]  # it is the first load
    found: dict[str, float] = {}
    for path in paths:
        who = reader if path in DOCTORS_PAGES else admin
        found[path] = _added(browser, platform.url, who, lab.address(path))
        progress(f"{FURTHER.id} {path}: {found[path]:.1f} kB")
    listed = ", ".join(f"{path} {size:.1f}" for path, size in sorted(found.items(), key=lambda each: -each[1]))
    return Result(f"in kB: {listed}", max(found.values()))


def _routes(browser: Browser, url: str) -> list[str]:
    """The patterns of all pages, as the console's router knows them."""
    page, _ = _at_sign_in(browser, url, GZIP)
    paths: list[str] = json.loads(page.text(ROUTES))
    page.close()
    return paths


def _added(browser: Browser, url: str, who: Visitor, path: str) -> float:
    """The kB that a page adds to the first load; `index.html`, which is never kept, is not among them."""
    page, _ = _at_sign_in(browser, url, GZIP)
    sign_in(page, who.name, who.password)
    page.settle()
    page.visit(f"{url}{PREFIX}{path}")
    page.wait_for("document.querySelector('main h1, main h2, main [role=alert]') !== null")
    loaded = own_files(page, url, "assets/")
    if not page.evaluate(f"location.pathname.startsWith({json.dumps(PREFIX + path)})"):
        raise BenchmarkError(f"{path} leads to {page.evaluate('location.href')}")
    page.close()
    return _kilobytes(loaded)


SUITE: Final = Suite(ROWS, measure)
