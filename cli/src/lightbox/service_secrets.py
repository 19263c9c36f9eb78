"""The secrets of the services of `lightbox run`, in the file `<data>/secrets.json`, which only its owner can read.

Only the standard library of Python 3.9 is imported, since `lightbox.environment` imports this module.
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
    """The secrets of one service: for authentication at auth-service, and for signatures of its own."""

    client_secret: str
    secret_key: str

    @classmethod
    def new(cls) -> Self:
        """Return new random secrets of 256 bits each."""
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, completely or not at all. Raises `FileExistsError` and `OSError`."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    try:
        os.link(partial, path)
    finally:
        partial.unlink()


def load(path: Path) -> dict[str, ServiceSecrets]:
    """Return the secrets by service. Raises `OSError`, and `ValueError` or `TypeError` for invalid content."""
    content = json.loads(path.read_text())
    if not isinstance(content, dict):
        raise TypeError("a JSON object by service")
    return {name: ServiceSecrets(**fields) for name, fields in content.items()}


def load_or_create(path: Path) -> dict[str, ServiceSecrets]:
    """Return the secrets by service. Services without secrets get new ones in the file. Raises like `load`."""
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
    """Return auth-service's setting `LIGHTBOX_SERVICE_SECRETS`, the client secrets of the other services."""
    return ",".join(f"{name}:{each.client_secret}" for name, each in known.items() if name != "auth-service")
