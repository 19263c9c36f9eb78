"""The use cases of CheXRay: uploading X-rays, finding them, and loading their pictures."""

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
    """Run the model on a picture, and store the picture, the prediction and the X-ray.

    Raises `InvalidRequest` if the file is missing or not a picture, and `Unavailable` if too many pictures are waiting.

    The picture is stored while the model runs, in a transaction of its own. Until the X-ray refers to it, clients can't
    see it; if that fails, a blob without a reference is left. The second transaction begins after the model has run, so
    that no connection is held while a picture waits for a core.
    """
    data = sent.data
    if data is None:
        raise InvalidRequest.of("image", "No file was submitted.")
    if not data:
        raise InvalidRequest.of("image", "The submitted file is empty.")

    async def store(digest: bytes) -> None:
        async with services.database.writing() as session:
            await services.blobs.put(session, data, digest)

    try:
        result = await services.predictor.predict(data, services.chexray, store)
    except PictureError as error:
        raise InvalidRequest.of("image", f"Upload a valid image. {error}") from error
    async with services.database.writing() as session:
        xray = XRay(
            account_id=account_id,
            title=sent.fields.title,
            picture_sha256=result.sha256,
            media_type=result.media_type.value,
            open_key=secrets.token_urlsafe(24) if account_id == ANONYMOUS_ACCOUNT else None,
            findings=result.scores_for(SYSTEM),
            prediction=await predictions.record(session, result, account_id),
        )
        return await repository.add(session, xray)


async def find_owned(session: ReadSession, xray_id: int, account_id: int) -> XRay:
    """The X-ray with this id, which must belong to the account. Raises `NotFound` and `NotTheOwner`."""
    xray = await repository.find(session, xray_id) if 0 < xray_id < 2**63 else None
    if xray is None:
        raise NotFound
    if xray.account_id != account_id:
        raise NotTheOwner
    return xray


def picture_path(services: Services, xray: XRay) -> str:
    """The path from which an `<img>` element can load the picture.

    Its query has a key that gives access without a header: for an anonymous picture the random one that was stored with
    it, else a signed one that expires. Queries are not logged.
    """
    key = xray.open_key or services.links.sign(xray.id, lifetime_seconds=services.picture_link_seconds)
    return f"{MEDIA_PATH}/{xray.id}?key={key}"


async def find_by_link(services: Services, session: ReadSession, xray_id: int, key: str) -> XRay:
    """The X-ray with this id, if the link to its picture has this key. Raises `NotFound` for any other key."""
    xray = await repository.find(session, xray_id)
    if xray is None or not _opens(services, key, xray):
        raise NotFound
    return xray


async def find_for_account(
    services: Services, session: ReadSession, xray_id: int, *, account_id: int, key: str
) -> XRay:
    """The X-ray with this id, if it belongs to the account, or the link to its picture has this key. Raises `NotFound`.

    Anonymous X-rays have no owner who could be recognized, and always take their key.
    """
    xray = await repository.find(session, xray_id)
    if xray is None:
        raise NotFound
    is_owner = xray.account_id == account_id != ANONYMOUS_ACCOUNT
    if not is_owner and not _opens(services, key, xray):
        raise NotFound
    return xray


def _opens(services: Services, key: str, xray: XRay) -> bool:
    """Whether a link with this key leads to the picture. Raises `NotFound` for a signed key that is expired or
    forged."""
    if xray.open_key is None:
        return services.links.read(key) == xray.id
    return hmac.compare_digest(key.encode(), xray.open_key.encode())


async def picture_for_browsers(services: Services, session: ReadSession, xray: XRay) -> tuple[bytes, str]:
    """The content and media type of a picture for browsers: the original, or a PNG for formats that they do not show.

    Raises `Unavailable` if too many pictures are being converted.
    """
    data = await services.blobs.get(session, xray.picture_sha256)
    await session.close()  # gives the connection back before the conversion
    media_type = MediaType(xray.media_type)
    if media_type.shown_by_browsers:
        return data, media_type.value

    def render() -> bytes:
        return decode_grey(data, max_pixels=services.max_picture_pixels).png()

    if services.rendering.statistics().tasks_waiting >= MAX_RENDERINGS_WAITING:
        raise Unavailable("Too many pictures are being converted for browsers.")
    return await to_thread.run_sync(render, limiter=services.rendering), MediaType.PNG.value
