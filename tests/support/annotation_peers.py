"""The services that annotation-service asks, running in the same process: its clients talk to them by real ASGI."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
from starlette.types import ASGIApp

from annotation_service.clients.collection import CoreCollection
from annotation_service.clients.gallery import ImageHub
from annotation_service.clients.inference import InferenceService
from annotation_service.pictures.service import Pictures
from annotation_service.pictures.sources import picture_sources
from annotation_service.state import Services
from annotation_service.suggestions.service import Suggestions
from lightbox_shared.concurrency.decoding import DecodingBudget, DecodingThreads
from lightbox_shared.http import ServiceTokens
from support.annotation import Lab
from support.asgi import BASE_URL, WithState
from support.gateway import Key


@dataclass
class Network:
    """The way to a service, which can be cut."""

    app: ASGIApp
    down: bool = False
    calls: int = 0

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        if self.down:
            raise httpx.ConnectError("refused", request=request)
        return await httpx.ASGITransport(self.app).handle_async_request(request)


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, network: Network) -> None:
        self._network = network

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._network.handle(request)


@dataclass
class Peers:
    """A lab with its peers, and clients of these."""

    lab: Lab
    inference: httpx.AsyncClient
    core: httpx.AsyncClient
    to_inference: Network
    to_core: Network
    to_hub: Network
    hub: WithState
    inference_client: InferenceService


def tokens_signed_by(key: Key) -> ServiceTokens:
    """Tokens of annotation-service, as auth-service gives them."""

    async def grant(_request: httpx.Request) -> httpx.Response:
        token = key.token(sub="service:annotation-service")
        return httpx.Response(200, json={"access_token": token, "expires_in": 600})

    http = httpx.AsyncClient(transport=httpx.MockTransport(grant), base_url="http://auth")
    return ServiceTokens(http, service="annotation-service", secret="secret")


def change_services(lab: Lab, **parts: Any) -> Services:
    """Replace parts of the running service."""
    changed: Services = replace(lab.services, **parts)
    lab.service.state = {**lab.service.state, "services": changed}
    return changed


def pictures_with(lab: Lab, sources: Any, **changes: Any) -> Pictures:
    """The part that keeps pictures, with other sources or limits."""
    settings = lab.services.settings
    limits = {"sizes": settings.file_sizes, "max_pixels": settings.max_picture_pixels, **changes}
    threads = DecodingThreads(DecodingBudget(settings.decoding_bytes), 1, max_pixels=settings.max_picture_pixels)
    return Pictures(lab.services.blobs, threads=threads, sources=sources, **limits)


@asynccontextmanager
async def connected(lab: Lab, inference: WithState, core: WithState, hub: WithState) -> AsyncIterator[Peers]:
    """Connect annotation-service with the three others."""
    to_inference, to_core, to_hub = Network(inference), Network(core), Network(hub)
    async with (
        httpx.AsyncClient(transport=_Transport(to_inference), base_url=BASE_URL) as inference_http,
        httpx.AsyncClient(transport=_Transport(to_core), base_url=BASE_URL) as core_http,
        httpx.AsyncClient(transport=_Transport(to_hub), base_url=BASE_URL) as hub_http,
        httpx.AsyncClient(transport=httpx.ASGITransport(inference), base_url=BASE_URL) as as_client_of_inference,
        httpx.AsyncClient(transport=httpx.ASGITransport(core), base_url=BASE_URL) as as_client_of_core,
    ):
        tokens = tokens_signed_by(lab.key)
        client = InferenceService(inference_http, tokens)
        sources = picture_sources(lab.database, client, CoreCollection(core_http, tokens), ImageHub(hub_http, tokens))
        suggestions = Suggestions(lab.database, lab.services.blobs, client)
        change_services(lab, pictures=pictures_with(lab, sources), suggestions=suggestions)
        yield Peers(lab, as_client_of_inference, as_client_of_core, to_inference, to_core, to_hub, hub, client)
