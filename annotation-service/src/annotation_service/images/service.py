"""Making, changing and deleting images."""

from annotation_service.images import repository
from annotation_service.images.schemas import EditedImage, NewImage
from annotation_service.pictures.models import Picture
from annotation_service.pictures.service import Pictures
from annotation_service.schemes.models import BUILT_IN_ID
from annotation_service.schemes.service import Schemes
from annotation_service.workflow import repository as workflow_repository
from annotation_service.workflow import service as workflow
from annotation_service.workflow.errors import ImageHasJobs, NoSuchImage
from annotation_service.workflow.models import Image
from annotation_service.workflow.service import Cause
from lightbox_shared.auth.principal import Principal
from lightbox_shared.database import Database, ReadSession, WriteSession


async def find(session: ReadSession | WriteSession, image_id: int) -> tuple[Image, Picture]:
    """An image and its picture. Raises `NoSuchImage`."""
    found = await repository.find(session, image_id)
    if found is None:
        raise NoSuchImage
    return found


async def create(session: WriteSession, picture_id: int, created_by: int, *, scheme_id: int = BUILT_IN_ID) -> Image:
    """An image of a picture that is stored. The history begins with it."""
    image = await repository.insert_image(session, picture_id, created_by, scheme_id)
    await workflow_repository.record(session, [workflow.entry(image, None, image.state, Cause("made", created_by))])
    return image


async def create_from_path(
    database: Database, pictures: Pictures, schemes: Schemes, caller: Principal, body: NewImage, *, own_base: str
) -> tuple[Image, Picture]:
    """An image of a picture of the platform, which is fetched and checked before the transaction begins. Raises
    `InvalidRequest` for an address or a scheme that the caller can't use, and `Unavailable` if the picture's owner does
    not answer."""
    async with (
        pictures.from_file_path(body.file_path, caller, own_base=own_base) as found,
        database.writing() as session,
    ):
        scheme_id = await schemes.id_of(session, body.scheme)
        picture = await pictures.keep(session, found, caller.account)
        return await create(session, picture.id, caller.account, scheme_id=scheme_id), picture


async def lock(session: WriteSession, image_id: int) -> Image:
    """The image as it is now, locked until the end of the transaction. Raises `NoSuchImage`."""
    image = await workflow_repository.lock_image(session, image_id)
    if image is None:
        raise NoSuchImage
    return image


async def edit(session: WriteSession, image: Image, body: EditedImage, actor: int) -> Image:
    """Change an image that is locked. Raises `ImageMovesWrongly` and `NotItsLabel`."""
    changed = await workflow.edit_image(session, image, body.edit(image.ground_truth_id), actor=actor)
    if body.source is not None and await repository.set_source(session, image.picture_id, body.source):
        changed = await workflow_repository.change_image(session, image.id, {})
    return changed


async def check_deletion(session: ReadSession | WriteSession, image_id: int) -> None:
    """Raises `ImageHasJobs` for an image that has jobs."""
    if await workflow_repository.has_jobs(session, image_id):
        raise ImageHasJobs


async def delete(session: WriteSession, image: Image, actor: int) -> None:
    """Delete an image that is locked; its picture stays. Raises `ImageHasJobs`."""
    await check_deletion(session, image.id)
    await workflow_repository.delete_image(session, image.id)
    await workflow_repository.record(session, [workflow.entry(image, image.state, None, Cause("deleted", actor))])
