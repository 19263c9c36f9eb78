"""A platform with the console, and visitors who sign in to it."""

import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from typing import Final

import httpx

from benchmarks.console.chromium import Browser, Page, Transfer, program
from benchmarks.harness import FOLDER, BenchmarkError, Result, Row
from lightbox.run.platform import Platform
from lightbox.run.temporary import running_platform

CONSOLE: Final = FOLDER.parent / "console"
PREFIX: Final = "/console"
SIGN_IN: Final = f"{PREFIX}/sign-in"
UNLIMITED: Final = {
    "LIGHTBOX_FAILED_LOGINS_PER_ADDRESS": "off",
    "LIGHTBOX_RATE_SIGN_IN": "off",
    "LIGHTBOX_RATE_OPEN": "off",
    "LIGHTBOX_RATE_UPLOAD": "off",
}
"""Settings without the limits by address, since all visitors have the same one."""
HOME_IS_SHOWN: Final = "document.querySelector('nav') !== null && location.pathname === '/console/reading'"


def lacking() -> str | None:
    """Builds the console if that is necessary. Returns what is missing on this machine, None if nothing is."""
    if program() is None:
        return "Chromium is not installed (`apt-get install chromium`)"
    done = subprocess.run([sys.executable, str(CONSOLE / "build.py")], check=False, capture_output=True, text=True)
    if done.returncode:
        return f"the console can't be built: {done.stderr.strip()[-300:]}"
    return None


def not_measured(rows: Collection[Row], why: str) -> Iterator[tuple[str, Result]]:
    """Results without values."""
    yield from ((row.id, Result(why)) for row in rows)


def platform_with_console() -> AbstractContextManager[Platform]:
    """A platform whose gateway serves the console."""
    return running_platform(LIGHTBOX_CONSOLE_DIR=str(CONSOLE / "dist"), **UNLIMITED)


def administrators_password(platform: Platform) -> str:
    """The password of the account `admin`."""
    return (platform.data_dir / "admin-password").read_text(encoding="utf-8").strip()


def sign_in(page: Page, name: str, password: str) -> None:
    """Sign in on the page for it, which the page shows, and wait for the first page. Raises `BenchmarkError`."""
    page.write("input[name=username]", name)
    page.write("input[name=password]", password)
    page.press_enter()
    page.wait_for(HOME_IS_SHOWN)


def visitor(browser: Browser, url: str, name: str, password: str) -> Page:
    """A page of an account that is signed in to the console at `url`. Raises `BenchmarkError`."""
    page = browser.page()
    page.call("Page.bringToFront")
    page.visit(f"{url}{SIGN_IN}")
    sign_in(page, name, password)
    return page


def own_files(page: Page, url: str, folder: str = "") -> list[Transfer]:
    """The files of the console, or of a folder of it, that a page has loaded since the last call.

    `url` is the gateway's. Raises `BenchmarkError` if there are none or if one of them could not be loaded.
    """
    loaded = [each for each in page.settle() if each.url.startswith(f"{url}{PREFIX}/{folder}")]
    wrong = [f"{each.url}: {each.status}" for each in loaded if each.status != httpx.codes.OK]
    if wrong or not loaded:
        raise BenchmarkError(f"a page has not loaded the console: {wrong}")
    return loaded
