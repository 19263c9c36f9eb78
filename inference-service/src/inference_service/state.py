"""The objects that the endpoints of this service use, created once when it starts."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from inference_service.clients.accounts import AccountDirectory
from inference_service.model_repository.catalog import ModelCatalog
from inference_service.predictions.account_turns import AccountTurns
from inference_service.predictions.service import Predictor
from inference_service.renditions.service import Renditions
from inference_service.runtime.engine import Engine, LoadedModel
from lightbox_shared.anonymous_storage.service import AnonymousStorage
from lightbox_shared.auth.signed_links import SignedLinks
from lightbox_shared.concurrency.decoding import DecodingThreads
from lightbox_shared.database import Database
from lightbox_shared.service import lifespan_services
from lightbox_shared.storage.blobs import Blobs


@dataclass(frozen=True, slots=True)
class Services:
    """The objects that the endpoints of this service use."""

    accounts: AccountDirectory
    anonymous: AnonymousStorage
    """What clients without an account may store."""
    blobs: Blobs
    database: Database
    catalog: ModelCatalog
    engine: Engine
    predictor: Predictor
    renditions: Renditions
    rendering: DecodingThreads
    """Conversions of pictures for browsers, which run beside those for models."""
    windows: DecodingThreads
    """Pictures through windows and in viewports, and their values: nothing of them is kept, so that one viewer makes
    many."""
    window_turns: AccountTurns
    links: SignedLinks
    chexray: LoadedModel
    covid19: LoadedModel
    max_picture_pixels: int
    picture_link_seconds: int
    public_url: str | None


ServicesDep = Annotated[Services, Depends(lifespan_services)]
