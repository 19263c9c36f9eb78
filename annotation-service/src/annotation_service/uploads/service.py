"""Uploading pictures: all files of a request become images, or none does."""

from collections.abc import Sequence
from contextlib import ExitStack, closing

from annotation_service.images import service as images
from annotation_service.pictures.models import Picture
from annotation_service.pictures.preparing import PreparedPicture
from annotation_service.pictures.service import Pictures
from annotation_service.schemes.service import Schemes
from annotation_service.uploads.schemas import UploadFields
from annotation_service.workflow.models import Image
from lightbox_shared.database import Database
from lightbox_shared.errors import InvalidRequest
from lightbox_shared.errors.sentences import EMPTY_FILE, NO_FILE
from lightbox_shared.images import PictureError
from lightbox_shared.requests.uploads import UploadedFile


async def upload(
    database: Database,
    pictures: Pictures,
    schemes: Schemes,
    files: Sequence[UploadedFile],
    fields: UploadFields,
    *,
    account_id: int,
) -> list[tuple[Image, Picture]]:
    """Check the files one after the other, and store them and their images in one transaction.

    Raises `InvalidRequest` if there is no file, one is no picture, or there is no such scheme, and `Unavailable` if too
    many pictures wait to be checked.
    """
    if not files:
        raise InvalidRequest.of("file", NO_FILE)
    with ExitStack() as opened:
        prepared: list[PreparedPicture] = []
        for file in files:
            # The name tells several files apart.
            named = f"{file.filename}: " if len(files) > 1 else ""
            if not file.size:
                raise InvalidRequest.of("file", f"{named}{EMPTY_FILE}" if named else EMPTY_FILE)
            try:
                checked = await pictures.prepare(file.file, file.filename, fields.source)
            except PictureError as error:
                raise InvalidRequest.of("file", f"{named}{error}" if named else error.sentence) from error
            prepared.append(opened.enter_context(closing(checked)))
        made: list[tuple[Image, Picture]] = []
        async with database.writing() as session:
            scheme_id = await schemes.id_of(session, fields.scheme)
            for each in prepared:
                picture = await pictures.keep(session, each, account_id)
                made.append((await images.create(session, picture.id, account_id, scheme_id=scheme_id), picture))
    return made
