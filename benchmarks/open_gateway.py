"""The gateway with an additional route that accepts bodies of 200 MB: `python -m benchmarks.open_gateway`."""

from typing import Final

from gateway.app import create_app, serve
from gateway.config import GatewaySettings
from gateway.routes import INFERENCE, REQUIRED, TABLE, UPLOAD, Route, Routes
from lightbox_shared.requests.file_sizes import MB

PREFIX: Final = "/bench"

if __name__ == "__main__":
    serve(create_app(GatewaySettings(), Routes((*TABLE, Route(PREFIX, INFERENCE, REQUIRED, UPLOAD, 200 * MB)))))
