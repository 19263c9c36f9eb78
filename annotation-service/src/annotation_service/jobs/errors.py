"""Who may see, make and delete jobs, in the words that TheYelda's clients know. The documented status is 403."""

from annotation_service.errors import Refused
from lightbox_shared.errors import InvalidRequest
from lightbox_shared.errors.sentences import Sentence


class CannotSeeJobOfOthers(Refused):
    """A job is seen by its doctor, and by administrators."""

    default_detail = "用户无法访问他人任务"


class CannotListJobsOfOthers(Refused):
    """Only administrators list the jobs of all doctors."""

    default_detail = "用户无法访问其他用户的任务列表"


class CreatingNeedsAdministrator(Refused):
    """Only administrators make jobs."""

    default_detail = "创建任务需要管理员权限"


class DeletingNeedsAdministrator(Refused):
    """Only administrators delete jobs."""

    default_detail = "删除任务需要管理员权限"


def not_a_doctor() -> InvalidRequest:
    """The error for a job of an account that is unknown, deleted, not approved, or no doctor."""
    return InvalidRequest.of("account_id", Sentence("no-such-doctor", "There is no approved doctor with this id."))


def no_such_image() -> InvalidRequest:
    """The error for a job of an image that does not exist."""
    return InvalidRequest.of("image_id", Sentence("not-there", "There is no image with this id."))
