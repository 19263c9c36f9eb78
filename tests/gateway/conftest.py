"""A platform for each test: the gateway, a fake auth-service, and a service that records its requests."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from support.gateway import ISSUER, FakeAuth, FakeService, GatewayServer, Key, Platform, Server, Start
from support.processes import until

from gateway.app import create_app
from gateway.config import GatewaySettings
from gateway.routes import Routes
from gateway.server import STALLED_SECONDS


@pytest.fixture(scope="session")
def key() -> Key:
    return Key()


@pytest.fixture
def start(key: Key) -> Iterator[Start]:
    """Starts a platform; keyword arguments are settings of the gateway."""
    gateways: list[GatewayServer] = []
    servers: list[Server] = []
    clients: list[httpx.Client] = []

    def run(routes: Routes | None = None, *, stalled_seconds: float = STALLED_SECONDS, **settings: Any) -> Platform:
        auth, service = FakeAuth([key]), FakeService()
        auth_server, service_server = Server(auth), Server(service)
        defaults: dict[str, Any] = {
            "services": ("auth-service", "inference-service"),
            "auth_service_url": auth_server.url,
            "inference_service_url": service_server.url,
            "core_collection_service_url": service_server.url,
            "imagehub_service_url": service_server.url,
            "client_secret": "secret",
            "issuer": ISSUER,
            "revocation_poll_seconds": 0.05,
        }
        # In a thread, since async tests run an event loop here, and creating the gateway blocks it.
        with ThreadPoolExecutor(1) as thread:
            app = thread.submit(create_app, GatewaySettings(**{**defaults, **settings}), routes).result()
            gateway = thread.submit(GatewayServer, app, stalled_seconds=stalled_seconds).result()
        gateways.append(gateway)
        servers.extend((auth_server, service_server))
        if "auth_service_url" not in settings:
            # The gateway accepts no token before the answer to its first poll, after which the second one is sent.
            assert until(lambda: len(auth.polls) > 1)
        http = httpx.Client(base_url=gateway.url, timeout=10)
        clients.append(http)
        return Platform(key, auth, service, gateway, auth_server, service_server, http)

    yield run
    for client in clients:
        client.close()
    # The gateway first: httpx does not close all connections that its peer has closed if it is cancelled meanwhile.
    for running in (gateways, servers):
        for server in running:
            server.leave()
        for server in running:
            server.stop()


@pytest.fixture
def platform(start: Start) -> Platform:
    return start()
