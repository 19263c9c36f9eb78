"""What endpoints declare in their signatures: the client that calls, and the collection in the path."""

from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request

from core_collection_service.access import SENDING_SCOPES, Caller
from core_collection_service.errors import NoSuchCollection
from core_collection_service.state import Services
from lightbox_shared.auth.dependencies import principal_of
from lightbox_shared.errors import InsufficientScope

_MAX_LENGTH: Final = 100
_DESCRIPTION: Final = "The name of a collection, as discovery has it."
_EXAMPLES: Final = ["images"]
COLLECTION_PARAMETER: Final[dict[str, Any]] = {
    "name": "collection",
    "in": "path",
    "required": True,
    "description": _DESCRIPTION,
    "schema": {"type": "string", "maxLength": _MAX_LENGTH, "examples": _EXAMPLES},
}
"""The Parameter Object (OpenAPI 3.1 section 4.8.12) of `{collection}`, for routes that FastAPI can't make it for."""


async def current_caller(request: Request) -> Caller:
    """The client that makes a request over HTTP. Raises `InvalidToken`, and `InsufficientScope` for a token whose
    scopes have nothing to do with collections, so that endpoints need no `needs(Scope.COLLECT)` beside it."""
    services: Services = request.state.services
    principal = await principal_of(request)
    if principal is not None and not principal.allows(SENDING_SCOPES, request.method):
        raise InsufficientScope(*sorted(SENDING_SCOPES))
    return Caller(services.access, principal)


async def collection_name(
    request: Request,
    collection: Annotated[str, Path(max_length=_MAX_LENGTH, description=_DESCRIPTION, examples=_EXAMPLES)],
) -> str:
    """The name of a collection that is configured. Raises `NoSuchCollection`."""
    services: Services = request.state.services
    if collection not in services.collections:
        raise NoSuchCollection
    return collection


CurrentCaller = Annotated[Caller, Depends(current_caller)]
CollectionName = Annotated[str, Depends(collection_name)]
