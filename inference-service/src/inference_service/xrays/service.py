"""The use cases of CheXRay: uploading X-rays, finding them, and loading their pictures."""

import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from inference_service.predictions import heatmap
from inference_service.predictions import service as predictions
from inference_service.predictions.heatmap import NoHeatmap
from inference_service.predictions.quotas import Sender, charge_for
from inference_service.predictions.reading import ReadPicture, read_picture
from inference_service.renditions.answers import ShownPicture
from inference_service.renditions.for_browsers import picture_for_browsers
from inference_service.renditions.service import Charge
from inference_service.state import Services
from inference_service.xrays import repository
from inference_service.xrays.errors import NotTheOwner
from inference_service.xrays.models import XRay
from inference_service.xrays.schemas import XRayFields
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.errors import InvalidRequest, NotFound
from lightbox_shared.images import MediaType, PictureError
from lightbox_shared.requests.bodies import Upload
from lightbox_shared.requests.disconnect import Client
from lightbox_shared.storage.blobs import BlobMissing

SYSTEM: Final = "chexray"
FINDINGS: Final = ("atelectasis", "cardiomegaly", "consolidation", "edema", "pleural_effusion")
MAX_RENDERINGS_WAITING: Final = 16
RENDERING_BUSY: Final = "Too many pictures are being converted for browsers."
MEDIA_PATH: Final = "/api/chexray/media"


async def upload(services: Services, sent: Upload[XRayFields], sender: Sender, client: Client) -> XRay:
    """Run the model on a picture, and store the picture, the prediction and the X-ray for its sender.

    Raises `InvalidRequest` if the file is missing or not a picture, and what `read_picture` raises.
    """
    data = _picture_of(sent)
    try:
        async with read_picture(services, data, services.chexray, sender, client) as reading:
            return await _record(reading, sender, sent.fields.title)
    except PictureError as error:
        raise InvalidRequest.of("image", f"Upload a valid image. {error}") from error


def _picture_of(sent: Upload[XRayFields]) -> bytes:
    """The file of an upload. Raises `InvalidRequest` if it is missing or empty."""
    if sent.data is None:
        raise InvalidRequest.of("image", "No file was submitted.")
    if not sent.data:
        raise InvalidRequest.of("image", "The submitted file is empty.")
    return sent.data


async def _record(reading: ReadPicture, sender: Sender, title: str) -> XRay:
    """Insert the X-ray and its prediction. The picture of an account belongs to the prediction, and so does what is
    counted for it; without an account both are the X-ray's."""
    result, counted = reading.result, reading.counted_bytes
    prediction = await predictions.record(
        reading.session,
        result,
        sender.account_id,
        title=title,
        keeps_picture=not sender.is_anonymous,
        anonymous_bytes=None if sender.is_anonymous else counted,
    )
    xray = XRay(
        account_id=sender.account_id,
        picture_sha256=result.sha256,
        media_type=result.media_type.value,
        open_key=secrets.token_urlsafe(24) if sender.is_anonymous else None,
        findings=result.scores_for(SYSTEM),
        prediction=prediction,
        anonymous_bytes=counted if sender.is_anonymous else None,
    )
    return await repository.add(reading.session, xray)


async def find_owned(session: ReadSession, xray_id: int, account_id: int) -> XRay:
    """The X-ray with this id, which must belong to the account. Raises `NotFound` and `NotTheOwner`."""
    xray = await repository.find(session, xray_id) if 0 < xray_id < 2**63 else None
    if xray is None:
        raise NotFound
    if xray.account_id != account_id:
        raise NotTheOwner
    return xray


@dataclass(frozen=True, slots=True)
class PicturePaths:
    """The paths from which an `<img>` element can load the picture and its heatmap."""

    picture: str
    heatmap: str


def picture_paths(services: Services, xray: XRay) -> PicturePaths:
    """The paths to the picture of an X-ray.

    Their query has a key that gives access without a header: for an anonymous picture the random one that was stored
    with it, else a signed one that expires. Queries are not logged.
    """
    key = xray.open_key or services.links.sign(xray.id, lifetime_seconds=services.picture_link_seconds)
    return PicturePaths(f"{MEDIA_PATH}/{xray.id}?key={key}", f"{MEDIA_PATH}/{xray.id}/heatmap?key={key}")


async def find_by_link(services: Services, xray_id: int, key: str) -> XRay:
    """The X-ray with this id, if the link to its picture has this key. Raises `NotFound` for any other key."""
    async with services.database.reading() as session:
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


def shown_picture(services: Services, xray: XRay) -> ShownPicture:
    """The picture as browsers show it (`picture_for_browsers`). Loading it raises `NotFound` if the X-ray was deleted
    after it was found, and `Unavailable` if too many pictures are being converted."""
    charge = _charge_for(services, xray)
    found = picture_for_browsers(services, xray.picture_sha256, MediaType(xray.media_type), charge)

    async def load() -> bytes:
        async with while_it_is_kept(services, xray):
            return await found.load()

    return replace(found, load=load)


@asynccontextmanager
async def while_it_is_kept(services: Services, xray: XRay) -> AsyncIterator[None]:
    """Raises `NotFound` in place of `BlobMissing` if the X-ray was deleted after it was found."""
    try:
        yield
    except BlobMissing:
        async with services.database.reading() as session:
            if await repository.find(session, xray.id) is None:
                raise NotFound from None
        raise


def _charge_for(services: Services, xray: XRay) -> Charge | None:
    """Counts what is made of a picture that counts; None for one that does not."""
    if xray.account_id != ANONYMOUS_ACCOUNT:
        return charge_for(services, xray.prediction)

    async def charge(session: WriteSession, size: int) -> bool:
        is_kept = await repository.add_anonymous_bytes(session, xray.id, size)
        return is_kept and await services.anonymous.add(session, size)

    return charge


def heatmap_for_browsers(services: Services, xray: XRay, finding: str | None, client: Client) -> ShownPicture:
    """The picture with the class-activation map of a finding over it, by default of the likeliest; the picture itself,
    where the model has no maps.

    Raises `InvalidRequest` for a finding that is none of CheXRay's.
    """
    try:
        found = heatmap.heatmap_of(
            services, xray.prediction, finding, picture_sha256=xray.picture_sha256, system=SYSTEM
        )
    except NoHeatmap:
        return shown_picture(services, xray)
    return heatmap.shown(services, found, client, _charge_for(services, xray))
