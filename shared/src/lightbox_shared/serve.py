"""`python -m lightbox_shared.serve auth-service`: one process of one service, the same way everywhere."""

import importlib
import sys

import uvicorn
from pydantic import ValidationError

from lightbox_shared.config import Settings
from lightbox_shared.corked import CorkedProtocol
from lightbox_shared.ports import port_of
from lightbox_shared.startup import StartupError
from lightbox_shared.startup_report import ReportedStartup, give_up

KEEP_ALIVE_SECONDS = 75  # longer than the gateway keeps an idle connection, so that it never meets a closed one
GRACE_SECONDS = 10


def main(service: str) -> None:
    """Serve `<package>.app:create_app` until SIGINT or SIGTERM; requests under way get `GRACE_SECONDS`. A start that
    fails ends with one sentence on standard error, and exit code 1."""
    module = importlib.import_module(f"{service.replace('-', '_')}.app")
    try:
        settings = Settings()
        app = ReportedStartup(module.create_app())
    except (ValidationError, StartupError) as error:
        give_up(service, error)
    port = port_of(service, settings.port)
    try:
        uvicorn.run(
            app,
            host=settings.host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # the gateway decides for itself whom it believes
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            lifespan="on",
            http=CorkedProtocol,
        )
    except SystemExit:  # uvicorn's, where it has never served
        give_up(service, app.failure or StartupError(f"port {port} of {settings.host} can't be listened on."))


if __name__ == "__main__":
    main(sys.argv[1])
