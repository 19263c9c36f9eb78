"""The rules of CheXRay: what an upload must be, who may see what, and where a picture can be loaded from."""

import hmac
import secrets
from typing import Final

from anyio import to_thread

from inference_service.predictions import service as predictions
from inference_service.state import Services
from inference_service.xrays import repository
from inference_service.xrays.errors import NotTheOwner
from inference_service.xrays.models import XRay
from inference_service.xrays.schemas import XRayFields
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT
from lightbox_shared.database import ReadSession
from lightbox_shared.errors import InvalidRequest, NotFound, Unavailable
from lightbox_shared.images import MediaType, PictureError, decode_grey
from lightbox_shared.request_bodies import Upload

SYSTEM: Final = "chexray"
FINDINGS: Final = ("atelectasis", "cardiomegaly", "consolidation", "edema", "pleural_effusion")
MAX_RENDERINGS_WAITING: Final = 16
MEDIA_PATH: Final = "/api/chexray/media"


async def upload(services: Services, sent: Upload[XRayFields], account_id: int) -> XRay:
    """Read the picture and keep it, then the prediction and the X-ray that refer to it. Raises `InvalidRequest` for a
    file that is missing or no picture, and `Unavailable` when too many are being read.

    The bytes are committed while the model runs, in a transaction of their own: no client sees them before the X-ray
    refers to them, and if that never happens they are a blob without a reference. The second transaction begins after
    the model, so no connection is held while a picture waits for a core.
    """
    data = sent.data
    if data is None:
        raise InvalidRequest.of("image", "No file was submitted.")
    if not data:
        raise InvalidRequest.of("image", "The submitted file is empty.")

    async def keep(digest: bytes) -> None:
        async with services.database.writing() as session:
            await services.blobs.put(session, data, digest)

    try:
        read = await services.reader.read(data, services.chexray, keep)
    except PictureError as error:
        raise InvalidRequest.of("image", f"Upload a valid image. {error}") from error
    async with services.database.writing() as session:
        xray = XRay(
            account_id=account_id,
            title=sent.fields.title,
            picture_sha256=read.sha256,
            media_type=read.media_type.value,
            open_key=secrets.token_urlsafe(24) if account_id == ANONYMOUS_ACCOUNT else None,
            findings=read.serving(SYSTEM),
            prediction=await predictions.record(session, read, account_id),
        )
        return await repository.add(session, xray)


async def owned(session: ReadSession, xray_id: int, account_id: int) -> XRay:
    """An account's X-ray. Raises `NotFound` and `NotTheOwner`."""
    xray = await repository.find(session, xray_id) if 0 < xray_id < 2**63 else None
    if xray is None:
        raise NotFound
    if xray.account_id != account_id:
        raise NotTheOwner
    return xray


def picture_path(services: Services, xray: XRay) -> str:
    """Where an `<img>` tag can load the picture. The key that opens it is in the query, which is never logged: one
    that expires, or for an anonymous picture the one that was made with it."""
    key = xray.open_key or services.links.sign(xray.id, lifetime_seconds=services.picture_link_seconds)
    return f"{MEDIA_PATH}/{xray.id}?key={key}"


async def picture_behind(services: Services, session: ReadSession, xray_id: int, key: str) -> XRay:
    """The X-ray whose link has this key. Raises `NotFound`, whatever is wrong with the link."""
    xray = await repository.find(session, xray_id)
    if xray is None:
        raise NotFound
    if xray.open_key is None:
        opens = services.links.read(key) == xray.id
    else:
        opens = hmac.compare_digest(key.encode(), xray.open_key.encode())
    if not opens:
        raise NotFound
    return xray


async def picture_for_browsers(services: Services, session: ReadSession, xray: XRay) -> tuple[bytes, str]:
    """Bytes and media type of what an `<img>` tag can show: the original, or a PNG of what no browser reads."""
    data = await services.blobs.get(session, xray.picture_sha256)
    await session.close()  # the connection is for others while the picture is made
    media_type = MediaType(xray.media_type)
    if media_type.shown_by_browsers:
        return data, media_type.value

    def render() -> bytes:
        return decode_grey(data, max_pixels=services.max_picture_pixels).png()

    if services.rendering.statistics().tasks_waiting >= MAX_RENDERINGS_WAITING:
        raise Unavailable("Too many pictures are being converted for browsers.")
    return await to_thread.run_sync(render, limiter=services.rendering), MediaType.PNG.value
