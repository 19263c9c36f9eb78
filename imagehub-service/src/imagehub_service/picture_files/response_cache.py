"""Answers with pictures from memory, before a route is looked for. Whether the visitor may see the picture is checked
with every request, in the way of `imagehub_service.dependencies`."""

from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.types import Scope

from imagehub_service.dependencies import visitor_of
from imagehub_service.picture_files.formats import IIIF_PREFIX, target_of_picture
from imagehub_service.picture_files.watch import Shown
from imagehub_service.state import Services
from imagehub_service.visibility import Visibility
from lightbox_shared.auth.dependencies import principal_of
from lightbox_shared.auth.principal import Scope as TokenScope
from lightbox_shared.errors import InsufficientScope
from lightbox_shared.responses.cache import CachedResponse, ResponseCacheMiddleware

PREFIXES: Final = ("/image/file/", IIIF_PREFIX)


def _find(scope: Scope) -> CachedResponse[Shown] | None:
    if not scope["path"].startswith(PREFIXES):
        return None
    services: Services = scope["state"]["services"]
    return services.watch.responses.get(target_of_picture(scope))


async def _check(scope: Scope, cached: CachedResponse[Shown]) -> None:
    """Raises what the visitor gets that may not see the picture."""
    services: Services = scope["state"]["services"]
    place, key = cached.subject
    is_anonymous = all(name != b"authorization" for name, _ in scope["headers"])
    if is_anonymous and key is None and services.settings.visibility is Visibility.PUBLIC:
        return
    caller = await principal_of(Request(scope))
    if caller is not None and not caller.allows((TokenScope.HUB,), scope["method"]):
        raise InsufficientScope(TokenScope.HUB)
    (await visitor_of(caller, services, key)).check_may_see(place.group_id)


CACHED_PICTURES: Final = partial(ResponseCacheMiddleware[Shown], find=_find, check=_check)
"""The middleware that answers what is in the response cache."""
