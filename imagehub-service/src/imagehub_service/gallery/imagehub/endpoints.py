"""What ImageHub's administrators do with groups and pictures, apart from adding them."""

import json
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from imagehub_service.gallery.imagehub import repository
from imagehub_service.gallery.imagehub.schemas import (
    DeleteImageList,
    ImageHubDeleted,
    ImageHubGroups,
    ImageHubGroupsWithImages,
    ImageHubImageName,
    ImageHubLowImage,
    ImageHubOutcome,
)
from imagehub_service.gallery.numbers import can_be_picture
from imagehub_service.gallery.revisions import repository as revisions
from imagehub_service.state import ServicesDep
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Database, Reading, Writing
from lightbox_shared.requests.bodies import json_body

router = APIRouter(tags=["ImageHub"], dependencies=[needs(Scope.HUB)])

MAX_LIST_BYTES = 2 * 1024 * 1024
GroupNumber = Annotated[int, Query(description="The number of the group.", examples=[1])]
ImageNumber = Annotated[int | None, Query(description="The number of the picture in the group.", examples=[1])]


@router.get("/admin/groups", summary="The numbers of all groups")
async def imagehub_groups(_caller: AdminOnly, session: Reading) -> ImageHubGroups:
    """Of those that have pictures."""
    return ImageHubGroups(data=list(await repository.groups(session)))


@router.get(
    "/admin/groups/images",
    summary="All groups with the names of their pictures",
    response_class=Response,
    responses={200: {"model": ImageHubGroupsWithImages | ImageHubOutcome}},
)
async def imagehub_groups_with_images(_caller: AdminOnly, services: ServicesDep) -> Response:
    """By the numbers of the groups. An empty gallery has the code 0."""
    pieces = _groups_with_images(services.database)
    first = await anext(pieces, None)
    if first is None:
        empty = ImageHubOutcome(code=0, hint="empty_database")
        return Response(empty.model_dump_json(), media_type="application/json")
    return StreamingResponse(_begun(first, pieces), media_type="application/json")


@router.post("/admin/delete/image", summary="Delete pictures of the gallery")
async def imagehub_delete_images(
    _caller: AdminOnly,
    body: Annotated[DeleteImageList, json_body(DeleteImageList, max_bytes=MAX_LIST_BYTES)],
    session: Writing,
) -> ImageHubDeleted:
    """The files stay in the drive. Pictures that do not exist are left out."""
    deleted = await repository.remove(session, [each for each in body.pictures() if can_be_picture(*each)])
    if deleted.pictures:
        await revisions.changed(session, order=deleted.emptied)
    return ImageHubDeleted(code=1, hint="image_deleted_from_database", deleted=deleted.pictures)


@router.get("/admin/image", summary="A picture in low resolution")
async def imagehub_low_image(
    _caller: AdminOnly, services: ServicesDep, *, group_id: GroupNumber, image_id: ImageNumber = None
) -> ImageHubLowImage | ImageHubOutcome:
    """By the number of its group and its number there, by default the first one."""
    found = await services.shown_pictures.low(group_id, image_id)
    if found is None:
        return ImageHubOutcome(code=0, hint="couldn't_get_image")
    return ImageHubLowImage(code=1, image=found, hint="got_image")


async def _begun(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for piece in rest:
        yield piece


async def _groups_with_images(database: Database) -> AsyncGenerator[bytes]:
    """The body in pieces, none if there is no picture. No connection is held while a client reads one."""
    group_id, image_id = 0, 0
    while True:
        async with database.reading() as session:
            rows = await repository.names(session, (group_id, image_id))
        if not rows:
            break
        text = "" if group_id else '{"code":1,"data":{'
        for row in rows:
            name = ImageHubImageName(folder_name=row.folder_name, image_id=row.image_id, image_name=row.name)
            if row.group_id == group_id:
                text += f",{name.model_dump_json()}"
            else:
                text += (
                    f'{"]}," if group_id else ""}{json.dumps(str(row.group_id))}:{{"images":[{name.model_dump_json()}'
                )
            group_id, image_id = row.group_id, row.image_id
        yield text.encode()
    if group_id:
        yield b"]}}}"
