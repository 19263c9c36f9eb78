"""`lightbox env`: writes the `.env` that docker-compose.yml reads, with new secrets, readable by its owner alone.

An existing file keeps its lines. Variables that this version needs and that are missing are added.

`make env` runs this module with the Python of the system (3.9 or newer), so that containers can be used without an
environment. Therefore this module, and those of Lightbox that it imports, import only the standard library.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Final

from lightbox.service_secrets import ServiceSecrets, service_secrets_setting, write_private
from lightbox_shared.installation import SERVICE_NAMES, service_named

PATH = Path(".env")
_LAST: Final = "SERVICE_SECRETS"


def write(path: Path = PATH) -> int:
    """Write the file, or complete an existing one, and print what was done. Returns the exit code."""
    try:
        print(_written(path), flush=True)  # noqa: T201 - rich is not in the standard library
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        print(f"{path} can't be written: {why}", file=sys.stderr)  # noqa: T201 - as above
        return 1
    return 0


def _written(path: Path) -> str:
    try:
        write_private(path, text())
    except FileExistsError:
        if path.is_symlink() or (whole := completed(path.read_text())) is None:
            return f"{path} is there already and stays as it is."
        replacement = path.with_name(f"{path.name}.new")
        replacement.unlink(missing_ok=True)
        write_private(replacement, whole)
        replacement.replace(path)
        return f"Added to {path} what this version needs beside what is there."
    kept = kept_database(path.absolute().parent)
    if kept:
        return f"Wrote {path}, but the volume {kept} was made with another one: put that back (docs/containers.md)."
    return f"Wrote {path}; the administrator's password is in it."


def kept_database(folder: Path) -> str | None:
    """Return the name of the volume with the database of this Compose project, None if there is none.

    Without Docker, or if it does not answer within ten seconds, the result is None too.
    """
    name = os.environ.get("COMPOSE_PROJECT_NAME") or re.sub(r"[^-_a-z0-9]|^[-_]+", "", folder.name.lower())
    labels = {"com.docker.compose.project": name, "com.docker.compose.volume": "database"}
    filters = [f"--filter=label={label}={value}" for label, value in labels.items()]
    try:
        done = subprocess.run(
            ["docker", "volume", "ls", "--quiet", *filters],  # noqa: S607 - Docker has no fixed path
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def names() -> frozenset[str]:
    """Return the names of all variables of the file."""
    return frozenset(_variables({service: ServiceSecrets.new() for service in SERVICE_NAMES}))


def text() -> str:
    """Return the text of a new file, with new secrets. A variable is a line."""
    known = {service: ServiceSecrets.new() for service in SERVICE_NAMES}
    lines = ["# Secrets of this installation. Keep them, and keep them to yourself."]
    lines += [f"{name}={value}" for name, value in _variables(known).items()]
    return "\n".join(lines) + "\n"


def completed(existing: str) -> str | None:
    """Return the text of an existing file with the missing variables added.

    Returns None if nothing is missing, or if the file was not written by this module.
    """
    lines = existing.splitlines()
    had = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    if _LAST not in had:
        return None
    known = {service: ServiceSecrets.new() for service in SERVICE_NAMES}
    added = {name: value for name, value in _variables(known).items() if name not in had}
    if not added:
        return None
    named = {entry.partition(":")[0] for entry in had[_LAST].split(",")}
    news = {
        service: own
        for service, own in known.items()
        if service not in named and f"{_prefix(service)}_CLIENT_SECRET" in added
    }
    entries = ",".join(each for each in (had[_LAST], service_secrets_setting(news)) if each)
    lines = [f"{_LAST}={entries}" if line.startswith(f"{_LAST}=") else line for line in lines]
    return "\n".join([*lines, *(f"{name}={value}" for name, value in added.items())]) + "\n"


def _variables(known: dict[str, ServiceSecrets]) -> dict[str, str]:
    variables = {
        "LIGHTBOX_BIND": "127.0.0.1",
        "LIGHTBOX_PORT": "8000",
        "LIGHTBOX_PUBLIC_URL": "",
        "LIGHTBOX_ENVIRONMENT": "development",
        "LIGHTBOX_ADMIN_USERNAME": "admin",
        "LIGHTBOX_ADMIN_PASSWORD": secrets.token_urlsafe(18),
        "POSTGRES_PASSWORD": secrets.token_urlsafe(24),
        "LIGHTBOX_COLLECTIONS": "",
        "LIGHTBOX_COLLECTION_ACCESS": "",
        "LIGHTBOX_GALLERY_VISIBILITY": "",
        "LIGHTBOX_COAP": "",
        "LIGHTBOX_COAP_CREDENTIALS": "",
        "LIGHTBOX_COAP_BIND": "127.0.0.1",
        "LIGHTBOX_COAP_PORT": "5683",
    }
    for service, own in known.items():
        prefix = _prefix(service)
        variables |= {f"{prefix}_CLIENT_SECRET": own.client_secret, f"{prefix}_SECRET_KEY": own.secret_key}
        if service_named(service).has_database:
            variables[f"{prefix}_DATABASE_PASSWORD"] = secrets.token_urlsafe(24)
    return variables | {_LAST: service_secrets_setting(known)}


def _prefix(service: str) -> str:
    return service_named(service).short_name.upper()


if __name__ == "__main__":
    sys.exit(write())
