"""The secrets of a platform on one machine: made once, kept in `<data>/secrets.json` for its owner alone.

For `lightbox.environment`, which imports this, it keeps to the standard library of Python 3.9.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lightbox_shared.installation import SERVICE_NAMES

if TYPE_CHECKING:
    from typing import Self


@dataclass(frozen=True)
class ServiceSecrets:
    """What one service keeps to itself: its credential towards auth-service, and the key for what it signs."""

    client_secret: str
    secret_key: str

    @classmethod
    def new(cls) -> Self:
        """Two random texts of 256 bits each."""
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, all of it or nothing. Raises `FileExistsError`."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    try:
        os.link(partial, path)
    finally:
        partial.unlink()


def load(path: Path) -> dict[str, ServiceSecrets]:
    """The secrets by service. Raises `OSError`, and `ValueError` or `TypeError` for a file that is not ours."""
    content = json.loads(path.read_text())
    if not isinstance(content, dict):
        raise TypeError("a JSON object by service")
    return {name: ServiceSecrets(**fields) for name, fields in content.items()}


def load_or_create(path: Path) -> dict[str, ServiceSecrets]:
    """The secrets by service; a service that is new to this data folder gets its own added."""
    known = load(path) if path.exists() else {}
    missing = [name for name in SERVICE_NAMES if name not in known]
    if missing:
        known.update((name, ServiceSecrets.new()) for name in missing)
        replacement = path.with_name("secrets.json.new")
        replacement.unlink(missing_ok=True)
        write_private(replacement, json.dumps({name: asdict(each) for name, each in known.items()}, indent=1))
        replacement.replace(path)
    return known


def service_secrets_setting(known: dict[str, ServiceSecrets]) -> str:
    """auth-service's `LIGHTBOX_SERVICE_SECRETS`: who may ask for service tokens, and with what."""
    return ",".join(f"{name}:{each.client_secret}" for name, each in known.items() if name != "auth-service")
