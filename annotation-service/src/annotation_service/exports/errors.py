"""Errors of exports."""

from annotation_service.errors import Missing
from lightbox_shared.errors import Conflict, NotFound, Unavailable


class NoSuchExport(NotFound):
    """There is no such export, or it was deleted since its time was over."""

    code = "no-such-export"
    default_detail = "There is no such export. A file is deleted some time after it was made."


class ExportNotDone(Conflict):
    """The file is not complete yet, or could not be made."""

    code = "export-not-done"
    default_detail = "This export is not done, so it has no file."


class NoSuchDoctor(Missing):
    """The account whose labels are wanted does not exist."""

    default_detail = "用户不存在"


class TooManyDownloads(Unavailable):
    """Each download holds a connection of the database until its client has read it."""

    code = "too-many-downloads"
    default_detail = "Other downloads are running. Try again in a moment, or ask for an export at /api/exports."
