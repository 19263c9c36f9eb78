"""The gateway served by uvicorn instead of Granian, for a comparison: `python -m benchmarks.uvicorn_gateway`."""

import uvicorn
import uvloop

from gateway.app import Gateway, create_app
from gateway.config import GatewaySettings


async def serve(gateway: Gateway, port: int) -> None:
    """Serve until SIGTERM."""
    async with gateway.open() as app:
        config = uvicorn.Config(
            app, port=port, lifespan="off", log_config=None, access_log=False, server_header=False, proxy_headers=False
        )
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    settings = GatewaySettings()
    uvloop.run(serve(create_app(settings), settings.port))
