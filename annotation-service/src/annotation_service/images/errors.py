"""Who may change images, in the words that TheYelda's clients know. The documented status is 401."""

from annotation_service.errors import RefusedAs401


class CreatingNeedsAdministrator(RefusedAs401):
    """Only administrators make images."""

    default_detail = "创建图片需要管理员权限"


class EditingNeedsAdministrator(RefusedAs401):
    """Only administrators change images."""

    default_detail = "修改图片信息需要管理员权限"


class DeletingNeedsAdministrator(RefusedAs401):
    """Only administrators delete images."""

    default_detail = "删除图片需要管理员权限"
