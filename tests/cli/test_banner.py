"""What is shown when the platform is ready."""

from pathlib import Path

import pytest
from rich.console import Console

from lightbox.run.command import banner
from lightbox.run.platform import Platform
from lightbox_shared.config import Settings


@pytest.mark.parametrize("url", ["https://lab.example", None])
def test_the_banner_says_which_address_passkeys_and_links_are_for(tmp_path: Path, url: str | None) -> None:
    platform = Platform(Settings(data_dir=tmp_path, public_url=url))
    console = Console(width=200)
    with console.capture() as capture:
        console.print(banner(platform, 1.0))
    assert ("LIGHTBOX_PUBLIC_URL" in capture.get()) == (url is not None)
    assert (url or platform.url) in capture.get()
