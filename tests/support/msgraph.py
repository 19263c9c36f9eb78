"""Microsoft's own client of Graph for Python, in an environment of its own in the user's cache.

`PYTHONPATH=tests .venv/bin/python -m support.msgraph` makes it, and .ci/run does; the test that needs it is skipped
where it is missing.
"""

import sys
from pathlib import Path
from typing import Final

from support.api_tools import cached_folder, install_once

REQUIREMENTS: Final = Path(__file__).parent.parent / "imagehub" / "requirements-msgraph.txt"
HOW_TO_INSTALL: Final = "msgraph-sdk is not installed: PYTHONPATH=tests .venv/bin/python -m support.msgraph"


def interpreter() -> Path | None:
    """The Python that can import it, or None where it was not installed."""
    folder = cached_folder("msgraph", REQUIREMENTS)
    return folder / "bin" / "python" if (folder / ".installed").exists() else None


def install() -> None:
    """Install it, unless that was done before."""
    folder = cached_folder("msgraph", REQUIREMENTS)
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    install_once(folder, [sys.executable, "-m", "venv", str(folder)], [*pip, "-r", str(REQUIREMENTS)])


if __name__ == "__main__":
    install()
