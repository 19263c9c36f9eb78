"""The command `lightbox demo`. If no platform is running, it starts one and stops it at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx
from rich.console import Console

from lightbox.collect.errors import CollectError
from lightbox.demo import chexray, core, covid19, imagehub, one_account, one_picture, yelda
from lightbox.demo.answers import DemoError
from lightbox.run.platform import Platform, StartError
from lightbox.run.running_here import running_at
from lightbox_shared.config import Settings

NOTE: Final = (
    "Demonstration models on synthetic phantoms: no medical device, and these numbers mean nothing for a patient."
)
LEFT_BEHIND: Final = (
    "Accounts demo-..., their pictures and labels, pictures of devices demo-... and folders demo-... stay in it; its "
    "doctors lose that authority at the end."
)


def demo(url: str | None) -> int:
    """Run the demo against the gateway at `url`, or on this machine, and return the exit code."""
    console = Console(soft_wrap=True)
    try:
        with running_platform(url, console) as address, httpx.Client(base_url=address, timeout=60) as http:
            walk(http, console)
    except (DemoError, StartError, CollectError, httpx.HTTPError) as error:
        console.print(f"The demo stopped: {error}", style="red", markup=False)
        return 1
    return 0


def walk(http: httpx.Client, console: Console) -> None:
    """Use every system with one account. Raises `DemoError`, `CollectError` and `httpx.HTTPError`."""
    console.rule("CheXRay")
    person = chexray.sign_up(http, console)
    chexray.walk(http, console, person)
    console.rule("COVID-19")
    covid19.walk(http, console)
    console.rule("One account for everything")
    one_account.walk(http, console, person)
    console.rule("CoRE image collection")
    core.walk(http, console)
    console.rule("TheYelda")
    yelda.walk(http, console)
    console.rule("ImageHub")
    imagehub.walk(http, console)
    console.rule("One picture through all of them")
    one_picture.walk(http, console)
    console.print(NOTE, style="italic")


@contextmanager
def running_platform(url: str | None, console: Console) -> Iterator[str]:
    """Yield the URL of a platform that is ready.

    If `url` is None and no platform is running on this machine, one is started for the time of the context. Raises
    `StartError`.
    """
    address = url or Settings().local_url("gateway")
    if url is not None or _answers(address):
        console.print(whose(address), markup=False)
        yield address
        return
    platform = Platform(say=console.print)
    console.print(f"No platform runs at {address}; starting that of {platform.data_dir} ...", markup=False)
    console.print(LEFT_BEHIND)
    try:
        platform.start()
        platform.wait_ready()
        yield address
    finally:
        platform.stop()


def whose(address: str) -> str:
    """Return a text that says which platform the demo uses, and what stays there."""
    folder = Settings().data_dir.resolve()
    own = running_at(folder) == address
    owner = f"its data are in {folder}" if own else f"it is another one than that of {folder}"
    return f"A platform runs at {address}; {owner}. {LEFT_BEHIND}"


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
