"""The rules of CheXRay: what an upload must be, who may see what, and where a picture can be loaded from."""

import hmac
import secrets
import unicodedata
from typing import Final

from anyio import to_thread

from inference_service.predictions import service as predictions
from inference_service.state import Services
from inference_service.xrays import repository
from inference_service.xrays.errors import NotTheOwner
from inference_service.xrays.models import XRay
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.errors import InvalidRequest, NotFound, Unavailable
from lightbox_shared.images import MediaType, PictureError, decode_grey
from lightbox_shared.uploads import Upload

SYSTEM: Final = "chexray"
FINDINGS: Final = ("atelectasis", "cardiomegaly", "consolidation", "edema", "pleural_effusion")
MAX_TITLE: Final = 255
MAX_RENDERINGS_WAITING: Final = 16
MEDIA_PATH: Final = "/api/chexray/media"


def check_title(title: str) -> str:
    """Raises `InvalidRequest` for a title that is too long or has control characters; an empty one is fine."""
    if len(title) > MAX_TITLE:
        raise InvalidRequest.of("title", f"Ensure this field has no more than {MAX_TITLE} characters.")
    if any(unicodedata.category(each) == "Cc" for each in title):
        raise InvalidRequest.of("title", "Control characters are not allowed.")
    return title


async def upload(services: Services, session: WriteSession, upload: Upload, account_id: int) -> XRay:
    """Read the picture and keep it, then the prediction and the X-ray that refer to it.

    The bytes are committed while the model runs, by themselves: nobody sees them before the X-ray refers to them, and
    if that never happens they are a blob without a reference. The caller's transaction begins after the model, so no
    connection is held while a picture waits for a core.
    """
    title = check_title(upload.fields.get("title", ""))
    if upload.data is None:
        raise InvalidRequest.of("image", "No file was submitted.")
    if not upload.data:
        raise InvalidRequest.of("image", "The submitted file is empty.")
    data = upload.data

    async def keep(digest: bytes) -> None:
        async with services.database.writing() as own:
            await services.blobs.put(own, data, digest)

    try:
        read = await services.reader.read(data, services.chexray, keep)
    except PictureError as error:
        raise InvalidRequest.of("image", f"Upload a valid image. {error}") from error
    xray = XRay(
        account_id=account_id,
        title=title,
        picture_sha256=read.sha256,
        media_type=read.media_type.value,
        open_key=secrets.token_urlsafe(24) if account_id == ANONYMOUS_ACCOUNT else None,
        findings=read.serving(SYSTEM),
        prediction=await predictions.record(session, read, account_id),
    )
    session.add(xray)
    await session.flush()
    return xray


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


def parse_xray_id(fields: dict[str, object]) -> int:
    """The id in the field `xray_id`, or `id`; a number, or a text of digits. Raises `InvalidRequest`."""
    value = fields.get("xray_id", fields.get("id"))
    if value is None:
        raise InvalidRequest.of("xray_id", "This field is required.")
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 40:
        return int(value)
    raise InvalidRequest.of("xray_id", "A valid integer is required.")
