"""What is refused with labels, in the words that TheYelda's clients know. The documented status is 401."""

from annotation_service.errors import Missing, RefusedAs401


class NoSuchLabel(Missing):
    """There is no such label."""

    default_detail = "label不存在"


class CannotSeeLabelOfOthers(RefusedAs401):
    """A label is seen by its author, and by administrators."""

    default_detail = "用户无法访问其他用户的标注信息"


class CannotEditLabelOfOthers(RefusedAs401):
    """A label is changed by its author alone."""

    default_detail = "用户无法修改其他用户的标注信息"


class LabelIsFinished(RefusedAs401):
    """The label of a finished job is not changed."""

    code = "label-is-finished"
    default_detail = "用户无法修改该标注信息"


class CannotDeleteLabelOfOthers(RefusedAs401):
    """A label is deleted by its author alone."""

    default_detail = "用户无法删除其他用户的标注"
