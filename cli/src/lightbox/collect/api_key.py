"""The API key of a command: from a file or from the environment."""

import os
from pathlib import Path
from typing import Final

from lightbox.collect.errors import CollectError

KEY_VARIABLE: Final = "LIGHTBOX_API_KEY"
MAX_KEY_LENGTH: Final = 4096


def read_api_key(path: Path | None) -> str | None:
    """The API key in the file at `path`, else that of the environment, else None.

    Raises `CollectError` for a file that can't be read and for a text that is no key.
    """
    if path is None:
        key = os.environ.get(KEY_VARIABLE, "").strip()
        return _checked(key, KEY_VARIABLE) if key else None
    try:
        with path.open(encoding="ascii") as file:
            return _checked(file.read(MAX_KEY_LENGTH).strip(), path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a key"
        raise CollectError(f"{path}: {reason}.") from None


def _checked(key: str, source: Path | str) -> str:
    """Refuse a key that no header can carry (RFC 9110 section 5.5). The text is not quoted: it may be a real key."""
    if not key or len(key) >= MAX_KEY_LENGTH or not key.isascii() or not key.isprintable() or " " in key:
        raise CollectError(f"{source} has no API key in it, alone on one line.")
    return key
