"""No log has a path that is a credential."""

import re
from pathlib import Path
from typing import Final

import pytest

from lightbox_shared.observability.secret_paths import SECRET_PREFIXES, loggable_path

SECRET = "Zz0-_secret"
CONSOLE: Final = Path(__file__).parents[3] / "console" / "src"
NO_SECRETS: Final = frozenset({"id", "collection", "device", "nothing"})
"""The parameters in the addresses of the console's pages that readers of a log may see."""


@pytest.mark.parametrize(
    "path",
    [
        *(f"{prefix}{SECRET}" for prefix in SECRET_PREFIXES),
        *(f"{prefix}{SECRET}/" for prefix in SECRET_PREFIXES),
        *(f"{prefix}{SECRET}/and/more" for prefix in SECRET_PREFIXES),
        *(f"{prefix}x\n{SECRET}" for prefix in SECRET_PREFIXES),
        f"//image//shared///{SECRET}",
        f"/Image/Shared/{SECRET}",
        f"/api/image/shared/{SECRET}",
        f"/iiif/3/12~{SECRET}",
        f"/iiif/3/12~{SECRET}/full/max/0/default.jpg",
        f"/iiif/3/x/12~{SECRET}/info.json",
    ],
)
def test_secrets_are_hidden(path: str) -> None:
    assert SECRET not in loggable_path(path)
    assert loggable_path(path).startswith(path[:6])


@pytest.mark.parametrize(
    "path",
    ["/", "", "/image/shared", "/image/shared/", "/image/file/7", "/iiif/3/12/full/max/0/default.jpg", "/~x", "/a~b"],
)
def test_other_paths_are_as_they_are(path: str) -> None:
    assert loggable_path(path) == path


def test_the_rest_of_an_iiif_address_is_there() -> None:
    assert loggable_path("/iiif/3/12~a.b/full/max/0/default.jpg") == "/iiif/3/12~[redacted]/full/max/0/default.jpg"


def test_the_consoles_addresses_with_a_secret_are_known() -> None:
    """A parameter of a new name is either one that may be read in a log, or its address has its place among the
    secret ones."""
    files = [CONSOLE / "router.ts", *CONSOLE.glob("*/routes.ts")]
    paths = re.findall(r"""path: ["'`](/[^"'`]*)""", "\n".join(file.read_text() for file in files))
    secret = [path for path in paths if not NO_SECRETS.issuperset(re.findall(r":(\w+)", path))]
    assert "/gallery/shared/:secret" in secret
    for path in secret:
        assert SECRET not in loggable_path("/console" + re.sub(r":\w+", SECRET, path)), path
