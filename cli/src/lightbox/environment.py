"""`lightbox env`: the `.env` that docker-compose.yml reads, with fresh secrets, readable by its owner alone. One that
is there keeps every line; what a newer version reads beside them is added."""

import secrets
from pathlib import Path
from typing import Final

from rich.console import Console

from lightbox.run.secrets import ServiceSecrets, service_secrets_setting, write_private
from lightbox_shared.installation import SERVICE_NAMES, service_named

PATH = Path(".env")
_LAST: Final = "SERVICE_SECRETS"


def write(path: Path = PATH) -> int:
    """Write it, or complete the one that is there. The exit code."""
    console = Console()
    try:
        write_private(path, text())
    except FileExistsError:
        if path.is_symlink() or (whole := completed(path.read_text())) is None:
            console.print(f"{path} is there already and stays as it is.")
            return 0
        replacement = path.with_name(f"{path.name}.new")
        replacement.unlink(missing_ok=True)
        write_private(replacement, whole)
        replacement.replace(path)
        console.print(f"Added to {path} what this version needs beside what is there.")
        return 0
    console.print(f"Wrote {path}; the administrator's password is in it. Next: docker compose up --build")
    return 0


def text() -> str:
    """The file's text: one secret a line, each used by the services that its name says."""
    known = {service: ServiceSecrets.new() for service in SERVICE_NAMES}
    lines = ["# Secrets of this installation. Keep them, and keep them to yourself."]
    lines += [f"{name}={value}" for name, value in _variables(known).items()]
    return "\n".join(lines) + "\n"


def completed(existing: str) -> str | None:
    """The text with what is missing in it; None where nothing is, or where it is not one of ours."""
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
        "LIGHTBOX_PORT": "8000",
        "LIGHTBOX_PUBLIC_URL": "",
        "LIGHTBOX_ENVIRONMENT": "development",
        "LIGHTBOX_ADMIN_USERNAME": "admin",
        "LIGHTBOX_ADMIN_PASSWORD": secrets.token_urlsafe(18),
        "POSTGRES_PASSWORD": secrets.token_urlsafe(24),
        "LIGHTBOX_COLLECTIONS": "",
        "LIGHTBOX_COLLECTION_ACCESS": "",
        "LIGHTBOX_COAP": "",
        "LIGHTBOX_COAP_CREDENTIALS": "",
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
