"""The entry point: no data, only where everything is, as HAL and as the header `Link` (RFC 8288)."""

from typing import Final

from fastapi import APIRouter, Request, Response

from lightbox_shared.openapi import headers
from lightbox_shared.responses.hal import HAL_TYPE, Links, Resource, hal_content, hal_response, link, template

router = APIRouter(tags=["TheYelda"])

LINKS: Final[Links] = {
    "self": link("/"),
    "accounts": template("/accounts/{?id}"),
    "authorization": link("/authorization"),
    "account": link("/self"),
    "jobs": template("/jobs/{?account_id}"),
    "images": template("/images/{?state}"),
    "labels": link("/labels"),
}
_HEADER: Final = ", ".join(f'<{each["href"].partition("{")[0]}>; rel="{relation}"' for relation, each in LINKS.items())


class EntryPoint(Resource):
    """Where everything is."""

    message: str


@router.get(
    "/",
    summary="The entry point",
    response_model=EntryPoint,
    responses={200: {**hal_content(EntryPoint), **headers(Link="The same links (RFC 8288).")}},
)
async def yelda_entry_point(request: Request) -> Response:
    """The links of TheYelda's resources."""
    return hal_response(request, EntryPoint(message="", _links=LINKS), headers={"Link": _HEADER}, default=HAL_TYPE)
