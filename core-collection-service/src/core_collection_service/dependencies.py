"""What endpoints declare in their signatures: the client that calls, and the collection in the path."""

from typing import Annotated

from fastapi import Depends, Path, Request

from core_collection_service.access import SENDING_SCOPES, Caller
from core_collection_service.errors import NoSuchCollection
from core_collection_service.state import Services
from lightbox_shared.auth.dependencies import principal_of
from lightbox_shared.errors import InsufficientScope

CollectionPath = Annotated[
    str, Path(max_length=100, description="The name of a collection, as discovery has it.", examples=["images"])
]


async def current_caller(request: Request) -> Caller:
    """The client that makes a request over HTTP. Raises `InvalidToken`, and `InsufficientScope` for a token whose
    scopes have nothing to do with collections, so that endpoints need no `needs(Scope.COLLECT)` beside it."""
    services: Services = request.state.services
    principal = await principal_of(request)
    if principal is not None and not principal.allows(SENDING_SCOPES, request.method):
        raise InsufficientScope(*sorted(SENDING_SCOPES))
    return Caller(services.access, principal)


async def collection_name(request: Request, collection: CollectionPath) -> str:
    """The name of a collection that is configured. Raises `NoSuchCollection`."""
    services: Services = request.state.services
    if collection not in services.collections:
        raise NoSuchCollection
    return collection


CurrentCaller = Annotated[Caller, Depends(current_caller)]
CollectionName = Annotated[str, Depends(collection_name)]
