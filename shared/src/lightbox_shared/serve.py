"""`python -m lightbox_shared.serve auth-service`: one process of one service, the same way everywhere."""

import importlib
import sys

import uvicorn

from lightbox_shared.config import Settings
from lightbox_shared.corked import CorkedProtocol
from lightbox_shared.ports import port_of

KEEP_ALIVE_SECONDS = 75  # longer than the gateway keeps an idle connection, so that it never meets a closed one
GRACE_SECONDS = 10


def main(service: str) -> None:
    """Serve `<package>.app:create_app` until SIGINT or SIGTERM; requests under way get `GRACE_SECONDS`."""
    package = service.replace("-", "_")
    module = importlib.import_module(f"{package}.app")
    settings = Settings()
    uvicorn.run(
        module.create_app(),
        host=settings.host,
        port=port_of(service, settings.port),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the gateway decides for itself whom it believes
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        lifespan="on",
        http=CorkedProtocol,
    )


if __name__ == "__main__":
    main(sys.argv[1])
