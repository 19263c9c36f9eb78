"""`python -m lightbox_shared.serve auth-service`: one process of one service, the same way everywhere."""

import importlib
import resource
import sys
from contextlib import suppress

import uvicorn
from pydantic import ValidationError
from starlette.types import ASGIApp

from lightbox_shared.config import Settings
from lightbox_shared.installation import service_named
from lightbox_shared.process.ports import port_of
from lightbox_shared.process.startup import StartupError
from lightbox_shared.process.startup_report import ReportedStartup, give_up

KEEP_ALIVE_SECONDS = 75  # longer than the gateway keeps an idle connection, so that it never meets a closed one
GRACE_SECONDS = 10


def main(service: str) -> None:
    """Serve `<package>.app:create_app` until SIGINT or SIGTERM; requests in flight get `GRACE_SECONDS`.

    A package whose `app` module has a `serve` of its own is served by that. A start that fails ends with one sentence
    on standard error, and exit code 1.
    """
    module = importlib.import_module(f"{service_named(service).package}.app")
    raise_descriptor_limit()
    try:
        app = module.create_app()
        if hasattr(module, "serve"):
            module.serve(app)
        else:
            settings = Settings()
            serve(service, app, settings.host, port_of(service, settings.port))
    except (ValidationError, StartupError) as error:
        give_up(service, error)


def serve(service: str, app: ASGIApp, host: str, port: int) -> None:
    """Serve a service by uvicorn."""
    reported = ReportedStartup(app)
    try:
        uvicorn.run(
            reported,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # the gateway decides for itself whom it believes
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            lifespan="on",
        )
    except SystemExit:  # uvicorn's, where it has never served
        give_up(service, reported.failure or StartupError(f"port {port} of {host} can't be listened on."))


def raise_descriptor_limit() -> None:
    """Let this process open as many files and connections as the system allows it: the usual soft limit of 1,024 is
    for programs that call select(2)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError):  # macOS says that there is no limit, and has one
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main(sys.argv[1])
