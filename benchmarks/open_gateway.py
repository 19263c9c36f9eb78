"""The gateway with an additional route that accepts bodies of 200 MB: `python -m benchmarks.open_gateway`."""

from typing import Final

import uvicorn

from gateway.app import create_app
from gateway.config import GatewaySettings
from gateway.routes import INFERENCE, MB, REQUIRED, TABLE, UPLOAD, Route, Routes

PREFIX: Final = "/bench"


def main() -> None:
    """Serve until SIGTERM."""
    settings = GatewaySettings()
    routes = Routes((*TABLE, Route(PREFIX, INFERENCE, REQUIRED, UPLOAD, 200 * MB)))
    uvicorn.run(create_app(settings, routes), port=settings.port, log_config=None, access_log=False)


if __name__ == "__main__":
    main()
