"""What is refused with statistics."""

from annotation_service.errors import Missing, Refused


class CannotSeePerformanceOfOthers(Refused):
    """An account's performance is seen by the account itself and by administrators."""

    default_detail = "用户无法查看他人表现"


class NoSuchAccount(Missing):
    """There is no such account."""

    default_detail = "用户不存在"
