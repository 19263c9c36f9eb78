"""What can go wrong with TheYelda's resources, in the words that its clients know.

Where the callers are known and still may not do something, the documented status is 403 for jobs and 401 for images and
labels.
"""

from typing import Final

from lightbox_shared.errors import Conflict, Forbidden, NotAuthenticated, NotFound
from lightbox_shared.errors.dialects import ErrorMember, ProblemDetails
from lightbox_shared.responses.conditional import PreconditionFailed

YELDA: Final = ErrorMember(
    {
        400: "请求非法",
        401: "用户未登录",
        403: "用户没有权限",
        404: "资源不存在",
        405: "请求方法不被允许",
        412: "内容已被修改",
    },
    member="message",
    detail="detail",
)
"""The shape of TheYelda's errors: `{"message": "..."}`. For a request that is not valid (400) the member `detail` names
the field."""
PROBLEMS: Final = ProblemDetails(sentence_member="message")
"""The shape of errors on paths that TheYelda did not have."""


class Refused(Forbidden):
    """The caller may not do this; the sentence is one that clients know."""

    code = "refused"
    verbatim = True


class RefusedAs401(NotAuthenticated):
    """The same where TheYelda's clients expect 401, although the caller is known."""

    code = "refused"
    verbatim = True


class Contradiction(Conflict):
    """The request contradicts the state of what it is about."""

    code = "contradiction"
    verbatim = True


class Missing(NotFound):
    """There is no such resource."""

    verbatim = True
    code = "missing"


__all__ = ["PROBLEMS", "YELDA", "Contradiction", "Missing", "PreconditionFailed", "Refused", "RefusedAs401"]
