"""`lightbox env`: the `.env` that docker-compose.yml reads, with fresh secrets, readable by its owner alone."""

import secrets
from pathlib import Path

from rich.console import Console

from lightbox.run.secrets import SERVICES, ServiceSecrets, service_secrets_setting, write_private

PATH = Path(".env")


def write(path: Path = PATH) -> int:
    """Write it, unless it is there: replacing secrets would lock the platform out of its own data. The exit code."""
    console = Console()
    try:
        write_private(path, text())
    except FileExistsError:
        console.print(f"{path} is there already and stays as it is.")
        return 0
    console.print(f"Wrote {path}; the administrator's password is in it. Next: docker compose up --build")
    return 0


def text() -> str:
    """The file's text: one secret a line, each used by the services that its name says."""
    known = {service: ServiceSecrets.new() for service in SERVICES}
    lines = ["# Secrets of this installation. Keep them, and keep them to yourself.", "LIGHTBOX_PORT=8000"]
    lines += ["LIGHTBOX_PUBLIC_URL=", "LIGHTBOX_ENVIRONMENT=development", "LIGHTBOX_ADMIN_USERNAME=admin"]
    lines += [f"LIGHTBOX_ADMIN_PASSWORD={secrets.token_urlsafe(18)}", f"POSTGRES_PASSWORD={secrets.token_urlsafe(24)}"]
    lines += ["LIGHTBOX_COLLECTION_ACCESS=", "LIGHTBOX_COAP=", "LIGHTBOX_COAP_PORT=5683"]
    for service, own in known.items():
        prefix = service.removesuffix("-service").replace("-", "_").upper()
        lines += [f"{prefix}_CLIENT_SECRET={own.client_secret}", f"{prefix}_SECRET_KEY={own.secret_key}"]
        if service != "gateway":
            lines.append(f"{prefix}_DATABASE_PASSWORD={secrets.token_urlsafe(24)}")
    lines.append(f"SERVICE_SECRETS={service_secrets_setting(known)}")
    return "\n".join(lines) + "\n"
